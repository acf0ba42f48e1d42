"""Metrics of a ranking, one value per user, computed from the ranks of the user's test items.

Every function takes `TestRanks` and returns a float64 array of length n_users: a value for each user who has test
items. Items with equal scores are ordered by their index, the lower first; only `auc` counts ties as half. A test item
that was not a candidate, because it was filtered, is never a hit, but counts as a test item (except in `auc`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gingham.errors import ParameterError
from gingham.metrics.ranks import TestRanks, Values
from gingham.validation import check_integer, check_type, shown


def check_ranks(test: Any) -> None:
    """Check that a value is `TestRanks`."""
    check_type("test", test, TestRanks, "gingham.metrics.TestRanks, such as those of gg.metrics.rank_test")


def _in_top_k(test: TestRanks, k: int) -> npt.NDArray[np.bool_]:
    """Return which test items are among the first `k`; one that was not a candidate never is, however large `k` is."""
    check_ranks(test)
    check_integer("k", k)
    return np.asarray(test.ranks < min(k, test.n_items))


def _hits(test: TestRanks, k: int) -> Values:
    in_top_k = _in_top_k(test, k)  # first, because it checks the arguments
    return test.sum(in_top_k)


def precision_at_k(test: TestRanks, k: int) -> Values:
    """Compute precision at k: the number of test items among the first `k`, divided by `k`.

    The divisor is `k` even if fewer than `k` items could be recommended.

    Parameters
    ----------
    test : TestRanks
        The ranks of the test items of n_users users.
    k : int
        The length of the list.

    Returns
    -------
    float64 array of length n_users

    Examples
    --------
    The test items of the first user have ranks 1 and 3, the one of the second user has rank 2 (in `TestRanks`, ranks
    start at 0). Two of three recommendations are hits for the first user, and one of three for the second:

    >>> from gingham.metrics import TestRanks, precision_at_k
    >>> test = TestRanks.from_ranks([[0, 2], [1]], n_items=6)
    >>> precision_at_k(test, k=3).round(4).tolist()  # 2 / 3, 1 / 3
    [0.6667, 0.3333]
    """
    return _hits(test, k) / k


def recall_at_k(test: TestRanks, k: int) -> Values:
    """Compute recall at k: the number of test items among the first `k`, divided by the user's number of test items.

    Parameters
    ----------
    test, k
        As for `precision_at_k`.

    Returns
    -------
    float64 array of length n_users

    Examples
    --------
    Of the first user's two test items, one is among the first two items; so is the second user's only one:

    >>> from gingham.metrics import TestRanks, recall_at_k
    >>> test = TestRanks.from_ranks([[0, 2], [1]], n_items=6)
    >>> recall_at_k(test, k=2).tolist()  # 1 / 2, 1 / 1
    [0.5, 1.0]
    """
    return _hits(test, k) / test.n_test


def f1_at_k(test: TestRanks, k: int) -> Values:
    """Compute F1 at k, the harmonic mean of precision and recall.

    It equals 2 * hits / (k + number of test items).

    Parameters
    ----------
    test, k
        As for `precision_at_k`.

    Returns
    -------
    float64 array of length n_users

    Examples
    --------
    >>> from gingham.metrics import TestRanks, f1_at_k
    >>> test = TestRanks.from_ranks([[0, 2], [1]], n_items=6)
    >>> f1_at_k(test, k=3).tolist()  # 2 * 2 / (3 + 2), 2 * 1 / (3 + 1)
    [0.8, 0.5]
    """
    return 2 * _hits(test, k) / (k + test.n_test)


def hit_rate_at_k(test: TestRanks, k: int) -> Values:
    """Compute the hit rate at k: 1 if any test item is among the first `k`, else 0.

    Parameters
    ----------
    test, k
        As for `precision_at_k`.

    Returns
    -------
    float64 array of length n_users

    Examples
    --------
    >>> from gingham.metrics import TestRanks, hit_rate_at_k
    >>> test = TestRanks.from_ranks([[0, 2], [1]], n_items=6)
    >>> hit_rate_at_k(test, k=1).tolist()
    [1.0, 0.0]
    """
    return (_hits(test, k) > 0).astype(np.float64)


def ndcg_at_k(test: TestRanks, k: int) -> Values:
    """Compute the normalised discounted cumulative gain at k, with binary gains [1]_.

    The sum of 1 / log2(rank + 1) over the test items among the first `k` (ranks start at 1), divided by its largest
    possible value, which has ``min(k, number of test items)`` hits at the top.

    Parameters
    ----------
    test, k
        As for `precision_at_k`.

    Returns
    -------
    float64 array of length n_users

    References
    ----------
    .. [1] Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS, 2002.

    Examples
    --------
    The first user's test items have ranks 1 and 3: 1 / log2(2) + 1 / log2(4) = 1.5. The largest possible value, with
    ranks 1 and 2, is 1 / log2(2) + 1 / log2(3) = 1.6309. For the second user it is 1 / log2(3) = 0.6309, divided by 1.

    >>> from gingham.metrics import TestRanks, ndcg_at_k
    >>> test = TestRanks.from_ranks([[0, 2], [1]], n_items=6)
    >>> ndcg_at_k(test, k=3).round(4).tolist()  # 1.5 / 1.6309, 0.6309 / 1
    [0.9197, 0.6309]
    """
    in_top_k = _in_top_k(test, k)
    k = min(k, test.n_items)  # no list is longer
    discounts: Values = 1 / np.log2(np.arange(2, k + 2))
    gains = np.where(in_top_k, discounts[np.minimum(test.ranks, k - 1)], 0)
    best: Values = np.cumsum(discounts)[np.minimum(test.n_test, k) - 1]
    return test.sum(gains) / best


def map_at_k(test: TestRanks, k: int) -> Values:
    """Compute the average precision at k; its mean over users is MAP@k, as in Kaggle's H&M competition.

    The sum of the precision at the rank of each test item among the first `k`, divided by
    ``min(k, number of test items)``.

    Parameters
    ----------
    test, k
        As for `precision_at_k`.

    Returns
    -------
    float64 array of length n_users

    Examples
    --------
    The first user's test items have ranks 1 and 3; the precision is 1 / 1 at the first and 2 / 3 at the second.

    >>> from gingham.metrics import TestRanks, map_at_k
    >>> test = TestRanks.from_ranks([[0, 2], [1]], n_items=6)
    >>> map_at_k(test, k=3).round(4).tolist()  # (1 / 1 + 2 / 3) / 2, (1 / 2) / 1
    [0.8333, 0.5]
    """
    precisions = np.where(_in_top_k(test, k), test.nth / (test.ranks + 1.0), 0)
    return test.sum(precisions) / np.minimum(test.n_test, k)


def reciprocal_rank(test: TestRanks) -> Values:
    """Compute the reciprocal rank: 1 / the rank (from 1) of the user's best test item; 0 if none was a candidate.

    Parameters
    ----------
    test : TestRanks
        The ranks of the test items of n_users users.

    Returns
    -------
    float64 array of length n_users

    Examples
    --------
    >>> from gingham.metrics import TestRanks, reciprocal_rank
    >>> test = TestRanks.from_ranks([[0, 2], [1]], n_items=6)
    >>> reciprocal_rank(test).tolist()  # 1 / 1, 1 / 2
    [1.0, 0.5]
    """
    check_ranks(test)
    best = np.minimum.reduceat(test.ranks, test.indptr[:-1]) if len(test.indptr) > 1 else np.empty(0)
    return np.where(best < test.n_items, 1 / (best + 1.0), 0)


def auc(test: TestRanks) -> Values:
    """Compute the probability that a test item scores higher than a candidate that is not a test item.

    Equal scores count half. Test items that were not candidates are left out.

    Parameters
    ----------
    test : TestRanks
        The ranks of the test items of n_users users.

    Returns
    -------
    float64 array of length n_users
        NaN for a user without test items or without other items among the candidates.

    Examples
    --------
    The first user has 2 test items and 4 other items. The test item with rank 1 is above all 4, the one with rank 3
    above 3 of them: 7 of 8 pairs are in the right order. The second user's test item is above 4 of 5 other items.

    >>> from gingham.metrics import TestRanks, auc
    >>> test = TestRanks.from_ranks([[0, 2], [1]], n_items=6)
    >>> auc(test).tolist()  # 7 / 8, 4 / 5
    [0.875, 0.8]
    """
    check_ranks(test)
    candidates = test.ranks < test.n_items
    positives = test.sum(candidates)
    negatives = test.n_candidates - positives
    # Of two positives, one is above the other, which adds one to the sum of the mid-ranks.
    above = test.sum(np.where(candidates, test.mid_ranks, 0)) - positives * (positives - 1) / 2
    pairs = positives * negatives
    return np.where(pairs > 0, 1 - above / np.maximum(pairs, 1), np.nan)


AT_K: Mapping[str, Callable[..., Values]] = {
    "precision": precision_at_k,
    "recall": recall_at_k,
    "f1": f1_at_k,
    "ndcg": ndcg_at_k,
    "map": map_at_k,
    "hit_rate": hit_rate_at_k,
}
OF_ALL: Mapping[str, Callable[[TestRanks], Values]] = {"reciprocal_rank": reciprocal_rank, "auc": auc}


def main_metric(k: int) -> str:
    """Return the name of the default metric for lists of `k` items.

    Examples
    --------
    >>> from gingham.metrics import main_metric
    >>> main_metric(12)
    'map@12'
    """
    check_integer("k", k)
    return f"map@{k}"


def names(ks: Sequence[int]) -> list[str]:
    """Return the names of all metrics, at each of `ks` where they depend on k.

    Examples
    --------
    >>> from gingham.metrics import names
    >>> names([5])
    ['precision@5', 'recall@5', 'f1@5', 'ndcg@5', 'map@5', 'hit_rate@5', 'reciprocal_rank', 'auc']
    """
    check_type("ks", ks, Sequence, "a sequence of integers, such as [5, 12]")
    for k in ks:
        check_integer("ks", k)
    return [*(f"{metric}@{k}" for metric in AT_K for k in ks), *OF_ALL]


def named(name: str) -> Callable[[TestRanks], Values]:
    """Return the function of a metric by its name, such as ``"ndcg@12"`` or ``"auc"``.

    Raises
    ------
    ParameterError
        If there is no such metric.

    Examples
    --------
    >>> from gingham.metrics import TestRanks, named
    >>> metric = named("recall@2")
    >>> metric(TestRanks.from_ranks([[0, 2], [1]], n_items=6)).tolist()
    [0.5, 1.0]
    """
    metric, at, k = str(name).partition("@")
    if at and metric in AT_K and k.isdecimal() and int(k) > 0:
        return partial(AT_K[metric], k=int(k))
    if not at and metric in OF_ALL:
        return OF_ALL[metric]
    valid = [*(f"{metric}@k" for metric in AT_K), *OF_ALL]
    raise ParameterError(f"Unknown metric {shown(name)}; use one of {', '.join(valid)}, with a number for k.")


def compute(name: str, test: TestRanks) -> Values:
    """Compute a metric by its name, such as ``"ndcg@12"`` or ``"auc"``.

    Parameters
    ----------
    name : str
        The metric, with ``@`` and a number if it depends on k.
    test : TestRanks
        The ranks of the test items of n_users users.

    Returns
    -------
    float64 array of length n_users

    Raises
    ------
    ParameterError
        If there is no such metric.

    Examples
    --------
    >>> from gingham.metrics import TestRanks, compute
    >>> compute("recall@2", TestRanks.from_ranks([[0, 2], [1]], n_items=6)).tolist()
    [0.5, 1.0]
    """
    return named(name)(test)
