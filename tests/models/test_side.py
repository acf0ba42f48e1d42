from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.arrays import aligned
from gingham.models.side import INITIAL_MEMORY, Side

ALL = np.ones(6, bool)
FEATURES = sp.csr_matrix(
    np.array(
        [
            [1, 0, 0, 2],
            [0, 1, 0, 0],
            [0, 1, 0, 2],
            [0, 0, 0, 0],
            [0, 0, 1, -0.5],
        ],
        np.float32,
    )
)


def initial(**changes: Any) -> Side:
    given: dict[str, Any] = {
        "features": None,
        "active": ALL,
        "n_components": 5,
        "schedule": "adagrad",
        "rng": np.random.default_rng(0),
    }
    return Side.initial(**given | changes)


@pytest.mark.parametrize(("n_components", "width"), [(1, 8), (7, 8), (8, 16), (15, 16), (16, 24), (31, 32), (50, 56)])
@pytest.mark.parametrize(("schedule", "memory"), [("adagrad", [1.0]), ("adadelta", [0.0, 0.0])])
def test_a_row_holds_parameters_and_the_optimizers_memory(
    n_components: int, width: int, schedule: str, memory: list[float]
) -> None:
    side = initial(n_components=n_components, schedule=schedule)
    assert side.state.dtype == np.float32
    assert side.state.flags.c_contiguous
    assert side.state.shape == (6, width * (1 + len(memory))) == Side.shape(6, n_components, schedule)
    assert side.embeddings.shape == (6, n_components)
    assert not side.state[:, n_components:width].any()
    for part, value in enumerate(memory, start=1):
        assert (side.state[:, part * width : (part + 1) * width] == value).all()
    assert (side.n_components, side.features) == (n_components, None)


def test_every_schedule_of_the_kernel_has_a_memory() -> None:
    assert set(INITIAL_MEMORY) == {"adagrad", "adadelta"}


def test_embeddings_begin_small_and_around_zero() -> None:
    side = initial(active=np.ones(2000, bool), n_components=10)
    assert side.embeddings.any(axis=1).all()
    assert np.abs(side.embeddings).max() <= 0.5 / 10
    assert side.embeddings.max() > 0.9 * 0.05
    assert side.embeddings.min() < -0.9 * 0.05
    assert abs(side.embeddings.mean()) < 1e-3
    assert not side.biases.any()


def test_the_source_of_randomness_decides() -> None:
    first, second, third = (initial(rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.state, second.state)
    assert (first.embeddings != third.embeddings).all()
    # Who is active changes nothing for the others.
    fewer = initial(rng=np.random.default_rng(3), active=np.arange(6) != 2)
    np.testing.assert_array_equal(fewer.embeddings[3:], first.embeddings[3:])


def test_what_training_cannot_meet_begins_with_zeros() -> None:
    active = np.array([True, False, True, True, False, True])
    side = initial(active=active)
    np.testing.assert_array_equal(side.embeddings.any(axis=1), active)
    assert (side.state[:, 8:] == 1).all()


def test_a_feature_is_met_with_any_active_entity_that_has_it() -> None:
    for active, met in (
        ([0], [True, False, False, True]),
        ([1], [False, True, False, False]),
        ([3], [False] * 4),
        ([1, 4], [False, True, True, True]),
        (range(5), [True] * 4),
    ):
        chosen = np.isin(np.arange(5), list(active))
        side = initial(features=FEATURES, active=chosen)
        np.testing.assert_array_equal(side.embeddings.any(axis=1), met)


def test_parts_are_views() -> None:
    side = initial()
    side.embeddings[2, 3] = 7
    side.biases[4] = 9
    assert side.state[2, 3] == 7
    assert side.state[4, 5] == 9


def test_rows_are_the_state_or_sums_of_it() -> None:
    plain = initial()
    assert plain.rows() is plain.state
    side = initial(features=FEATURES, active=np.ones(5, bool))
    side.biases[:] = [1, 2, 3, 4]
    for rows, features in (
        (side.rows(), FEATURES),
        (side.rows(FEATURES[[4, 4, 0]]), FEATURES[[4, 4, 0]]),
        (side.rows_of(np.array([4, 4, 0], np.int32)), FEATURES[[4, 4, 0]]),
    ):
        assert rows.shape == (features.shape[0], 8)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows[:, :5], features @ side.embeddings, atol=1e-6)
        np.testing.assert_allclose(rows[:, 5], features @ side.biases, atol=1e-6)
        assert not rows[:, 6:].any()


@pytest.mark.parametrize("features", [None, sp.csr_matrix(np.eye(6, dtype=np.float32))])
@pytest.mark.parametrize("entities", [[], [3], [5, 0, 5], range(6)])
def test_rows_of_some_entities_are_their_own(features: Any, entities: Any) -> None:
    side = initial(features=features)
    before, chosen = side.state.copy(), np.array(entities, np.int32)
    rows = side.rows_of(chosen)
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, before[chosen, :8])
    rows[:] = 5
    np.testing.assert_array_equal(side.state, before)


@pytest.mark.parametrize("features", [None, FEATURES.astype(np.float32)])
def test_the_kernels_view_shares_the_state(features: Any) -> None:
    side = initial(features=features, active=np.ones(6 if features is None else 5, bool))
    owners = np.zeros(len(side.state), np.uint8)
    state, given, given_owners, regularization, alpha = side.native(owners, 0.5, 0.25)
    assert state is side.state
    assert given_owners is owners
    assert (regularization, alpha) == (0.5, 0.25)
    if features is None:
        assert given is None
        return
    assert given is not None
    indptr, indices, data = given
    assert (indptr.dtype, indices.dtype, data.dtype) == (np.int64, np.int32, np.float32)
    np.testing.assert_array_equal(sp.csr_matrix((data, indices, indptr), features.shape).toarray(), features.toarray())


@pytest.mark.parametrize("shape", [(1, 16), (7, 32), (0, 16), (1000, 128)])
def test_aligned_arrays_start_on_a_large_page(shape: tuple[int, int]) -> None:
    array = aligned(*shape)
    assert array.shape == shape
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    assert array.flags.writeable
    if array.size:
        assert array.ctypes.data % (2 << 20) == 0
    array[:] = 3
    assert (array == 3).all()
