from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from gingham.dataset import Dataset, Features, Ids, Interactions
from gingham.errors import DataError
from gingham.models import HybridMF
from gingham.models.inputs import entry_weights, read_inputs
from tests.models.samples import (
    LOSSES,
    RANKING,
    SCHEDULES,
    assert_same,
    dataset,
    differs,
    groups,
    noise,
    positives,
    scores_of,
    state,
)

# What the matrices say ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["interactions", "user_features", "item_features", "sample_weight"])
def test_what_is_not_finite_is_named(name: str, wrong: float) -> None:
    given: dict[str, sp.csr_matrix] = {
        "interactions": positives(noise()),
        "user_features": groups(25, 3),
        "item_features": groups(18, 4),
        "sample_weight": positives(noise()),
    }
    bad = given[name].tocoo()
    place = len(bad.data) // 2
    bad.data[place] = wrong
    with pytest.raises(DataError, match=rf"{name} holds {wrong} in row {bad.row[place]}, column {bad.col[place]}"):
        HybridMF(4).fit(**given | {name: bad}, num_threads=1)


def test_what_is_too_large_for_a_float_is_not_finite() -> None:
    with pytest.raises(DataError, match=r"interactions holds .* in row 1, column 0"):
        HybridMF(4).fit(sp.csr_matrix(np.array([[1], [1e300]])), num_threads=1)


@pytest.mark.parametrize(("name", "rows"), [("user_features", 24), ("item_features", 25)])
def test_features_have_a_row_each(name: str, rows: int) -> None:
    n_rows = {"user_features": 25, "item_features": 18}[name]
    with pytest.raises(DataError, match=f"{name} has {rows} rows for {n_rows} {name.partition('_')[0]}s"):
        HybridMF(4).fit(noise(), **{name: groups(rows, 3)}, num_threads=1)
    with pytest.raises(DataError, match=f"{name} is a ndarray"):
        HybridMF(4).fit(noise(), **{name: groups(n_rows, 3).toarray()}, num_threads=1)


@pytest.mark.parametrize("name", ["user_features", "item_features"])
@pytest.mark.parametrize("train", ["fit", "fit_partial"])
def test_a_dataset_brings_its_own_features(name: str, train: str) -> None:
    with pytest.raises(DataError, match="has its own features"):
        getattr(HybridMF(4), train)(dataset(features=True), **{name: groups(25, 3)})


def test_a_datasets_features_are_used() -> None:
    of_dataset = HybridMF(4, random_state=1, epochs=2).fit(dataset(features=True), num_threads=1)
    of_matrix = HybridMF(4, random_state=1, epochs=2).fit(noise(), user_features=groups(25, 3), num_threads=1)
    assert_same(state(of_dataset), state(of_matrix))
    assert of_dataset.user_embeddings.shape == (28, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((0, 0, 1.0), "entries at other places"),
        ((1, 1, None), "entries at other places"),
        ((1, 1, -0.5), "sample_weight holds -0.5"),
        (None, r"shape \(4, 3\)"),
    ],
)
def test_wrong_weights_are_refused(change: Any, words: str) -> None:
    interactions = sp.csr_matrix(np.array([[0, 1, 1], [0, 1, 0], [1, 0, 1]]))
    weights = interactions.astype(np.float64).tolil()
    if change is None:
        weights = sp.lil_matrix((4, 3))
    elif change[2] is None:
        weights = sp.lil_matrix(weights.toarray() * (np.arange(9).reshape(3, 3) != 4))
    else:
        weights[change[0], change[1]] = change[2]
    with pytest.raises(DataError, match=words):
        HybridMF(4).fit(interactions, sample_weight=weights, num_threads=1)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_weighs_nothing_teaches_nothing(loss: str, schedule: str) -> None:
    # One user, so that nobody else's draws touch an item of theirs.
    interactions = sp.csr_matrix(np.array([[1, 1, 0, 0, 0, 0, 0, 0]]))
    weights = sp.csr_matrix(interactions, dtype=np.float32, copy=True)
    weights.data[:] = [1, 0]
    start = HybridMF(4, loss, schedule, random_state=1, epochs=0).fit(interactions, num_threads=1)
    model = HybridMF(4, loss, schedule, random_state=1, epochs=30).fit(
        interactions, sample_weight=weights, num_threads=1
    )
    if loss == "bpr":  # which has nothing to draw but the user's own
        assert_same(state(model), state(start))
        return
    np.testing.assert_array_equal(model.item_embeddings[1], start.item_embeddings[1])
    assert model.item_biases[1] == 0
    assert model.item_biases[0] > 0
    assert (model.item_embeddings[0] != start.item_embeddings[0]).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_zero_train_nothing_at_all(loss: str) -> None:
    weights = noise()
    weights.data[:] = 0
    start = HybridMF(4, loss, random_state=1, epochs=0).fit(noise(), num_threads=1)
    model = HybridMF(4, loss, random_state=1, epochs=5).fit(noise(), sample_weight=weights, num_threads=1)
    assert_same(state(model), state(start))
    assert [epoch.loss for epoch in model.history_] == [0] * 5


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_one_are_no_weights(loss: str) -> None:
    weights = noise()
    weights.data[:] = 1
    plain = HybridMF(4, loss, random_state=1, epochs=3).fit(noise(), num_threads=1)
    weighted = HybridMF(4, loss, random_state=1, epochs=3).fit(noise(), sample_weight=weights, num_threads=1)
    assert_same(state(plain), state(weighted))
    weights.data[::2] = 2
    assert differs(
        state(plain), state(weighted.set_params(epochs=3).fit(noise(), sample_weight=weights, num_threads=1))
    )


@pytest.mark.parametrize("loss", RANKING)
@pytest.mark.parametrize("heavier", [0, 1])
def test_heavier_pairs_win(loss: str, heavier: int) -> None:
    # Everybody had both of the first items; what else they met is worthless, and there for bpr to draw.
    users = np.repeat(np.arange(20), 3)
    items = np.column_stack([np.zeros(20), np.ones(20), 2 + np.arange(20) % 10]).ravel()
    weights = np.where(items == heavier, 1, 0.01)
    interactions, sample_weight = (
        sp.csr_matrix((values, (users, items)), (20, 12)) for values in (np.tile([1.0, 1.0, 0.0], 20), weights)
    )
    model = HybridMF(4, loss, random_state=1, epochs=5).fit(interactions, sample_weight=sample_weight, num_threads=1)
    assert model.item_biases.argmax() == heavier


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_bpr_draws_no_entry_of_the_user(value: float) -> None:
    # All items are entries of every user, so there are no negatives.
    matrix = sp.csr_matrix((np.tile([1.0, value], 20), (np.repeat(np.arange(20), 2), np.tile([0, 1], 20))), (20, 2))
    start, end = (HybridMF(4, "bpr", random_state=1, epochs=epochs).fit(matrix, num_threads=1) for epochs in (1, 10))
    assert_same(state(start), state(end))


@pytest.mark.parametrize("loss", ["warp", "warp-kos"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_zero_or_less_is_no_positive_and_may_be_drawn_as_a_negative(loss: str, value: float) -> None:
    # For everybody item 0 is a positive, item 1 an entry of `value` and the rest is unknown.
    rows, columns = np.repeat(np.arange(20), 2), np.tile([0, 1], 20)
    matrix = sp.csr_matrix((np.tile([1.0, value], 20), (rows, columns)), (20, 6))
    assert matrix.nnz == 40
    model = HybridMF(4, loss, random_state=1, epochs=10).fit(matrix, num_threads=1)
    scores = scores_of(model)
    assert (scores[:, 0] > scores[:, 1]).all()
    assert model.item_biases[0] > 0 > model.item_biases[1]
    # It is not in the user's history, either.
    assert not model.recommend(k=5, filter_seen=True)["item_id"].is_in([0]).any()


@pytest.mark.parametrize("value", [0.0, -1.0, -3.0])
def test_zero_or_less_is_a_negative_for_logistic(value: float) -> None:
    rows, columns = np.repeat(np.arange(20), 2), np.tile([0, 1], 20)
    matrix = sp.csr_matrix((np.tile([1.0, value], 20), (rows, columns)), (20, 3))
    model = HybridMF(4, "logistic", random_state=1, epochs=10).fit(matrix, num_threads=1)
    assert model.item_biases[0] > 0 > model.item_biases[1]
    assert model.item_biases[2] == 0
    same = sp.csr_matrix((np.tile([7.0, 0.0], 20), (rows, columns)), (20, 3))
    assert_same(state(model), state(HybridMF(4, "logistic", random_state=1, epochs=10).fit(same, num_threads=1)))


@pytest.mark.parametrize("loss", RANKING)
@pytest.mark.parametrize("values", [[-1.0, -2.0], [0.0, -1.0], []])
def test_ranking_losses_need_a_positive(loss: str, values: list[float]) -> None:
    matrix = sp.csr_matrix((values, (range(len(values)), range(len(values)))), (3, 4))
    with pytest.raises(DataError, match=f"None of the {len(values)} interactions .* {loss!r} has no training examples"):
        HybridMF(4, loss).fit(matrix, num_threads=1)


def test_logistic_needs_an_interaction() -> None:
    with pytest.raises(DataError, match="no training examples"):
        HybridMF(4, "logistic").fit(sp.csr_matrix((3, 4)), num_threads=1)


@pytest.mark.parametrize("loss", LOSSES)
def test_duplicates_are_summed(loss: str) -> None:
    summed = noise().tocoo()
    parts = sp.coo_matrix(
        (
            np.concatenate([summed.data + 3, np.full(summed.nnz, -3)]),
            (np.tile(summed.row, 2), np.tile(summed.col, 2)),
        ),
        summed.shape,
    )
    assert_same(
        state(HybridMF(4, loss, random_state=1, epochs=2).fit(parts, num_threads=1)),
        state(HybridMF(4, loss, random_state=1, epochs=2).fit(summed, num_threads=1)),
    )
    assert parts.nnz == 2 * summed.nnz


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_items", [2, 3, 4])
def test_small_catalogues_stay_finite(loss: str, schedule: str, n_items: int) -> None:
    # The first user has bought everything: there is no negative to be found.
    matrix = sp.csr_matrix(np.vstack([np.ones(n_items), np.eye(n_items)]))
    model = HybridMF(3, loss, schedule, max_sampled=20, random_state=1, epochs=100).fit(matrix, num_threads=1)
    assert all(np.isfinite(array).all() for array in state(model).values())
    assert np.isfinite([epoch.loss for epoch in model.history_]).all()
    assert model.recommend(k=n_items)["score"].is_finite().all()


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


def weights(values: list[float]) -> sp.csr_matrix:
    rows, columns = zip(*ENTRIES, strict=True)
    return sp.csr_matrix((values, (rows, columns)), DENSE.shape)


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
def test_weights_of_another_pattern_or_sign_are_refused(given: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        entry_weights(sp.csr_matrix(DENSE), given, False)


def test_weights_may_come_in_any_order() -> None:
    values = weights([5, 6, 7, 0, 9]).tocoo()
    shuffled = sp.coo_matrix((values.data[::-1], (values.row[::-1], values.col[::-1])), values.shape)
    np.testing.assert_array_equal(entry_weights(sp.csr_matrix(DENSE), shuffled, False), [5, 6, 7, 0, 9])


def test_values_of_positives_are_weights_on_request() -> None:
    assert entry_weights(sp.csr_matrix(DENSE), None, False) is None
    np.testing.assert_array_equal(entry_weights(sp.csr_matrix(DENSE), None, True), [2, 1, 1, 3, 1])


def features_only(user_features: Any = None, item_features: Any = None) -> Dataset:
    users, items = (Ids.from_series(pl.Series(range(size))) for size in DENSE.shape)
    rows, columns = zip(*ENTRIES, strict=True)
    features = [None if part is None else Features(part, ()) for part in (user_features, item_features)]
    return Dataset(users, items, Interactions(rows, columns, *DENSE.shape), *features)


def test_features_are_made_canonical() -> None:
    untidy = sp.csr_matrix(([1, 2, 0, 3], [2, 0, 1, 0], [0, 2, 4, 4, 4]), (4, 3), dtype=np.int64)
    repeated = sp.coo_matrix(([1.5, 0.5, 1], ([0, 0, 4], [1, 1, 0])), (5, 2))
    _, entries, (users, items) = read_inputs(sp.csr_matrix(DENSE), untidy, repeated)
    np.testing.assert_array_equal(entries.toarray(), DENSE)
    assert users is not None
    assert items is not None
    assert (users.dtype, items.dtype) == (np.float32, np.float32)
    assert users.indices.tolist() == [0, 2, 0, 1]
    assert users.data.tolist() == [2, 1, 3, 0]
    assert items.data.tolist() == [2, 1]
    assert untidy.indices.tolist() == [2, 0, 1, 0]


def test_a_datasets_own_features_are_taken() -> None:
    matrix = sp.csr_matrix(np.arange(12, dtype=np.float32).reshape(4, 3))
    _, entries, (users, items) = read_inputs(features_only(matrix), None, None)
    assert users is not None
    np.testing.assert_array_equal(users.toarray(), matrix.toarray())
    assert items is None
    assert entries.nnz == 5


@pytest.mark.parametrize("given", [(None, sp.identity(5)), (sp.identity(4), None), (sp.identity(4), sp.identity(5))])
def test_a_dataset_comes_with_no_others(given: Any) -> None:
    with pytest.raises(DataError, match="has its own features"):
        read_inputs(features_only(), *given)


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
    for data, given in ((features_only(matrix), (None, None)), (sp.csr_matrix(DENSE), (matrix, None))):
        _, _, (users, items) = read_inputs(data, *given)
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
        read_inputs(sp.csr_matrix(DENSE), *features)
