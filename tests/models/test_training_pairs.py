from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.models.inputs import entry_weights
from gingham.models.loss import LOSSES
from gingham.models.training_data import all_entries
from gingham.models.training_pairs import Observations, TrainingPairs
from tests.models.samples import groups

RANKING = ("bpr", "warp", "warp-kos")
# The third user has no positive, the last one no interactions; no user has item 4.
DENSE = np.array(
    [
        [2, 0, 0, -1, 0],
        [0, 1, 3, 0, 0],
        [0, -1, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ],
    np.float32,
)
ENTRIES = [(0, 0), (0, 3), (1, 1), (1, 2), (2, 1)]
POSITIVES = [(0, 0), (1, 1), (1, 2)]


def weights(values: list[float]) -> sp.csr_matrix:
    rows, columns = zip(*ENTRIES, strict=True)
    return sp.csr_matrix((values, (rows, columns)), DENSE.shape)


def of(sample_weight: Any, loss: str, seed: int = 0, dense: Any = DENSE) -> TrainingPairs:
    matrix = all_entries(sp.csr_matrix(dense))
    entries = entry_weights(matrix, sample_weight, False)
    return TrainingPairs.of_matrix(matrix, (None, None), entries, LOSSES[loss], seed)


def examples(training: TrainingPairs) -> list[tuple[float, ...]]:
    """User, item and what else there is of each example, in the order of users and items."""
    return sorted(zip(*(part.tolist() for part in training.examples if part is not None), strict=True))


@pytest.mark.parametrize("loss", RANKING)
def test_the_examples_of_a_ranking_loss_are_the_positives(loss: str) -> None:
    training = of(None, loss)
    assert examples(training) == POSITIVES
    assert training.examples[2:] == (None, None)
    assert len(training) == 3


def test_the_examples_of_logistic_are_all_entries() -> None:
    training = of(None, "logistic")
    users, items, weight, target = training.examples
    assert weight is None
    assert target is not None
    assert (users.dtype, items.dtype, target.dtype) == (np.int32, np.int32, np.float32)
    assert examples(training) == [(0, 0, 1), (0, 3, 0), (1, 1, 1), (1, 2, 1), (2, 1, 0)]
    assert len(training) == 5


def test_an_explicit_zero_is_an_entry() -> None:
    matrix = sp.csr_matrix(([0.0, 1.0], ([0, 1], [1, 0])), (2, 3), np.float32)
    assert examples(TrainingPairs.of_matrix(matrix, (None, None), None, LOSSES["logistic"], 0)) == [
        (0, 1, 0),
        (1, 0, 1),
    ]
    bpr = TrainingPairs.of_matrix(matrix, (None, None), None, LOSSES["bpr"], 0)
    assert examples(bpr) == [(1, 0)]
    assert bpr.pool.tolist() == [1, 0]


@pytest.mark.parametrize("loss", ["warp", "warp-kos", "logistic"])
def test_positives_are_sorted_rows_without_the_rest(loss: str) -> None:
    indptr, indices, weight = of(None, loss).positives
    assert (indptr.dtype, indices.dtype) == (np.int64, np.int32)
    assert indptr.tolist() == [0, 1, 3, 3, 3]
    assert indices.tolist() == [0, 1, 2]
    assert weight is None


def test_all_entries_are_no_negatives_of_bpr() -> None:
    indptr, indices, weight = of(None, "bpr").positives
    assert indptr.tolist() == [0, 2, 4, 5, 5]
    assert indices.tolist() == [0, 3, 1, 2, 1]
    assert weight is None


@pytest.mark.parametrize("loss", ["warp", "warp-kos"])
def test_weights_go_with_their_pairs(loss: str) -> None:
    training = of(weights([5, 6, 7, 0, 9]), loss)
    assert training.examples[2] is not None
    assert training.examples[2].dtype == np.float32
    assert examples(training) == [(0, 0, 5), (1, 1, 7), (1, 2, 0)]
    assert training.positives[2] is not None
    assert training.positives[2].tolist() == [5, 7, 0]


def test_weights_of_negatives_are_those_of_logistic_too() -> None:
    training = of(weights([5, 6, 7, 0, 9]), "logistic")
    assert examples(training) == [(0, 0, 5, 1), (0, 3, 6, 0), (1, 1, 7, 1), (1, 2, 0, 1), (2, 1, 9, 0)]


@pytest.mark.parametrize("loss", ["warp", "logistic"])
def test_the_seed_decides_the_order(loss: str) -> None:
    # Each user is a lane.
    dense = np.random.default_rng(0).integers(-1, 2, (64, 200)).astype(np.float32)
    weight = sp.csr_matrix(dense)
    weight.data[:] = np.arange(1, weight.nnz + 1)
    matrix = all_entries(sp.csr_matrix(dense))
    first, same, other = (of(weight, loss, seed, dense) for seed in (1, 1, 2))
    for parts in zip(first.examples, same.examples, strict=True):
        if parts[0] is not None:
            np.testing.assert_array_equal(*parts)
    for training in (first, other):
        # Shuffled, but everything about a pair stays together.
        numbers = training.examples[2]
        assert numbers is not None
        assert (np.diff(numbers) < 0).sum() > len(training) / 3
        assert examples(training) == examples(first)
    assert first.examples[2].tolist() != other.examples[2].tolist()  # type: ignore[union-attr]
    entries = sp.csr_matrix(dense).tocoo()
    expected = zip(entries.row, entries.col, range(1, entries.nnz + 1), entries.data > 0, strict=True)
    if loss == "logistic":
        assert examples(first) == list(expected)
    else:
        assert examples(first) == [(user, item, number) for user, item, number, positive in expected if positive]
    # The interaction matrix is not shuffled.
    np.testing.assert_array_equal(matrix.toarray(), dense)
    np.testing.assert_array_equal(first.pool, matrix.indices)


@pytest.mark.parametrize("loss", [*RANKING, "logistic"])
def test_the_pool_holds_the_items_of_all_entries(loss: str) -> None:
    pool = of(None, loss).pool
    assert pool.dtype == np.int32
    assert sorted(pool.tolist()) == [0, 1, 1, 2, 3]


@pytest.mark.parametrize(
    ("loss", "users", "items"),
    [
        ("logistic", [True, True, True, False], [True, True, True, True, False]),
        # It samples negatives from the pool; a user without a positive is never trained.
        ("bpr", [True, True, False, False], [True, True, True, True, False]),
        ("warp", [True, True, False, False], [True] * 5),
        ("warp-kos", [True, True, False, False], [True] * 5),
    ],
)
def test_active_is_what_training_can_reach(loss: str, users: list[bool], items: list[bool]) -> None:
    assert [part.tolist() for part in of(None, loss).active] == [users, items]


@pytest.mark.parametrize("loss", RANKING)
def test_there_must_be_a_positive(loss: str) -> None:
    for dense in (-np.abs(DENSE), np.zeros((2, 2))):
        with pytest.raises(DataError, match=f"{loss!r} has no training examples"):
            of(None, loss, dense=dense)


def test_logistic_learns_from_negatives_alone() -> None:
    assert len(of(None, "logistic", dense=-np.abs(DENSE))) == 5
    with pytest.raises(DataError, match="no training examples"):
        of(None, "logistic", dense=np.zeros((2, 2)))


def random_observations(n_users: int = 300, n_items: int = 40, size: int = 5000) -> tuple[Observations, sp.csr_matrix]:
    """Return observations in random order with repeated pairs, and the matrix of their sums."""
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, n_users, size), rng.integers(0, n_items, size)
    values = rng.choice([-1, 1], size).astype(np.float32)
    matrix = sp.csr_matrix((values, (users, items)), (n_users, n_items))
    return Observations(users, items, values, np.arange(size, dtype=np.float32)), matrix


@pytest.mark.parametrize("loss", LOSSES)
def test_observations_are_grouped_by_lane(loss: str) -> None:
    observations, matrix = random_observations()
    pairs = TrainingPairs.of_observations(observations, matrix, (None, None), None, LOSSES[loss], 0)
    users, items, weight, target = pairs.examples
    assert weight is not None
    # A pair that occurs twice is two examples, each with its own weight.
    chosen = np.flatnonzero((observations.values > 0) | (loss == "logistic"))
    assert sorted(weight.tolist()) == chosen.tolist()
    numbers = weight.astype(int)
    np.testing.assert_array_equal(users, observations.users[numbers])
    np.testing.assert_array_equal(items, observations.items[numbers])
    if target is not None:
        np.testing.assert_array_equal(target, observations.values[numbers] > 0)
    assert pairs.lanes.dtype == np.int64
    assert (pairs.lanes[0], len(pairs.lanes), pairs.lanes[-1]) == (0, 65, len(pairs))
    lanes = [users[begin:end] for begin, end in pairwise(pairs.lanes.tolist())]
    for before, after in pairwise(lanes):
        assert before.max() < after.min()
    # Within a lane, the order is random.
    assert np.mean(np.concatenate([np.diff(lane) for lane in lanes]) < 0) == pytest.approx(0.4, abs=0.1)


def test_the_order_of_observations_within_a_user_is_kept_out_of_the_lanes() -> None:
    observations, matrix = random_observations()
    by_user = np.argsort(observations.users, kind="stable")
    grouped = Observations(*(None if part is None else part[by_user] for part in observations))  # type: ignore[arg-type]
    first, second = (
        TrainingPairs.of_observations(each, matrix, (None, None), None, LOSSES["warp"], 0)
        for each in (observations, grouped)
    )
    for parts in zip(first.examples[:3], second.examples[:3], strict=True):
        np.testing.assert_array_equal(*parts)
    # The caller's arrays stay as they are.
    np.testing.assert_array_equal(grouped.users, np.sort(grouped.users))
    np.testing.assert_array_equal(observations.weights, np.arange(5000))


@pytest.mark.parametrize("has_features", [False, True])
def test_each_row_of_a_state_has_an_owner(has_features: bool) -> None:
    observations, matrix = random_observations()
    features = (groups(300, 7), groups(40, 3)) if has_features else (None, None)
    owners = TrainingPairs.of_observations(observations, matrix, features, None, LOSSES["warp"], 0).owners
    assert [len(part) for part in owners] == ([307, 43] if has_features else [300, 40])
    assert [part.dtype for part in owners] == [np.uint8] * 2
    assert (owners[0][:300] == 255).all()
    assert (owners[0][300:] < 16).all()
    assert (owners[1] < 16).all()
