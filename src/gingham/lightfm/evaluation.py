"""Evaluation metrics with one value per user."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import metrics
from gingham.arrays import Floats, Matrix
from gingham.lightfm.arguments import require_flags
from gingham.lightfm.lightfm import LightFM
from gingham.lightfm.matrices import as_csr
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
    """Compute the precision at k of each user: the number of test items among the best `k` items, divided by `k`.

    Parameters
    ----------
    model : LightFM
        A fitted model. A model of the original LightFM package is copied.
    test_interactions, train_interactions, user_features, item_features, num_threads, check_intersections
        As for `LightFM.predict_rank`. Items with equal scores all get the worst rank among them.
    k : int
        The number of best items that count; 10 by default.
    preserve_rows : bool
        Whether the result also contains users without test items, with the value 0; False by default.

    Returns
    -------
    float32 array, shape (n_users_with_test_items,) or (n_users,)
        One value per user with test items, or per user if `preserve_rows`.

    Raises
    ------
    NotFittedError, DataError, ParameterError
        As for `LightFM.predict_rank`; also if `k` is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.lightfm import LightFM
    >>> from gingham.lightfm.evaluation import precision_at_k
    >>> interactions = sp.coo_matrix(np.kron(np.eye(2), np.ones((2, 2))))  # two groups of users and items
    >>> model = LightFM(loss="warp", random_state=1).fit(interactions, epochs=50)
    >>> precision_at_k(model, interactions, k=4)
    array([0.5, 0.5, 0.5, 0.5], dtype=float32)
    """
    check_integer("k", k, 1)
    require_flags(preserve_rows=preserve_rows)
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
    """Compute the recall at k of each user: the share of the user's test items that are among the best `k` items.

    The arguments and errors are those of `precision_at_k`; the result is a float64 array, as in LightFM.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.lightfm import LightFM
    >>> from gingham.lightfm.evaluation import recall_at_k
    >>> interactions = sp.coo_matrix(np.kron(np.eye(2), np.ones((2, 2))))  # two groups of users and items
    >>> model = LightFM(loss="warp", random_state=1).fit(interactions, epochs=50)
    >>> recall_at_k(model, interactions, k=1)
    array([0.5, 0.5, 0.5, 0.5])
    """
    check_integer("k", k, 1)
    require_flags(preserve_rows=preserve_rows)
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
    """Compute the ROC AUC of each user: the probability that a test item scores higher than a negative item.

    Negative items are those in neither the test nor the train interactions. Equal scores count half. The value is 0.5
    for a user without test items (with `preserve_rows`) or without negative items. The arguments, result and errors are
    those of `precision_at_k`.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.lightfm import LightFM
    >>> from gingham.lightfm.evaluation import auc_score
    >>> interactions = sp.coo_matrix(np.kron(np.eye(2), np.ones((2, 2))))  # two groups of users and items
    >>> model = LightFM(loss="warp", random_state=1).fit(interactions, epochs=50)
    >>> auc_score(model, interactions)
    array([1., 1., 1., 1.], dtype=float32)
    """
    require_flags(preserve_rows=preserve_rows)
    model = _as_ours(model)
    test, ranking = model.ranking(
        test_interactions, train_interactions, item_features, user_features, num_threads, check_intersections
    )
    n_users, n_items = test.shape
    n_test = np.diff(test.indptr)
    n_train = 0 if train_interactions is None else as_csr(train_interactions, "train_interactions").getnnz(axis=1)
    negatives = n_items - n_test - n_train
    users = np.repeat(np.arange(n_users), n_test)
    # Test items of a user with equal scores form one level, so that none of them counts as above another.
    _, level, n_level = np.unique(users * (n_items + 1.0) + ranking.mid_ranks, return_inverse=True, return_counts=True)
    nth = (np.cumsum(n_level) - (n_level + 1) / 2)[level] - test.indptr[users]
    above = np.maximum(ranking.mid_ranks - nth, 0).astype(np.float32)
    # `metrics.auc` in float32, with LightFM's order of operations: multiply by a reciprocal, and sum one by one, best
    # first. So the values are equal to the last bit.
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
    """Compute the reciprocal rank of each user: 1 divided by the rank (from 1) of the user's best test item.

    The arguments, result and errors are those of `precision_at_k`.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.lightfm import LightFM
    >>> from gingham.lightfm.evaluation import reciprocal_rank
    >>> interactions = sp.coo_matrix(np.kron(np.eye(2), np.ones((2, 2))))  # two groups of users and items
    >>> model = LightFM(loss="warp", random_state=1).fit(interactions, epochs=50)
    >>> reciprocal_rank(model, interactions)
    array([1., 1., 1., 1.], dtype=float32)
    """
    require_flags(preserve_rows=preserve_rows)
    test, ranks = _test_ranks(
        model, test_interactions, train_interactions, item_features, user_features, num_threads, check_intersections
    )
    return _by_user(metrics.reciprocal_rank(ranks).astype(np.float32), ranks, test, preserve_rows)


def _as_ours(model: Any) -> LightFM:
    return model if isinstance(model, LightFM) else LightFM.from_lightfm(model)


def _test_ranks(model: Any, *arguments: Any) -> tuple[sp.csr_matrix, TestRanks]:
    """Return the test interactions and the ranks of their items, for the metrics."""
    test, ranking = _as_ours(model).ranking(*arguments)
    users = np.flatnonzero(np.diff(test.indptr)).astype(np.int32)
    ranks = TestRanks.of(users, ranking, test[users], None)
    return test, replace(ranks, ranks=worst_ranks(ranking).astype(np.int64))


def _by_user(values: npt.NDArray[Any], ranks: TestRanks, test: sp.csr_matrix, preserve_rows: bool) -> npt.NDArray[Any]:
    if not preserve_rows:
        return values
    all_values = np.zeros(test.shape[0], values.dtype)
    all_values[ranks.users] = values
    return all_values
