from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.models.inputs import entry_weights
from gingham.models.loss import LOSSES
from gingham.models.training_data import all_entries
from gingham.models.training_pairs import TrainingPairs

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
    return TrainingPairs.of_matrix(matrix, entry_weights(matrix, sample_weight, False), LOSSES[loss], seed)


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
    assert examples(TrainingPairs.of_matrix(matrix, None, LOSSES["logistic"], 0)) == [(0, 1, 0), (1, 0, 1)]
    bpr = TrainingPairs.of_matrix(matrix, None, LOSSES["bpr"], 0)
    assert examples(bpr) == [(1, 0)]
    assert bpr.pool.tolist() == [1, 0]


@pytest.mark.parametrize("loss", [*RANKING, "logistic"])
def test_positives_are_sorted_rows_without_the_rest(loss: str) -> None:
    indptr, indices, weight = of(None, loss).positives
    assert (indptr.dtype, indices.dtype) == (np.int64, np.int32)
    assert indptr.tolist() == [0, 1, 3, 3, 3]
    assert indices.tolist() == [0, 1, 2]
    assert weight is None


@pytest.mark.parametrize("loss", RANKING)
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
    dense = np.random.default_rng(0).integers(-1, 2, (20, 30)).astype(np.float32)
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
