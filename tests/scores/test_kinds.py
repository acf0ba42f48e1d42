import numpy as np
import pytest
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Floats, Indices
from gingham.errors import DataError
from gingham.scores import DenseScores, RepresentationScores, Scores, SharedScores, by_user, few, rank

N_USERS, N_ITEMS = 7, 11


class SmallDenseBlocks(DenseScores):
    block_size = 3


class SmallRepresentationBlocks(RepresentationScores):
    block_size = 3


def dense_matrix(seed: int = 4) -> Floats:
    return np.random.default_rng(seed).integers(-9, 9, (N_USERS, N_ITEMS)).astype(np.float32)


def scores_and_matrix(kind: str) -> tuple[Scores, Floats]:
    """Scores of a kind, and the same as a dense matrix."""
    matrix = dense_matrix()
    if kind == "dense":
        return SmallDenseBlocks(lambda users: matrix[users], N_ITEMS), matrix
    if kind == "representations":
        rng = np.random.default_rng(5)
        width = _native.padded_width(3)
        users, items = (rng.integers(-3, 4, (size, width)).astype(np.float32) for size in (N_USERS, N_ITEMS))
        products = users[:, :3] @ items[:, :3].T + users[:, 3:4] + items[:, 3]
        return SmallRepresentationBlocks(lambda chosen: users[chosen], items, 3), products
    shared = np.arange(20, 20 + N_ITEMS, dtype=np.float32)
    expected = np.tile(shared, (N_USERS, 1))
    if kind == "shared":
        return SharedScores(shared), expected
    own = sp.csr_matrix(np.where(np.random.default_rng(6).random(matrix.shape) < 0.4, matrix, 0))
    own.data[::3] = 0  # an explicit zero replaces the shared score too
    for row, column, value in zip(own.tocoo().row, own.tocoo().col, own.data, strict=True):
        expected[row, column] = value
    return SharedScores(shared, lambda users: own[users], block_size=3), expected


KINDS = ["dense", "representations", "shared", "own"]


@pytest.mark.parametrize("kind", KINDS)
def test_dense_scores_are_the_matrix(kind: str) -> None:
    scores, matrix = scores_and_matrix(kind)
    users = np.array([3, 0, 3], np.int32)
    dense = scores.dense(users)
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(dense, matrix[users])
    dense[:] = 0
    np.testing.assert_array_equal(scores.dense(users), matrix[users])  # it was a new array
    assert scores.dense(users[:0]).shape == (0, N_ITEMS)


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_have_the_scores_of_the_matrix(kind: str) -> None:
    scores, matrix = scores_and_matrix(kind)
    rng = np.random.default_rng(7)
    users, items = (rng.integers(0, size, 200).astype(np.int32) for size in (N_USERS, N_ITEMS))
    pairs = scores.pairs(users, items)
    assert pairs.dtype == np.float32
    np.testing.assert_array_equal(pairs, matrix[users, items])
    assert scores.pairs(users[:0], items[:0]).shape == (0,)
    again, _ = scores_and_matrix(kind)
    np.testing.assert_array_equal(scores.pairs(users, items), again.pairs(users, items))  # nothing was changed


@pytest.mark.parametrize("kind", KINDS)
def test_only_keeps_some_items_in_the_order_of_the_argument(kind: str) -> None:
    scores, matrix = scores_and_matrix(kind)
    items = np.array([7, 3, 10], np.int32)
    some = scores.only(items)
    assert (scores.n_items, some.n_items) == (N_ITEMS, 3)
    users = np.arange(N_USERS, dtype=np.int32)
    ranking = rank(some, users, k=3)
    order = ranking.items.astype(np.int64)
    np.testing.assert_array_equal(np.take_along_axis(matrix[:, items], order, axis=1), ranking.scores)
    for place, item in enumerate(items):
        np.testing.assert_array_equal(some.pairs(users, np.full(N_USERS, place, np.int32)), matrix[:, item])


@pytest.mark.parametrize("kind", KINDS)
def test_lists_are_those_of_the_matrix(kind: str) -> None:
    scores, matrix = scores_and_matrix(kind)
    users = np.array([3, 0, 6, 3], np.int32)
    ranking = rank(scores, users, k=N_ITEMS)
    np.testing.assert_array_equal(ranking.items, np.argsort(-matrix[users], axis=1, kind="stable"))


@pytest.mark.parametrize("block_size", [1, 2, 100])
def test_pairs_are_grouped_by_user(block_size: int) -> None:
    users: Indices = np.array([5, 2, 5, 9, 2, 5], np.int32)
    seen = np.zeros(len(users), int)
    for distinct, chosen, places in by_user(users, block_size):
        assert 0 < len(distinct) <= block_size
        np.testing.assert_array_equal(distinct[places], users[chosen])
        seen[chosen] += 1
    assert (seen == 1).all()
    assert list(by_user(users[:0], block_size)) == []


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_dense_score_that_cannot_be_ranked_is_refused(value: float) -> None:
    matrix = dense_matrix()
    matrix[4, 2] = value
    scores = DenseScores(lambda users: matrix[users], N_ITEMS)
    with pytest.raises(DataError, match=f"score of item index 2 for user index 4 is {value}"):
        rank(scores, np.array([0, 4], np.int32), k=3)


@pytest.mark.parametrize("with_seen", [False, True])
@pytest.mark.parametrize("k", [1, 4, N_ITEMS])
def test_a_few_users_get_the_lists_that_many_get(k: int, with_seen: bool) -> None:
    rng = np.random.default_rng(k)
    for _ in range(40):
        shared = rng.integers(0, 4, N_ITEMS).astype(np.float32)
        own = sp.csr_matrix(rng.integers(0, 5, (N_USERS, N_ITEMS)) * (rng.random((N_USERS, N_ITEMS)) < 0.4), dtype="f4")
        seen = sp.random(N_USERS, N_ITEMS, 0.3, "csr", np.float32, rng) if with_seen else None
        scores = SharedScores(shared, own.__getitem__)
        users = np.arange(N_USERS, dtype=np.int32)
        together = rank(scores, users, k=k, seen=seen)
        for user in users:
            alone = rank(scores, users[[user]], k=k, seen=None if seen is None else seen[[user]])
            np.testing.assert_array_equal(alone.items[0], together.items[user])
            np.testing.assert_array_equal(alone.scores[0], together.scores[user])


def test_the_order_of_shared_scores_ends_with_them() -> None:
    before = len(few._orders)
    shared = np.arange(N_ITEMS, dtype=np.float32)
    rank(SharedScores(shared), np.zeros(1, np.int32), k=1)
    assert len(few._orders) == before + 1
    del shared
    assert len(few._orders) == before
