"""How good a ranking is, user by user, from the ranks of the user's test items alone.

Every function takes a `TestRanks` and returns a float64 array with one value for each of its users, all of whom have
test items. An item that ranks level with others stands where the ranking put it (the lower item index first); `auc`
alone counts ties by half.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from gingham.errors import ParameterError
from gingham.metrics.test_ranks import TestRanks, Values


def _among(test: TestRanks, k: int) -> npt.NDArray[np.bool_]:
    """Tell which test items are among the first `k`; one that was no candidate is not, however large `k` is."""
    return np.asarray(test.ranks < min(k, test.n_items))


def _hits(test: TestRanks, k: int) -> Values:
    return test.sum(_among(test, k))


def precision_at_k(test: TestRanks, k: int) -> Values:
    """Count the test items among the first `k`, and divide by `k`, also where fewer than `k` were recommended."""
    return _hits(test, k) / k


def recall_at_k(test: TestRanks, k: int) -> Values:
    """Count the test items among the first `k`, and divide by the number of the user's test items."""
    return _hits(test, k) / test.n_test


def f1_at_k(test: TestRanks, k: int) -> Values:
    """Give the harmonic mean of precision and recall: twice the hits, divided by `k` plus the number of test items."""
    return 2 * _hits(test, k) / (k + test.n_test)


def hit_rate_at_k(test: TestRanks, k: int) -> Values:
    """Say 1 if any test item is among the first `k`, else 0."""
    return (_hits(test, k) > 0).astype(np.float64)


def ndcg_at_k(test: TestRanks, k: int) -> Values:
    """Sum 1 / log2(rank + 1) over the test items among the first `k` (ranks from 1), and divide by the best possible.

    The best possible has ``min(k, number of test items)`` hits at the top. Järvelin and Kekäläinen (2002), with binary
    gains.
    """
    discounts: Values = 1 / np.log2(np.arange(2, k + 2))
    gains = np.where(_among(test, k), discounts[np.minimum(test.ranks, k - 1)], 0)
    best: Values = np.cumsum(discounts)[np.minimum(test.n_test, k) - 1]
    return test.sum(gains) / best


def map_at_k(test: TestRanks, k: int) -> Values:
    """Average the precision at each test item among the first `k`: sum, divided by ``min(k, number of test items)``.

    This is the MAP@k of Kaggle's H&M competition.
    """
    precisions = np.where(_among(test, k), test.nth / (test.ranks + 1.0), 0)
    return test.sum(precisions) / np.minimum(test.n_test, k)


def reciprocal_rank(test: TestRanks) -> Values:
    """Divide 1 by the rank (from 1) of the user's best test item; 0 if none of them was a candidate."""
    best = np.minimum.reduceat(test.ranks, test.indptr[:-1]) if len(test.indptr) > 1 else np.empty(0)
    return np.where(best < test.n_items, 1 / (best + 1.0), 0)


def auc(test: TestRanks) -> Values:
    """Give the probability that a test item scores higher than another candidate that is no test item.

    Equal scores count half. Test items that were no candidates don't take part. NaN for a user who has no test items
    left, or no other candidates: nothing was ordered.
    """
    candidates = test.ranks < test.n_items
    positives = test.sum(candidates)
    negatives = test.n_candidates - positives
    # Each pair of positives adds one to the sum of mid-ranks, whichever is above.
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
    """Name the metric that decides where nobody asked for another, for lists of so many items."""
    return f"map@{k}"


def names(ks: Sequence[int]) -> list[str]:
    """Name every metric, at each `k` where it depends on that."""
    return [*(f"{metric}@{k}" for metric in AT_K for k in ks), *OF_ALL]


def named(name: str) -> Callable[[TestRanks], Values]:
    """Find a metric by its name, such as ``"ndcg@12"`` or ``"auc"``.

    Raises
    ------
    ParameterError
        If there is no such metric.
    """
    metric, at, k = str(name).partition("@")
    if at and metric in AT_K and k.isdecimal() and int(k) > 0:
        return partial(AT_K[metric], k=int(k))
    if not at and metric in OF_ALL:
        return OF_ALL[metric]
    known = [*(f"{metric}@k" for metric in AT_K), *OF_ALL]
    raise ParameterError(f"There is no metric {name!r}; give one of {', '.join(known)}, with a number for k.")


def compute(name: str, test: TestRanks) -> Values:
    """Compute a metric by its name.

    Raises
    ------
    ParameterError
        If there is no such metric.
    """
    return named(name)(test)
