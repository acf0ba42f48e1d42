"""How good a model is: one value for each user with test items."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import metrics
from gingham.arrays import Floats, Matrix, canonical
from gingham.lightfm.model import LightFM
from gingham.lightfm.scoring import worst_ranks
from gingham.metrics import TestRanks
from gingham.validation import check_integer

__all__ = ["auc_score", "precision_at_k", "recall_at_k", "reciprocal_rank"]


def precision_at_k(
    model: LightFM,
    test_interactions: Matrix,
    train_interactions: Matrix | None = None,
    k: int = 10,
    user_features: Matrix | None = None,
    item_features: Matrix | None = None,
    preserve_rows: bool = False,
    num_threads: int = 1,
    check_intersections: bool = True,
) -> Floats:
    """Count each user's test items among the first `k`, and divide by `k`.

    Parameters
    ----------
    model : LightFM
        Ours; of another with the same attributes, a copy is ranked.
    test_interactions, train_interactions, user_features, item_features, num_threads, check_intersections
        As for `LightFM.predict_rank`. Of items with equal scores each has the worst place that they share.
    k : int
        How many of the best items count; 10 by default.
    preserve_rows : bool
        Whether users without test items have a value, 0; False by default: they have none.

    Returns
    -------
    float32 array, one a user with test items, or one a user

    Raises
    ------
    NotFittedError, DataError, ParameterError
        As `LightFM.predict_rank` does; also if `k` is less than 1.
    """
    check_integer("k", k, 1)
    test, ranks = _test_ranks(
        model, test_interactions, train_interactions, item_features, user_features, num_threads, check_intersections
    )
    return _by_user(metrics.precision_at_k(ranks, k).astype(np.float32), ranks, test, preserve_rows)


def recall_at_k(
    model: LightFM,
    test_interactions: Matrix,
    train_interactions: Matrix | None = None,
    k: int = 10,
    user_features: Matrix | None = None,
    item_features: Matrix | None = None,
    preserve_rows: bool = False,
    num_threads: int = 1,
    check_intersections: bool = True,
) -> npt.NDArray[np.float64]:
    """Count each user's test items among the first `k`, and divide by the number of their test items.

    The arguments are those of `precision_at_k`; the result is a float64 array, as LightFM's is.
    """
    check_integer("k", k, 1)
    test, ranks = _test_ranks(
        model, test_interactions, train_interactions, item_features, user_features, num_threads, check_intersections
    )
    return _by_user(metrics.recall_at_k(ranks, k), ranks, test, preserve_rows)


def auc_score(
    model: LightFM,
    test_interactions: Matrix,
    train_interactions: Matrix | None = None,
    user_features: Matrix | None = None,
    item_features: Matrix | None = None,
    preserve_rows: bool = False,
    num_threads: int = 1,
    check_intersections: bool = True,
) -> Floats:
    """Give the probability that a user's test item scores higher than an item that is in neither matrix.

    Equal scores count half. The value is 0.5 for a user with nothing to compare: no test items, or no other items left.
    The arguments are those of `precision_at_k`, and so is the result.
    """
    model = _ours(model)
    test, ranking = model.ranking(
        test_interactions, train_interactions, item_features, user_features, num_threads, check_intersections
    )
    n_users, n_items = test.shape
    n_test = np.diff(test.indptr)
    n_train = 0 if train_interactions is None else canonical(train_interactions, "train_interactions").getnnz(axis=1)
    negatives = n_items - n_test - n_train
    users = np.repeat(np.arange(n_users), n_test)
    # Test items with equal scores share their places among the user's test items: none counts as above another.
    _, level, n_level = np.unique(users * (n_items + 1.0) + ranking.mid_ranks, return_inverse=True, return_counts=True)
    nth = (np.cumsum(n_level) - (n_level + 1) / 2)[level] - test.indptr[users]
    above = np.maximum(ranking.mid_ranks - nth, 0).astype(np.float32)
    # `metrics.auc` in float32: multiplied by a reciprocal and summed one after the other, best first, as LightFM's
    # compiled code does, so that the figures are the same to the last bit.
    share = 1 / np.maximum(negatives, 1).astype(np.float32)
    parts = 1 - (above * share[users]).astype(np.float64)
    sums = np.zeros(n_users, np.float32)
    np.add.at(sums, users, parts[np.argsort(level, kind="stable")])
    values = np.where((n_test > 0) & (negatives > 0), sums / np.maximum(n_test, 1).astype(np.float32), np.float32(0.5))
    return values if preserve_rows else values[n_test > 0]


def reciprocal_rank(
    model: LightFM,
    test_interactions: Matrix,
    train_interactions: Matrix | None = None,
    user_features: Matrix | None = None,
    item_features: Matrix | None = None,
    preserve_rows: bool = False,
    num_threads: int = 1,
    check_intersections: bool = True,
) -> Floats:
    """Divide 1 by the place, from 1, of each user's best test item.

    The arguments are those of `precision_at_k`, and so is the result.
    """
    test, ranks = _test_ranks(
        model, test_interactions, train_interactions, item_features, user_features, num_threads, check_intersections
    )
    return _by_user(metrics.reciprocal_rank(ranks).astype(np.float32), ranks, test, preserve_rows)


def _ours(model: Any) -> LightFM:
    return model if isinstance(model, LightFM) else LightFM.from_lightfm(model)


def _test_ranks(model: Any, *arguments: Any) -> tuple[sp.csr_matrix, TestRanks]:
    """Rank as `LightFM.ranking` does, for the metrics of users with test items."""
    test, ranking = _ours(model).ranking(*arguments)
    users = np.flatnonzero(np.diff(test.indptr)).astype(np.int32)
    ranks = TestRanks.of(users, ranking, test[users], None)
    return test, replace(ranks, ranks=worst_ranks(ranking).astype(np.int64))


def _by_user(values: npt.NDArray[Any], ranks: TestRanks, test: sp.csr_matrix, preserve_rows: bool) -> npt.NDArray[Any]:
    if not preserve_rows:
        return values
    everybody = np.zeros(test.shape[0], values.dtype)
    everybody[ranks.users] = values
    return everybody
