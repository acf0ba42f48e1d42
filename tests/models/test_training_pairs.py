from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from gingham.dataset import Dataset, Features, Ids, Interactions
from gingham.errors import DataError
from gingham.models.training_data import TrainingData
from gingham.models.training_pairs import Training, inputs

RANKING = ("bpr", "warp", "warp-kos")
# The third user has no positive, the last one nothing at all; nobody has item 4.
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


def known(dense: Any = DENSE) -> TrainingData:
    return TrainingData.of(sp.csr_matrix(dense))


def weights(values: list[float]) -> sp.csr_matrix:
    rows, columns = zip(*ENTRIES, strict=True)
    return sp.csr_matrix((values, (rows, columns)), DENSE.shape)


def of(sample_weight: Any, loss: str, seed: int = 0, dense: Any = DENSE) -> Training:
    return Training.of(known(dense), sample_weight, loss, seed)


def examples(training: Training) -> list[tuple[float, ...]]:
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
    matrix = TrainingData.of(sp.csr_matrix(([0.0, 1.0], ([0, 1], [1, 0])), (2, 3)))
    assert examples(Training.of(matrix, None, "logistic", 0)) == [(0, 1, 0), (1, 0, 1)]
    bpr = Training.of(matrix, None, "bpr", 0)
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
    seen = known(dense)
    first, same, other = (Training.of(seen, weight, loss, seed) for seed in (1, 1, 2))
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
    # What the model remembers as seen is in order.
    np.testing.assert_array_equal(seen.matrix.toarray(), dense)
    np.testing.assert_array_equal(first.pool, seen.matrix.indices)


@pytest.mark.parametrize("loss", [*RANKING, "logistic"])
def test_the_pool_holds_the_items_of_all_entries(loss: str) -> None:
    pool = of(None, loss).pool
    assert pool.dtype == np.int32
    assert sorted(pool.tolist()) == [0, 1, 1, 2, 3]


@pytest.mark.parametrize(
    ("loss", "users", "items"),
    [
        ("logistic", [True, True, True, False], [True, True, True, True, False]),
        # Which draws its negatives of the pool; without a positive a user is never trained.
        ("bpr", [True, True, False, False], [True, True, True, True, False]),
        ("warp", [True, True, False, False], [True] * 5),
        ("warp-kos", [True, True, False, False], [True] * 5),
    ],
)
def test_active_is_whom_training_can_meet(loss: str, users: list[bool], items: list[bool]) -> None:
    assert [part.tolist() for part in of(None, loss).active] == [users, items]


@pytest.mark.parametrize("loss", RANKING)
def test_there_must_be_a_positive(loss: str) -> None:
    for dense in (-np.abs(DENSE), np.zeros((2, 2))):
        with pytest.raises(DataError, match=f"{loss} has nothing to learn from"):
            of(None, loss, dense=dense)


def test_logistic_learns_from_negatives_alone() -> None:
    assert len(of(None, "logistic", dense=-np.abs(DENSE))) == 5
    with pytest.raises(DataError, match="nothing to learn from"):
        of(None, "logistic", dense=np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (weights([5, 6, 7, 0, -1]), "sample_weight holds -1.0"),
        (weights([5, 6, 7, 0, np.inf]), "sample_weight holds inf in row 2, column 1"),
        (sp.csr_matrix((4, 5)), "0 entries at other places than the 5 interactions"),
        (sp.csr_matrix(np.ones((4, 5))), "20 entries at other places"),
        # As many, but elsewhere.
        (sp.csr_matrix(np.roll(DENSE, 1, axis=1)), "5 entries at other places"),
        (sp.csr_matrix((4, 4)), r"shape \(4, 4\)"),
        (DENSE, "sample_weight is a ndarray"),
    ],
)
@pytest.mark.parametrize("loss", ["warp", "logistic"])
def test_wrong_weights_are_refused(given: Any, words: str, loss: str) -> None:
    with pytest.raises(DataError, match=words):
        of(given, loss)


def test_weights_may_come_in_any_order() -> None:
    values = weights([5, 6, 7, 0, 9]).tocoo()
    shuffled = sp.coo_matrix((values.data[::-1], (values.row[::-1], values.col[::-1])), values.shape)
    assert examples(of(shuffled, "logistic")) == examples(of(weights([5, 6, 7, 0, 9]), "logistic"))


# Inputs --------------------------------------------------------------------------------------------------------------


def dataset(user_features: Any = None, item_features: Any = None) -> Dataset:
    users, items = (Ids.from_series(pl.Series(range(size))) for size in DENSE.shape)
    rows, columns = zip(*ENTRIES, strict=True)
    features = [None if part is None else Features(part, ()) for part in (user_features, item_features)]
    return Dataset(users, items, Interactions(rows, columns, *DENSE.shape), *features)


def test_features_are_made_canonical() -> None:
    untidy = sp.csr_matrix(([1, 2, 0, 3], [2, 0, 1, 0], [0, 2, 4, 4, 4]), (4, 3), dtype=np.int64)
    repeated = sp.coo_matrix(([1.5, 0.5, 1], ([0, 0, 4], [1, 1, 0])), (5, 2))
    seen, (users, items) = inputs(sp.csr_matrix(DENSE), untidy, repeated)
    np.testing.assert_array_equal(seen.matrix.toarray(), DENSE)
    assert users is not None
    assert items is not None
    assert (users.dtype, items.dtype) == (np.float32, np.float32)
    assert users.indices.tolist() == [0, 2, 0, 1]
    assert users.data.tolist() == [2, 1, 3, 0]
    assert items.data.tolist() == [2, 1]
    assert untidy.indices.tolist() == [2, 0, 1, 0]


def test_a_datasets_own_features_are_taken() -> None:
    matrix = sp.csr_matrix(np.arange(12, dtype=np.float32).reshape(4, 3))
    seen, (users, items) = inputs(dataset(matrix), None, None)
    assert users is not None
    np.testing.assert_array_equal(users.toarray(), matrix.toarray())
    assert items is None
    assert seen.matrix.nnz == 5


@pytest.mark.parametrize("given", [(None, sp.identity(5)), (sp.identity(4), None), (sp.identity(4), sp.identity(5))])
def test_a_dataset_comes_with_no_others(given: Any) -> None:
    with pytest.raises(DataError, match="brings its own features"):
        inputs(dataset(), *given)


@pytest.mark.parametrize(
    ("matrix", "is_identity"),
    [
        (sp.identity(4), True),
        (sp.identity(4, dtype=np.int8, format="coo"), True),
        (sp.csr_matrix((np.ones(4), (range(4), range(4))), (4, 5)), False),
        (2 * sp.identity(4), False),
        (sp.csr_matrix(np.eye(4)[[1, 0, 2, 3]]), False),
        (sp.csr_matrix(np.diag([1, 1, 0, 1])), False),
        (sp.csr_matrix(np.eye(4) + np.eye(4, k=1)), False),
        (sp.csr_matrix((np.ones(4), (range(4), [0, 0, 1, 2])), (4, 4)), False),
        # Four ones on the diagonal's columns, but two of them in the first row.
        (sp.csr_matrix((np.ones(4), [0, 1, 2, 3], [0, 2, 3, 4, 4]), (4, 4)), False),
    ],
)
def test_the_identity_is_no_features(matrix: Any, is_identity: bool) -> None:
    for data, given in ((dataset(matrix), (None, None)), (sp.csr_matrix(DENSE), (matrix, None))):
        _, (users, items) = inputs(data, *given)
        assert (users is None) == is_identity
        assert items is None


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ((sp.identity(5), None), "user_features has 5 rows for 4 users"),
        ((None, sp.identity(4)), "item_features has 4 rows for 5 items"),
        ((np.eye(4), None), "user_features is a ndarray"),
        ((None, sp.csr_matrix(np.diag([1, 1, np.nan, 1, 1]))), "item_features holds nan in row 2, column 2"),
    ],
)
def test_wrong_features_are_refused(features: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        inputs(sp.csr_matrix(DENSE), *features)
