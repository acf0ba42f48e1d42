from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.lightfm import LightFM
from tests.lightfm import oracle
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, features

SHAPE = (N_USERS, N_ITEMS)
BOTH: dict[str, Any] = {"user_features": features(N_USERS, 1), "item_features": features(N_ITEMS, 2)}


def fitted(side_features: dict[str, Any]) -> LightFM:
    return LightFM(loss="warp", learning_rate=0.5, random_state=3).fit(bought(), epochs=5, **side_features)


def tied() -> LightFM:
    """Return a model that gives the items scores 0, 1, 2, 0, 1, 2 and so on, equally for all users."""
    model = fitted({})
    model.item_embeddings *= 0
    model.item_biases = np.arange(N_ITEMS) % 3
    model.user_biases *= 0
    return model


def expected_ranks(scores: oracle.Floats, test: Any, train: Any = None) -> sp.csr_matrix:
    left_out = np.zeros(SHAPE, bool) if train is None else oracle.stored(train)
    users, items = np.nonzero(oracle.stored(test))
    ranks = [oracle.rank(scores, user, item, left_out) for user, item in zip(users, items, strict=True)]
    return sp.csr_matrix((np.array(ranks, np.float32), (users, items)), shape=SHAPE)


def assert_same_entries(got: sp.csr_matrix, expected: sp.csr_matrix) -> None:
    assert (type(got), got.dtype, got.shape) == (sp.csr_matrix, np.float32, expected.shape)
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


# Scores --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side_features", [{}, BOTH], ids=["identity", "features"])
def test_predict_pairs(side_features: dict[str, Any]) -> None:
    model, expected = fitted(side_features), oracle.scores(fitted(side_features), SHAPE, **side_features)
    users, items = np.divmod(np.arange(N_USERS * N_ITEMS), N_ITEMS)
    for kind in (np.int32, np.int64, np.uint16, np.float64):
        got = model.predict(users.astype(kind), items.astype(kind), **side_features)
        assert (got.dtype, got.shape) == (np.float32, (N_USERS * N_ITEMS,))
        np.testing.assert_allclose(got, expected.ravel(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.predict(list(users), list(items), num_threads=2, **side_features), got)


@pytest.mark.parametrize("side_features", [{}, BOTH], ids=["identity", "features"])
def test_predict_one_user(side_features: dict[str, Any]) -> None:
    model, expected = fitted(side_features), oracle.scores(fitted(side_features), SHAPE, **side_features)
    for user in (7, np.int32(7), np.int64(7), np.uint8(7), np.array(7)):
        got = model.predict(user, np.arange(N_ITEMS)[::-1], **side_features)
        np.testing.assert_allclose(got, expected[7, ::-1], rtol=1e-4, atol=1e-5)
    assert model.predict(7, [], **side_features).shape == (0,)


def test_predict_accepts_fewer_feature_columns() -> None:
    model = fitted(BOTH)
    fewer = BOTH["item_features"][:, :N_ITEMS]
    padded = sp.hstack([fewer, sp.csr_matrix((N_ITEMS, 5))])
    got = model.predict(1, np.arange(N_ITEMS), item_features=fewer, user_features=BOTH["user_features"])
    np.testing.assert_allclose(got, oracle.scores(model, SHAPE, BOTH["user_features"], padded)[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((-1, [0]), "-1"),
        ((0, [-3]), "-3"),
        (([0, 1, -2], [0, 1, 2]), "-2"),
        ((N_USERS, [0]), f"has {N_USERS}"),
        ((0, [N_ITEMS]), f"has {N_ITEMS}"),
        (([0, 1], [0, 1, 2]), "2 user ids and 3 item ids"),
        ((0, [2.5]), "2.5"),
        ((0, [2**31]), "2147483648"),
        ((0, ["ann"]), "item_ids"),
        ((0, [[1]]), "2-dimensional"),
        ((0, [0], features(N_ITEMS), features(N_USERS), 0), "num_threads"),
        ((0, [5], features(5)), "item_features"),
        ((0, [0], np.eye(N_ITEMS)), "ndarray"),
    ],
)
def test_invalid_arguments_of_predict(args: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted({}).predict(*args)


def test_representations_are_sums_over_features() -> None:
    model = fitted(BOTH)
    for what, get in (("user", model.get_user_representations), ("item", model.get_item_representations)):
        rows = BOTH[f"{what}_features"]
        biases, embeddings = get(rows)
        np.testing.assert_allclose(biases, rows.toarray() @ getattr(model, f"{what}_biases"), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            embeddings, rows.toarray() @ getattr(model, f"{what}_embeddings"), rtol=1e-4, atol=1e-6
        )
        assert biases.dtype == embeddings.dtype == np.float32
        biases, embeddings = get()
        np.testing.assert_array_equal(biases, getattr(model, f"{what}_biases"))
        np.testing.assert_array_equal(embeddings, getattr(model, f"{what}_embeddings"))
        with pytest.raises(DataError, match=f"{what} features"):
            get(rows[:, 1:])


# Ranks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("train", [None, bought(0)], ids=["all", "without train"])
@pytest.mark.parametrize("side_features", [{}, BOTH], ids=["identity", "features"])
def test_ranks_count_the_items_with_higher_scores(side_features: dict[str, Any], train: Any) -> None:
    model = fitted(side_features)
    test = bought(5) if train is None else bought(5).multiply(train.toarray() == 0)
    expected = expected_ranks(oracle.scores(model, SHAPE, **side_features), test, train)
    for kind in (sp.coo_matrix, sp.csr_matrix, sp.csc_matrix):
        for num_threads in (1, 2):
            got = model.predict_rank(kind(test), train, num_threads=num_threads, **side_features)
            assert_same_entries(got, expected)


def test_equal_scores_get_the_worst_rank() -> None:
    test, train = bought(5), bought(0)
    scores = np.tile(np.arange(N_ITEMS) % 3, (N_USERS, 1)).astype(float)
    assert_same_entries(tied().predict_rank(test), expected_ranks(scores, test))
    got = tied().predict_rank(test, train, check_intersections=False)
    assert_same_entries(got, expected_ranks(scores, test, train))


def test_ranks_have_the_entries_of_the_test_interactions() -> None:
    test = sp.csr_matrix(([0.0, 3.0, -1.0], ([0, 0, 29], [4, 7, 19])), shape=SHAPE)
    model = fitted({})
    assert_same_entries(model.predict_rank(test), expected_ranks(oracle.scores(model, SHAPE), test))
    assert model.predict_rank(sp.csr_matrix(SHAPE)).nnz == 0
    best = int(model.predict(0, np.arange(N_ITEMS)).argmax())
    ranks = model.predict_rank(sp.csr_matrix(([1], ([0], [best])), shape=SHAPE))
    assert ranks.nnz == 1
    assert not ranks.todense().any()


def test_shared_entries_are_an_error_unless_allowed() -> None:
    model = fitted({})
    with pytest.raises(ValueError, match=f"share {bought().nnz} entries"):
        model.predict_rank(bought(), bought())
    got = model.predict_rank(bought(), bought(), check_intersections=False)
    assert_same_entries(got, expected_ranks(oracle.scores(model, SHAPE), bought(), bought()))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"test_interactions": sp.coo_matrix((N_USERS + 1, N_ITEMS))}, "user features"),
        ({"test_interactions": sp.coo_matrix((N_USERS, N_ITEMS + 1))}, "item features"),
        ({"train_interactions": sp.coo_matrix((N_USERS, N_ITEMS + 1))}, "train_interactions has shape"),
        ({"item_features": features(N_ITEMS)}, "item features"),
        ({"user_features": features(N_USERS - 1)}, "user_features"),
        ({"test_interactions": bought().toarray()}, "ndarray"),
        ({"num_threads": 0}, "num_threads"),
    ],
)
def test_invalid_arguments_of_predict_rank(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted({}).predict_rank(**{"test_interactions": bought(5), **wrong})
