from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from . import problem
from .comparisons import (
    AFTER_MANY,
    AFTER_ONE,
    ALPHAS,
    ITEMS,
    LOSSES,
    POSITIVES,
    USERS,
    about,
    assert_same,
    assert_unchanged,
)
from .problem import SCHEDULES, Floats, Model, Settings
from .twin import Order, Twin, mix

# Widths that have their own compiled code, with and without padding, and two others: 16, 16, 32, 64, 80 and 112 floats
# per row.
N_COMPONENTS = (1, 10, 31, 50, 70, 100)
SEED = 1


# The twin ------------------------------------------------------------------------------------------------------------


def assert_trains_like_the_twin(settings: Settings, with_features: bool, weighted: bool) -> None:
    seed = SEED + settings.n_components
    model = problem.model(settings, USERS, ITEMS, with_features, seed, ALPHAS)
    twin = Twin(model)
    pairs = problem.pairs(problem.random_positives(USERS, ITEMS, seed=seed, weighted=weighted), 60, weighted=weighted)
    for at in range(20):
        one = pairs.only(at)
        assert model.train(one, seed=at) == about(twin.train(one, seed=at))
        assert_same(model, twin, AFTER_ONE)
        twin.follow(model)  # so that rounding does not add up
    assert model.train(pairs, seed=2**64 - 1) == about(twin.train(pairs, seed=2**64 - 1))
    assert_same(model, twin, AFTER_MANY)


@pytest.mark.parametrize("n_components", N_COMPONENTS)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_updates_equal_those_of_the_twin(
    loss: str, schedule: str, with_features: bool, weighted: bool, n_components: int
) -> None:
    assert_trains_like_the_twin(Settings(loss, schedule, n_components), with_features, weighted)


@pytest.mark.parametrize("n_components", [10, 50])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_instruction_set_trains_like_the_twin(kernel: str, loss: str, schedule: str, n_components: int) -> None:
    assert_trains_like_the_twin(Settings(loss, schedule, n_components), with_features=True, weighted=True)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_features_on_one_side_only(loss: str, schedule: str) -> None:
    for which in range(2):
        model = problem.model(Settings(loss, schedule), USERS, ITEMS, True, alphas=ALPHAS)
        plain = problem.model(Settings(loss, schedule), USERS, ITEMS, alphas=ALPHAS)
        mixed = Model(model.settings, *(plain.sides[side] if side == which else model.sides[side] for side in range(2)))
        twin, pairs = Twin(mixed), problem.pairs(POSITIVES)
        assert mixed.train(pairs, seed=1) == about(twin.train(pairs, seed=1))
        assert_same(mixed, twin, AFTER_MANY)


def test_search_reads_items_with_features_from_a_delayed_cache() -> None:
    model = problem.model(Settings(n_components=1, learning_rate=0.3), USERS, ITEMS, with_features=True)
    pairs, twin = problem.pairs(POSITIVES), Twin(model)
    assert model.train(pairs) == about(twin.train(pairs))
    assert_same(model, twin, AFTER_MANY)


@pytest.mark.parametrize(
    ("schedule", "n_items", "every"), [("adagrad", 20, 10), ("adagrad", 8193, 4096), ("adadelta", 8193, 409)]
)
def test_interval_between_refreshes_of_the_cache(schedule: str, n_items: int, every: int) -> None:
    model = problem.model(Settings("warp", schedule, n_components=1), USERS, ITEMS, with_features=True)
    assert model.items.features is not None
    model.items.features.resize((n_items, model.items.features.shape[1]))
    cache = np.empty((n_items, model.settings.width), np.float32)

    start = model.item_representations()
    model.train(problem.pairs(POSITIVES, every), item_cache=cache)
    np.testing.assert_array_equal(cache, start)

    # One more step, right after the refresh. Its weight is zero, so the model stays as it was at the refresh.
    pairs = problem.pairs(POSITIVES, every + 1)
    weight = np.ones(every + 1, np.float32)
    weight[Order(every + 1, mix(0))(every)] = 0
    start = model.item_representations()
    model.train(replace(pairs, weight=weight), item_cache=cache)
    np.testing.assert_array_equal(cache, model.item_representations())
    assert not np.array_equal(cache, start)


@pytest.mark.parametrize("alpha", [0.1, 1e-5, 3.0])
def test_any_penalty_is_accepted(alpha: float) -> None:
    model = problem.model(Settings("logistic"), USERS, ITEMS, alphas=(alpha, alpha))
    twin, pairs = Twin(model), problem.pairs(POSITIVES)
    model.train(pairs)
    twin.train(pairs)
    assert_same(model, twin, AFTER_MANY)


# Runs and threads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_one_thread_and_the_same_seed_are_reproducible(loss: str, schedule: str, with_features: bool) -> None:
    start = problem.model(Settings(loss, schedule), USERS, ITEMS, with_features)
    pairs = problem.pairs(POSITIVES, 500)
    first, again, other = start.copy(), start.copy(), start.copy()
    assert first.train(pairs, seed=3) == again.train(pairs, seed=3)
    assert_unchanged(first, again)
    other.train(pairs, seed=4)
    assert not np.array_equal(first.users.state, other.users.state)


@pytest.mark.parametrize("num_threads", [2, 7])
@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_training_with_several_threads(loss: str, schedule: str, with_features: bool, num_threads: int) -> None:
    model = problem.model(Settings(loss, schedule), USERS, ITEMS, with_features)
    alone, before = model.copy(), model.copy()
    pairs = problem.pairs(POSITIVES, 2000)
    # The draws don't depend on the number of threads; only the order and the updates lost in races do.
    assert model.train(pairs, num_threads=num_threads) == pytest.approx(alone.train(pairs), rel=0.3)
    for side, old in zip(model.sides, before.sides, strict=True):
        assert np.isfinite(side.state).all()
        assert not np.array_equal(side.state, old.state)


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_more_threads_than_examples(loss: str, num_threads: int) -> None:
    for size in (0, 1, 2):
        model = problem.model(Settings(loss), USERS, ITEMS, with_features=True)
        before, pairs = model.copy(), problem.pairs(POSITIVES, size)
        model.train(replace(pairs, weight=np.full(size, 5, np.float32)), num_threads=num_threads)
        if size == 0:
            assert_unchanged(model, before)


@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("loss", LOSSES)
def test_empty_epochs_change_nothing(loss: str, with_features: bool) -> None:
    model = problem.model(Settings(loss), USERS, ITEMS, with_features)
    before = model.copy()
    assert model.train(problem.pairs(sp.csr_matrix((USERS, ITEMS), dtype=np.float32))) == 0
    assert_unchanged(model, before)


# Padding and alignment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_components", N_COMPONENTS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_padding_stays_zero(loss: str, schedule: str, n_components: int) -> None:
    model = problem.model(Settings(loss, schedule, n_components), USERS, ITEMS, with_features=True, alphas=ALPHAS)
    model.train(problem.pairs(POSITIVES, 200), num_threads=2)
    for side in model.sides:
        assert not model.parts(side)[0][:, n_components + 1 :].any()


def test_alignment_of_arrays_does_not_matter() -> None:
    model = problem.model(Settings(), USERS, ITEMS, with_features=True)
    other = model.copy()
    for side in other.sides:
        side.state = misalign(side.state)
    pairs = problem.pairs(POSITIVES, weighted=True)
    cache = misalign(other.item_representations())
    assert model.train(pairs) == other.train(pairs, item_cache=cache)
    assert_unchanged(model, other)


def misalign(array: Floats) -> Floats:
    """Return a copy that does not start at a cache line."""
    buffer = np.empty(array.size + 16, np.float32)
    start = (-buffer.ctypes.data % 64) // 4 + 1
    moved = buffer[start : start + array.size].reshape(array.shape)
    moved[:] = array
    return moved
