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
    REGULARIZATION,
    USERS,
    about,
    assert_same,
    assert_unchanged,
)
from .problem import SCHEDULES, Floats, Model, Settings
from .twin import Twin

# Widths with and without padding, and with and without compiled code of their own: 8, 16, 32, 56, 72 and 104 floats.
N_COMPONENTS = (1, 10, 31, 50, 70, 100)
SEED = 1


# The twin ------------------------------------------------------------------------------------------------------------


def assert_trains_like_the_twin(
    settings: Settings, with_features: bool, weighted: bool, alphas: tuple[float, float] = (0.0, 0.0)
) -> None:
    seed = SEED + settings.n_components
    model = problem.model(settings, USERS, ITEMS, with_features, seed, REGULARIZATION, alphas)
    twin = Twin(model)
    pairs = problem.pairs(problem.random_positives(USERS, ITEMS, seed=seed, weighted=weighted), 60, weighted=weighted)
    for at in range(10):
        one = pairs.only(at)
        assert model.train(one, seed=at) == about(twin.train(one, seed=at))
        assert_same(model, twin, AFTER_ONE)
        twin.follow(model)  # so that rounding does not add up
    assert model.train(pairs, seed=2**64 - 1) == about(twin.train(pairs, seed=2**64 - 1))
    assert_same(model, twin, AFTER_MANY)


@pytest.mark.parametrize("alphas", [(0.0, 0.0), ALPHAS], ids=["no alphas", "alphas"])
@pytest.mark.parametrize("n_components", N_COMPONENTS)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_updates_equal_those_of_the_twin(
    loss: str, schedule: str, with_features: bool, weighted: bool, n_components: int, alphas: tuple[float, float]
) -> None:
    assert_trains_like_the_twin(Settings(loss, schedule, n_components), with_features, weighted, alphas)


@pytest.mark.parametrize("n_components", [10, 50])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_instruction_set_trains_like_the_twin(kernel: str, loss: str, schedule: str, n_components: int) -> None:
    assert_trains_like_the_twin(Settings(loss, schedule, n_components), with_features=True, weighted=True)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_features_on_one_side_only(loss: str, schedule: str) -> None:
    for which in range(2):
        settings, penalties = Settings(loss, schedule), (REGULARIZATION, ALPHAS)
        model = problem.model(settings, USERS, ITEMS, True, 0, *penalties)
        plain = problem.model(settings, USERS, ITEMS, False, 0, *penalties)
        mixed = Model(model.settings, *(plain.sides[side] if side == which else model.sides[side] for side in range(2)))
        twin, pairs = Twin(mixed), problem.pairs(POSITIVES)
        assert mixed.train(pairs, seed=1) == about(twin.train(pairs, seed=1))
        assert_same(mixed, twin, AFTER_MANY)


def test_search_reads_items_with_features_from_a_delayed_cache() -> None:
    model = problem.model(Settings(n_components=1, learning_rate=0.3), USERS, ITEMS, with_features=True)
    pairs, twin = problem.pairs(POSITIVES), Twin(model)
    assert model.train(pairs) == about(twin.train(pairs))
    assert_same(model, twin, AFTER_MANY)


@pytest.mark.parametrize(("schedule", "n_refreshed"), [("adagrad", 2), ("adadelta", 20)])
def test_each_block_refreshes_a_part_of_the_cache(schedule: str, n_refreshed: int) -> None:
    n_items, block, size = 50 * n_refreshed, 16, 40
    model = problem.model(Settings("warp", schedule, n_components=1), USERS, n_items, with_features=True)
    pairs = problem.pairs(problem.random_positives(USERS, n_items), size, block=block)
    cache = np.empty((n_items, model.settings.width), np.float32)
    start, twin = model.item_representations(), Twin(model)
    model.train(pairs, item_cache=cache)
    twin.train(pairs)
    np.testing.assert_allclose(cache, twin.items.cache, rtol=1e-4, atol=1e-5)
    # The first block refreshes to what the parameters were at its start. No block refreshes the last items.
    unchanged = (cache == start).all(axis=1)
    assert unchanged[: block * n_refreshed].all()
    assert not unchanged[block * n_refreshed : size * n_refreshed].all()
    assert unchanged[size * n_refreshed :].all()


def test_a_refresh_continues_with_the_first_item_after_the_last() -> None:
    model = problem.model(Settings(n_components=1), USERS, ITEMS, with_features=True)
    pairs = problem.pairs(POSITIVES, 56, block=7)
    cache, twin = np.empty((ITEMS, model.settings.width), np.float32), Twin(model)
    model.train(pairs, item_cache=cache)
    twin.train(pairs)
    np.testing.assert_allclose(cache, twin.items.cache, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("regularization", [0.1, 1e-5, 3.0])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_any_regularization_is_accepted(schedule: str, regularization: float) -> None:
    penalties = (regularization, regularization)
    model = problem.model(Settings("logistic", schedule), USERS, ITEMS, regularization=penalties)
    twin, pairs = Twin(model), problem.pairs(POSITIVES)
    assert model.train(pairs) == about(twin.train(pairs))
    assert_same(model, twin, AFTER_MANY)


# With 60, the scale is folded into the parameters after each block.
@pytest.mark.parametrize("alphas", [(1e-5, 0.1), (0.0, 1.0), (1.0, 0.0), (60.0, 60.0)])
@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
def test_any_alpha_is_accepted(with_features: bool, alphas: tuple[float, float]) -> None:
    model = problem.model(Settings("logistic"), USERS, ITEMS, with_features, 0, REGULARIZATION, alphas)
    twin, pairs = Twin(model), problem.pairs(POSITIVES)
    assert model.train(pairs) == about(twin.train(pairs))
    assert_same(model, twin, AFTER_MANY)


@pytest.mark.parametrize("size", [1, 3, 16, 1000])
@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
def test_blocks_of_any_size(with_features: bool, size: int) -> None:
    model = problem.model(Settings(), USERS, ITEMS, with_features)
    twin, pairs = Twin(model), problem.pairs(POSITIVES, 100, block=size)
    assert model.train(pairs, seed=1) == about(twin.train(pairs, seed=1))
    assert_same(model, twin, AFTER_MANY)


@pytest.mark.parametrize("users_of_lane", [1, 5, USERS])
@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
def test_lanes_of_any_size(with_features: bool, users_of_lane: int) -> None:
    model = problem.model(Settings(), USERS, ITEMS, with_features)
    pairs = problem.pairs(POSITIVES, 1100).grouped(problem.lanes_of(USERS, users_of_lane), block=64)
    twin = Twin(model)
    assert model.train(pairs) == about(twin.train(pairs))
    assert_same(model, twin, AFTER_MANY)


# Runs and threads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_same_seed_gives_the_same_model(loss: str, schedule: str, with_features: bool) -> None:
    start = problem.model(Settings(loss, schedule), USERS, ITEMS, with_features)
    pairs = problem.pairs(POSITIVES, 500)
    first, again, other = start.copy(), start.copy(), start.copy()
    assert first.train(pairs, seed=3) == again.train(pairs, seed=3)
    assert_unchanged(first, again)
    other.train(pairs, seed=4)
    assert not np.array_equal(first.users.state, other.users.state)


@pytest.mark.parametrize("alphas", [(0.0, 0.0), (1e-3, 1e-4)], ids=["no alphas", "alphas"])
@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_number_of_threads_changes_nothing(
    loss: str, schedule: str, with_features: bool, alphas: tuple[float, float]
) -> None:
    settings = Settings(loss, schedule, n_components=40)
    start = problem.model(settings, 60, 50, with_features, 0, REGULARIZATION, alphas)
    # The kernel uses a thread for each 64 examples of the largest block.
    pairs = problem.pairs(problem.random_positives(60, 50), 4000).grouped(block=1024)

    def trained(num_threads: int) -> tuple[Model, list[float]]:
        model = start.copy()
        return model, [model.train(pairs, seed=epoch, num_threads=num_threads) for epoch in range(3)]

    alone, losses = trained(1)
    for side, old in zip(alone.sides, start.sides, strict=True):
        assert np.isfinite(side.state).all()
        assert not np.array_equal(side.state, old.state)
    for num_threads in (2, 3, 8, 16):
        model, others = trained(num_threads)
        assert others == losses
        assert_unchanged(model, alone)


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
    model = problem.model(Settings(loss, schedule, n_components), USERS, ITEMS, True, 0, REGULARIZATION, ALPHAS)
    model.train(problem.pairs(POSITIVES, 200, block=200), num_threads=2)
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
