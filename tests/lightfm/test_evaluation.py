from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.lightfm import LightFM
from gingham.lightfm.evaluation import auc_score, precision_at_k, recall_at_k, reciprocal_rank
from gingham.lightfm.state import ARRAYS
from tests.lightfm import oracle
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, features

SHAPE = (N_USERS, N_ITEMS)
METRICS = (precision_at_k, recall_at_k, auc_score, reciprocal_rank)
BOTH: dict[str, Any] = {"user_features": features(N_USERS, 1), "item_features": features(N_ITEMS, 2)}


def model_with(ties: bool, side_features: dict[str, Any]) -> LightFM:
    model = LightFM(loss="warp", learning_rate=0.5, random_state=3).fit(bought(), epochs=5, **side_features)
    if ties:  # three scores for all items
        for what in ("user", "item"):
            setattr(model, f"{what}_embeddings", getattr(model, f"{what}_embeddings") * 0)
            setattr(model, f"{what}_biases", np.arange(len(getattr(model, f"{what}_biases"))) % 3)
    return model


def held_out() -> sp.csr_matrix:
    """Return test interactions that are not in the training data; the first two users have none."""
    dense = bought(5).toarray() * (bought(0).toarray() == 0)
    dense[:2] = 0
    return sp.csr_matrix(dense)


def expected(metric: Callable[..., Any], scores: oracle.Floats, test: Any, train: Any, k: int) -> list[float]:
    """Return the expected value of each user, including users without test items."""
    tested = oracle.stored(test)
    left_out = np.zeros(SHAPE, bool) if train is None else oracle.stored(train)
    values = []
    for user in range(N_USERS):
        ranks = [oracle.rank(scores, user, item, left_out) for item in np.flatnonzero(tested[user])]
        hits = sum(rank < k for rank in ranks)
        values.append(
            {
                precision_at_k: lambda hits=hits: hits / k,
                recall_at_k: lambda hits=hits, ranks=ranks: hits / len(ranks) if ranks else 0,
                reciprocal_rank: lambda ranks=ranks: 1 / (1 + min(ranks)) if ranks else 0,
                auc_score: lambda user=user: oracle.auc(scores, user, tested, left_out),
            }[metric]()
        )
    return values


@pytest.mark.parametrize("train", [None, bought(0)], ids=["all", "without train"])
@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
@pytest.mark.parametrize("metric", METRICS)
def test_metrics_equal_the_reference(metric: Callable[..., Any], ties: bool, train: Any) -> None:
    for side_features in ({}, BOTH):
        model, test = model_with(ties, side_features), held_out()
        scores = oracle.scores(model, SHAPE, **side_features)
        for k in (1, 3) if metric in (precision_at_k, recall_at_k) else (None,):
            args = {} if k is None else {"k": k}
            all_users = np.array(expected(metric, scores, test, train, k or 1))
            got = metric(model, test, train, preserve_rows=True, **args, **side_features)
            assert got.dtype == (np.float64 if metric is recall_at_k else np.float32)
            np.testing.assert_allclose(got, all_users, rtol=1e-5)
            some = metric(model, test.tocoo(), train, num_threads=2, **args, **side_features)
            np.testing.assert_array_equal(some, got[test.getnnz(axis=1) > 0])
            assert len(some) < N_USERS


@pytest.mark.parametrize("metric", METRICS)
def test_shared_entries_are_an_error_unless_allowed(metric: Callable[..., Any]) -> None:
    model = model_with(False, {})
    with pytest.raises(ValueError, match="share"):
        metric(model, bought(), bought())
    values = metric(model, bought(), bought(), check_intersections=False)
    assert ((values >= 0) & (values <= 1)).all()


@pytest.mark.parametrize("metric", METRICS)
def test_repeated_entries_count_once(metric: Callable[..., Any]) -> None:
    model, test, train = model_with(False, {}), held_out().tocoo(), bought(0)
    twice = [
        sp.coo_matrix((np.tile(part.data, 2), (np.tile(part.row, 2), np.tile(part.col, 2))), shape=SHAPE)
        for part in (test, train)
    ]
    np.testing.assert_array_equal(metric(model, *twice), metric(model, test, train))


def test_k_is_10_by_default() -> None:
    model, test = model_with(False, {}), held_out()
    for metric in (precision_at_k, recall_at_k):
        np.testing.assert_array_equal(metric(model, test), metric(model, test, k=np.int64(10)))
        assert not np.array_equal(metric(model, test), metric(model, test, k=9))
        with pytest.raises(ValueError, match="k must be a positive integer, not 0"):
            metric(model, test, k=0)


@pytest.mark.parametrize("metric", METRICS)
def test_models_of_lightfm_can_be_evaluated(metric: Callable[..., Any]) -> None:
    ours = model_with(False, {})
    theirs = SimpleNamespace(**{name: getattr(ours, name) for name in (*LightFM.param_names(), *ARRAYS)})
    np.testing.assert_array_equal(metric(theirs, held_out()), metric(ours, held_out()))


@pytest.mark.parametrize("metric", METRICS)
def test_no_test_items(metric: Callable[..., Any]) -> None:
    nothing = sp.csr_matrix(SHAPE)
    assert metric(model_with(False, {}), nothing).shape == (0,)
    all_users = metric(model_with(False, {}), nothing, preserve_rows=True)
    np.testing.assert_array_equal(all_users, np.full(N_USERS, 0.5 if metric is auc_score else 0))
