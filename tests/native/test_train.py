import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from . import problem
from .problem import LOSSES, SCHEDULES, Floats, Model, Pairs, Settings
from .twin import Order, Twin, mix

RANKING = tuple(loss for loss in LOSSES if loss != "logistic")
# One in each class of width that is compiled on its own, full and not full, and two of the others: 16, 16, 32, 64, 80
# and 112 floats a row.
N_COMPONENTS = (1, 10, 31, 50, 70, 100)
USERS, ITEMS = 12, 20
BOUGHT = problem.bought(USERS, ITEMS)
ALPHAS = (1 / 32, 1 / 64)
SEED = 1


@dataclass(frozen=True)
class Tolerance:
    """How far the kernel may be off: in all, and in parameters, squared gradients and squared updates near zero."""

    relative: float
    absolute: tuple[float, float, float]


# The kernel's square roots are right to five parts in a million; and adadelta hangs on how small its first steps were.
AFTER_ONE = Tolerance(1e-4, (1e-5, 1e-9, 1e-11))
AFTER_MANY = Tolerance(3e-4, (1e-4, 1e-5, 1e-8))


def assert_same(model: Model, twin: Twin, tolerance: Tolerance) -> None:
    assert twin.closest > 1e-5, "a comparison is too close to call: choose another seed"
    for what, side, other in (("users", model.users, twin.users), ("items", model.items, twin.items)):
        for part, values in enumerate(model.parts(side)):
            np.testing.assert_allclose(
                values,
                other.state[:, part],
                rtol=tolerance.relative,
                atol=tolerance.absolute[part],
                err_msg=f"{what}, part {part}",
            )


def altered(matrix: sp.csr_matrix, **parts: Any) -> Any:
    """A matrix as SciPy would not make it."""
    whole = {"indptr": matrix.indptr, "indices": matrix.indices, "data": matrix.data, "shape": matrix.shape}
    return SimpleNamespace(**{**whole, **parts})


def about(loss: float) -> Any:
    return pytest.approx(loss, rel=1e-4, abs=1e-5)


def assert_unchanged(model: Model, before: Model) -> None:
    for side, old in zip(model.sides, before.sides, strict=True):
        np.testing.assert_array_equal(side.state, old.state)


# The twin ------------------------------------------------------------------------------------------------------------


def assert_trains_like_its_twin(settings: Settings, with_features: bool, weighted: bool) -> None:
    seed = SEED + settings.n_components
    model = problem.model(settings, USERS, ITEMS, with_features, seed, ALPHAS)
    twin = Twin(model)
    given = problem.pairs(problem.bought(USERS, ITEMS, seed=seed, weighted=weighted), 60, weighted=weighted)
    for at in range(20):
        one = given.only(at)
        assert model.train(one, seed=at) == about(twin.train(one, seed=at))
        assert_same(model, twin, AFTER_ONE)
        twin.follow(model)  # rounding starts afresh
    assert model.train(given, seed=2**64 - 1) == about(twin.train(given, seed=2**64 - 1))
    assert_same(model, twin, AFTER_MANY)


@pytest.mark.parametrize("n_components", N_COMPONENTS)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_update_is_the_twins(
    loss: str, schedule: str, with_features: bool, weighted: bool, n_components: int
) -> None:
    assert_trains_like_its_twin(Settings(loss, schedule, n_components), with_features, weighted)


@pytest.mark.parametrize("n_components", [10, 50])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_instruction_set_trains_like_the_twin(kernel: str, loss: str, schedule: str, n_components: int) -> None:
    assert_trains_like_its_twin(Settings(loss, schedule, n_components), with_features=True, weighted=True)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_one_side_alone_may_have_features(loss: str, schedule: str) -> None:
    for which in range(2):
        model = problem.model(Settings(loss, schedule), USERS, ITEMS, True, alphas=ALPHAS)
        plain = problem.model(Settings(loss, schedule), USERS, ITEMS, alphas=ALPHAS)
        mixed = Model(model.settings, *(plain.sides[side] if side == which else model.sides[side] for side in range(2)))
        twin, given = Twin(mixed), problem.pairs(BOUGHT)
        assert mixed.train(given, seed=1) == about(twin.train(given, seed=1))
        assert_same(mixed, twin, AFTER_MANY)


def test_search_reads_items_with_features_from_a_cache_that_lags() -> None:
    model = problem.model(Settings(n_components=1, learning_rate=0.3), USERS, ITEMS, with_features=True)
    given, twin = problem.pairs(BOUGHT), Twin(model)
    assert model.train(given) == about(twin.train(given))
    assert_same(model, twin, AFTER_MANY)


@pytest.mark.parametrize(
    ("schedule", "n_items", "every"), [("adagrad", 20, 10), ("adagrad", 8193, 4096), ("adadelta", 8193, 409)]
)
def test_the_cache_is_refreshed_once_in_so_many_steps(schedule: str, n_items: int, every: int) -> None:
    model = problem.model(Settings("warp", schedule, n_components=1), USERS, ITEMS, with_features=True)
    assert model.items.features is not None
    model.items.features.resize((n_items, model.items.features.shape[1]))
    cache = np.empty((n_items, model.settings.width), np.float32)

    start = model.item_representations()
    model.train(problem.pairs(BOUGHT, every), item_cache=cache)
    np.testing.assert_array_equal(cache, start)

    # One step more, which comes right after the refresh and, having no weight, leaves the model as the refresh saw it.
    given = problem.pairs(BOUGHT, every + 1)
    weight = np.ones(every + 1, np.float32)
    weight[Order(every + 1, mix(0))(every)] = 0
    start = model.item_representations()
    model.train(replace(given, weight=weight), item_cache=cache)
    np.testing.assert_array_equal(cache, model.item_representations())
    assert not np.array_equal(cache, start)


@pytest.mark.parametrize("alpha", [0.1, 1e-5, 3.0])
def test_a_penalty_may_be_any_number(alpha: float) -> None:
    model = problem.model(Settings("logistic"), USERS, ITEMS, alphas=(alpha, alpha))
    twin, given = Twin(model), problem.pairs(BOUGHT)
    model.train(given)
    twin.train(given)
    assert_same(model, twin, AFTER_MANY)


# Runs and threads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_one_thread_and_one_seed_give_the_same_bits(loss: str, schedule: str, with_features: bool) -> None:
    start = problem.model(Settings(loss, schedule), USERS, ITEMS, with_features)
    given = problem.pairs(BOUGHT, 500)
    first, again, other = start.copy(), start.copy(), start.copy()
    assert first.train(given, seed=3) == again.train(given, seed=3)
    assert_unchanged(first, again)
    other.train(given, seed=4)
    assert not np.array_equal(first.users.state, other.users.state)


@pytest.mark.parametrize("num_threads", [2, 7])
@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_threads_train_together(loss: str, schedule: str, with_features: bool, num_threads: int) -> None:
    model = problem.model(Settings(loss, schedule), USERS, ITEMS, with_features)
    alone, before = model.copy(), model.copy()
    given = problem.pairs(BOUGHT, 2000)
    # The draws are the same on any number of threads; only the order, and what is lost in races, differs.
    assert model.train(given, num_threads=num_threads) == pytest.approx(alone.train(given), rel=0.3)
    for side, old in zip(model.sides, before.sides, strict=True):
        assert np.isfinite(side.state).all()
        assert not np.array_equal(side.state, old.state)


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_there_may_be_more_threads_than_examples(loss: str, num_threads: int) -> None:
    for size in (0, 1, 2):
        model = problem.model(Settings(loss), USERS, ITEMS, with_features=True)
        before, given = model.copy(), problem.pairs(BOUGHT, size)
        model.train(replace(given, weight=np.full(size, 5, np.float32)), num_threads=num_threads)
        if size == 0:
            assert_unchanged(model, before)


@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("loss", LOSSES)
def test_no_examples_change_nothing(loss: str, with_features: bool) -> None:
    model = problem.model(Settings(loss), USERS, ITEMS, with_features)
    before = model.copy()
    assert model.train(problem.pairs(sp.csr_matrix((USERS, ITEMS), dtype=np.float32))) == 0
    assert_unchanged(model, before)


# What is a negative --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("loss", RANKING)
def test_who_bought_everything_teaches_nothing(loss: str, with_features: bool) -> None:
    model = problem.model(Settings(loss), USERS, ITEMS, with_features, alphas=ALPHAS)
    before = model.copy()
    assert model.train(problem.pairs(problem.bought(USERS, ITEMS, density=1), 500), num_threads=2) == 0
    assert_unchanged(model, before)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_items", [1, 2, 3, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_tiny_catalogues_stay_finite(loss: str, n_items: int, schedule: str) -> None:
    for with_features in (False, True):
        model = problem.model(Settings(loss, schedule, max_sampled=20, k=5, n=10), USERS, n_items, with_features)
        given = problem.pairs(problem.bought(USERS, n_items), 50)
        for epoch in range(200):
            assert np.isfinite(model.train(given, seed=epoch))
        assert all(np.isfinite(side.state).all() for side in model.sides)


@pytest.mark.parametrize("loss", RANKING)
def test_a_positive_is_never_taken_for_a_negative(loss: str) -> None:
    # Everybody scores item 0 so high that whoever draws it trains on it; and draws it, for it is half of the pool.
    model = problem.model(Settings(loss), USERS, ITEMS)
    model.biases(model.items)[0] = 100
    there = problem.bought(USERS, ITEMS).toarray()
    there[:, 0] = 0
    without = sp.csr_matrix(there)
    there[:, 0] = 1
    everybody = sp.csr_matrix(there)
    given = problem.pairs(without, 500)
    given = replace(given, pool=np.r_[given.pool, np.zeros(len(given.pool), np.int32)])
    other = model.copy()
    # A step raises the bias of its positive and lowers that of its negative.
    model.train(replace(given, positives=everybody))
    assert model.biases(model.items)[0] >= 100
    other.train(given)
    assert other.biases(other.items)[0] < 100


# Weights and padding -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_what_weighs_nothing_moves_no_parameter(loss: str, schedule: str) -> None:
    model = problem.model(Settings(loss, schedule), USERS, ITEMS, with_features=True)
    before = model.copy()
    positives = problem.bought(USERS, ITEMS)
    positives.data[:] = 0
    assert model.train(problem.pairs(positives, 200, weighted=True)) == 0
    if schedule == "adagrad":
        assert_unchanged(model, before)
    else:  # its memory fades with every step
        for side, old in zip(model.sides, before.sides, strict=True):
            np.testing.assert_array_equal(model.parts(side)[0], before.parts(old)[0])


@pytest.mark.parametrize("loss", LOSSES)
def test_a_weight_scales_the_loss_and_the_gradient(loss: str) -> None:
    positives = problem.bought(USERS, ITEMS)
    given = problem.pairs(positives, 1, weighted=True)

    def trained(weight: float) -> tuple[float, Floats]:
        model = problem.model(Settings(loss), USERS, ITEMS)
        before = model.copy()
        scaled = replace(given, weight=given.weight * np.float32(weight), positives=positives * np.float32(weight))
        total = model.train(scaled, seed=1)
        # Adagrad's memory grows by the gradient's square.
        return total, model.parts(model.items)[1] - before.parts(before.items)[1]

    one, growth = trained(1)
    assert one > 0
    for weight in (0.25, 3):
        loss_then, growth_then = trained(weight)
        assert loss_then == pytest.approx(weight * one, rel=1e-5)
        np.testing.assert_allclose(growth_then, weight**2 * growth, rtol=1e-5, atol=1e-5)
    if loss.startswith("warp"):  # a push is ten at most
        assert trained(1000)[0] == trained(10_000)[0] < 100 * one


@pytest.mark.parametrize("loss", LOSSES)
def test_what_has_no_weight_weighs_one(loss: str) -> None:
    model, given = problem.model(Settings(loss), USERS, ITEMS), problem.pairs(BOUGHT)
    other = model.copy()
    ones = replace(given, weight=np.ones(len(given), np.float32))
    assert model.train(replace(given, positives=altered(BOUGHT, data=None))) == other.train(ones)
    assert_unchanged(model, other)


@pytest.mark.parametrize("n_components", N_COMPONENTS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_padding_stays_zero(loss: str, schedule: str, n_components: int) -> None:
    model = problem.model(Settings(loss, schedule, n_components), USERS, ITEMS, with_features=True, alphas=ALPHAS)
    model.train(problem.pairs(BOUGHT, 200), num_threads=2)
    for side in model.sides:
        assert not model.parts(side)[0][:, n_components + 1 :].any()


def test_arrays_may_lie_anywhere() -> None:
    model = problem.model(Settings(), USERS, ITEMS, with_features=True)
    other = model.copy()
    for side in other.sides:
        side.state = off_a_cache_line(side.state)
    given = problem.pairs(BOUGHT, weighted=True)
    cache = off_a_cache_line(other.item_representations())
    assert model.train(given) == other.train(given, item_cache=cache)
    assert_unchanged(model, other)


def off_a_cache_line(array: Floats) -> Floats:
    buffer = np.empty(array.size + 16, np.float32)
    start = (-buffer.ctypes.data % 64) // 4 + 1
    moved = buffer[start : start + array.size].reshape(array.shape)
    moved[:] = array
    return moved


# Progress ------------------------------------------------------------------------------------------------------------


class Stop(Exception):
    pass


def long_epoch() -> tuple[Model, Pairs]:
    """An epoch that takes a good while: one user, one item, no parameter that moves."""
    size = 6_000_000
    zeros, ones = np.zeros(size, np.int32), np.ones(size, np.float32)
    model = problem.blank(Settings("logistic", n_components=100, learning_rate=1e-9), 1, 1)
    return model, Pairs(zeros, zeros, sp.csr_matrix(np.ones((1, 1), np.float32)), zeros[:1], target=ones)


def steps(model: Model) -> float:
    """How many steps of a long epoch there were: each adds the square of a half to the memory of the user's bias."""
    return float(4 * (model.parts(model.users)[1][0, model.settings.n_components] - 1))


@pytest.mark.parametrize("num_threads", [1, 2])
def test_an_exception_from_progress_stops_the_epoch_and_comes_out(num_threads: int) -> None:
    model, given = long_epoch()
    calls: list[int] = []

    def progress(done: int) -> None:
        calls.append(done)
        raise Stop("enough")

    with pytest.raises(Stop, match="enough"):
        model.train(given, num_threads=num_threads, progress=progress)
    assert len(calls) == 1
    assert 0 < steps(model) < 0.9 * len(given)


def test_an_exception_from_a_signal_handler_stops_the_epoch_and_comes_out() -> None:
    model, given = long_epoch()

    def handler(*_: Any) -> None:
        raise Stop

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(Stop):
            model.train(given)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert 0 < steps(model) < 0.9 * len(given)


def test_progress_counts_the_steps() -> None:
    model, given = long_epoch()
    calls: list[int] = []
    model.train(given, progress=calls.append)
    assert calls == sorted(calls)
    assert calls[-1] == len(given)
    assert steps(model) == pytest.approx(len(given), rel=1e-3)


@pytest.mark.skipif(sys.platform != "linux", reason="measures its memory in /proc")
@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer takes all address space")
def test_threads_that_cannot_be_had_are_an_error() -> None:
    # Threads keep their stacks until they are joined; here there is no room for so many.
    code = """
import resource
from tests.native import problem

model = problem.model(problem.Settings(), 5, 6)
given = problem.pairs(problem.bought(5, 6))
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (100 << 20), resource.RLIM_INFINITY))
try:
    model.train(given, num_threads=500)
except RuntimeError:
    print("refused")
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


# What is refused -----------------------------------------------------------------------------------------------------


def other_settings(**changes: Any) -> Callable[[Model, Pairs], tuple[Model, Pairs]]:
    return lambda model, given: (replace(model, settings=replace(model.settings, **changes)), given)


def other_pairs(**changes: Any) -> Callable[[Model, Pairs], tuple[Model, Pairs]]:
    return lambda model, given: (model, replace(given, **changes))


def other_items(**changes: Any) -> Callable[[Model, Pairs], tuple[Model, Pairs]]:
    return lambda model, given: (replace(model, items=replace(model.items, **changes)), given)


TWO = np.zeros(2, np.int32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_settings(loss="hinge"), "unknown loss hinge"),
        (other_settings(schedule="adam"), "unknown learning schedule adam"),
        (other_settings(schedule="adadelta"), "each of the optimizer's parts"),
        (other_settings(n_components=16), "each of the optimizer's parts"),
        (other_items(state=np.zeros((ITEMS, 40), np.float32)), "a multiple of 16"),
        (other_items(state=np.zeros((ITEMS, 0), np.float32)), "a multiple of 16"),
        (other_items(state=np.zeros((ITEMS, 48), np.float32)), "each of the optimizer's parts"),
        (other_pairs(item=TWO), "item and user must be equally long"),
        (other_pairs(weight=np.ones(2, np.float32)), "weight must be as long as user"),
        (other_pairs(target=np.ones(2, np.float32)), "a target for each pair"),
        (other_pairs(positives=altered(BOUGHT, indptr=np.zeros(0))), "indptr must not be empty"),
        (other_pairs(positives=altered(BOUGHT, indptr=BOUGHT.indptr + 1)), "indptr must run from 0"),
        (other_pairs(positives=altered(BOUGHT, indptr=BOUGHT.indptr[:-1])), "indptr must run from 0"),
        (other_pairs(positives=altered(BOUGHT, data=BOUGHT.data[1:])), "positives must have a weight each, or none"),
        (other_pairs(positives=altered(BOUGHT, indices=BOUGHT.indices + ITEMS)), "a column is out of range"),
        (other_pairs(positives=altered(BOUGHT, indices=BOUGHT.indices * 0)), "columns must ascend"),
        (other_pairs(user=np.full_like(problem.pairs(BOUGHT).user, USERS)), "a user has no row of positives"),
        (other_pairs(item=np.full_like(problem.pairs(BOUGHT).item, -1)), "an item is out of range"),
        (other_pairs(pool=np.full(3, ITEMS, np.int32)), "an item of the pool is out of range"),
        (other_settings(max_sampled=0), "must be at least 1"),
        (other_settings(n=1, k=2), "n at least k"),
        (other_items(features=altered(BOUGHT, data=BOUGHT.data[1:])), "data and indices must be equally long"),
        (other_items(features=altered(BOUGHT, indices=BOUGHT.indices + ITEMS)), "a feature has no row of state"),
    ],
)
def test_what_does_not_fit_is_refused(change: Any, words: str) -> None:
    model, given = change(problem.model(Settings(), USERS, ITEMS), problem.pairs(BOUGHT))
    with pytest.raises(ValueError, match=words):
        model.train(given)


def test_a_loss_is_refused_without_what_it_needs() -> None:
    given = problem.pairs(BOUGHT)
    with pytest.raises(ValueError, match="a target for each pair"):
        problem.model(Settings("logistic"), USERS, ITEMS).train(replace(given, target=None))
    with pytest.raises(ValueError, match="bpr needs items to draw from"):
        problem.model(Settings("bpr"), USERS, ITEMS).train(replace(given, pool=TWO[:0]))


def test_no_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="num_threads must be at least 1"):
        problem.model(Settings(), USERS, ITEMS).train(problem.pairs(BOUGHT), num_threads=0)


def test_items_with_features_need_a_cache_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    model, given = problem.model(Settings(), USERS, ITEMS, with_features=True), problem.pairs(BOUGHT)
    for shape in ((ITEMS - 1, 16), (ITEMS, 32)):
        with pytest.raises(ValueError, match="a row for each item"):
            model.train(given, item_cache=np.empty(shape, np.float32))
    monkeypatch.setattr(Model, "_item_cache", lambda self: None)
    with pytest.raises(ValueError, match="items with features need item_cache"):
        model.train(given)


@pytest.mark.parametrize(
    "change",
    [
        other_items(state=np.zeros((ITEMS, 32))),
        other_items(state=np.zeros((ITEMS, 64), np.float32)[:, ::2]),
        other_items(state=np.zeros(ITEMS * 32, np.float32)),
        other_pairs(user=np.zeros(len(problem.pairs(BOUGHT)))),
        other_pairs(pool=np.zeros(9, np.int64)),
    ],
)
def test_arrays_of_another_kind_are_refused_rather_than_copied(change: Any) -> None:
    model, given = change(problem.model(Settings(), USERS, ITEMS), problem.pairs(BOUGHT))
    with pytest.raises(TypeError, match="incompatible function arguments"):
        model.train(given)


def test_read_only_state_is_refused() -> None:
    model = problem.model(Settings(), USERS, ITEMS)
    model.items.state.flags.writeable = False
    with pytest.raises(TypeError, match="incompatible function arguments"):
        model.train(problem.pairs(BOUGHT))
