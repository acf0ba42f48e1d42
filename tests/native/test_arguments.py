import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham import _native
from gingham.models import plan

from . import boundary, problem
from .comparisons import ITEMS, POSITIVES, USERS, altered
from .problem import Model, Pairs, Settings


def with_entry(array: Any, place: int, value: int) -> Any:
    array = array.copy()
    array[place] = value
    return array


def other_settings(**changes: Any) -> Callable[[Model, Pairs], tuple[Model, Pairs]]:
    return lambda model, pairs: (replace(model, settings=replace(model.settings, **changes)), pairs)


def other_pairs(**changes: Any) -> Callable[[Model, Pairs], tuple[Model, Pairs]]:
    return lambda model, pairs: (model, replace(pairs, **changes))


def other_items(**changes: Any) -> Callable[[Model, Pairs], tuple[Model, Pairs]]:
    return lambda model, pairs: (replace(model, items=replace(model.items, **changes)), pairs)


def other_users(**changes: Any) -> Callable[[Model, Pairs], tuple[Model, Pairs]]:
    return lambda model, pairs: (replace(model, users=replace(model.users, **changes)), pairs)


def other_plan(**changes: Any) -> Callable[[Model, Pairs], tuple[Model, Pairs]]:
    return lambda model, pairs: (model, replace(pairs, plan=replace(PLAN, **changes)))


TWO = np.zeros(2, np.int32)
PLAN: Any = problem.pairs(POSITIVES).plan


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_settings(loss="hinge"), "unknown loss hinge"),
        (other_settings(schedule="adam"), "unknown learning schedule adam"),
        (other_settings(schedule="adadelta"), "the number of the optimizer's parts"),
        (other_settings(n_components=16), "the number of the optimizer's parts"),
        (other_items(state=np.zeros((ITEMS, 36), np.float32)), "a positive multiple of 8"),
        (other_items(state=np.zeros((ITEMS, 0), np.float32)), "a positive multiple of 8"),
        (other_items(state=np.zeros((ITEMS, 48), np.float32)), "the number of the optimizer's parts"),
        (other_pairs(item=TWO), "item and user must be equally long"),
        (other_pairs(weight=np.ones(2, np.float32)), "weight must be as long as user"),
        (other_pairs(target=np.ones(2, np.float32)), "target must be as long as user"),
        (other_pairs(positives=altered(POSITIVES, indptr=np.zeros(0))), "indptr must not be empty"),
        (other_pairs(positives=altered(POSITIVES, indptr=POSITIVES.indptr + 1)), "indptr must run from 0"),
        (other_pairs(positives=altered(POSITIVES, indptr=POSITIVES.indptr[:-1])), "indptr must run from 0"),
        (
            other_pairs(positives=altered(POSITIVES, data=POSITIVES.data[1:])),
            "positives must all have a weight",
        ),
        (
            other_pairs(positives=altered(POSITIVES, indices=POSITIVES.indices + ITEMS)),
            "a column index is out of range",
        ),
        (other_pairs(positives=altered(POSITIVES, indices=POSITIVES.indices * 0)), "column indices must ascend"),
        (other_pairs(user=np.full_like(problem.pairs(POSITIVES).user, USERS)), "a user index is out of range"),
        (other_pairs(item=np.full_like(problem.pairs(POSITIVES).item, -1)), "an item index is out of range"),
        (other_pairs(pool=np.full(3, ITEMS, np.int32)), "an item index of pool is out of range"),
        (other_settings(max_sampled=0), "must be at least 1"),
        (other_settings(n=1, k=2), "n at least k"),
        (other_items(features=altered(POSITIVES, data=POSITIVES.data[1:])), "data and indices must be equally long"),
        (
            other_items(features=altered(POSITIVES, indices=POSITIVES.indices + ITEMS)),
            "a feature index is out of range",
        ),
        (other_plan(lanes=PLAN.lanes[:-1]), "lanes must run from 0 to the number of examples in 64 steps"),
        (other_plan(lanes=PLAN.lanes + 1), "lanes must run from 0"),
        (other_plan(lanes=PLAN.lanes - 1), "lanes must run from 0"),
        (other_plan(lanes=with_entry(PLAN.lanes, 2, 0)), "lanes must not decrease"),
        (other_plan(lanes=with_entry(PLAN.lanes, 2, 2**62)), "lanes must not decrease"),
        (
            other_plan(lanes=with_entry(PLAN.lanes, 1, PLAN.lanes[1] + 1)),
            "a lane must have the users after those of the",
        ),
        (other_plan(blocks=PLAN.blocks[:-1]), "blocks must end with the number of examples"),
        (other_plan(blocks=PLAN.blocks[:0]), "blocks must end with the number of examples"),
        (other_plan(blocks=PLAN.blocks + 1), "blocks must ascend"),
        (other_plan(blocks=PLAN.blocks[::-1].copy()), "blocks must ascend"),
        (other_plan(blocks=np.repeat(PLAN.blocks, 2)), "blocks must ascend"),
        (other_plan(blocks=with_entry(PLAN.blocks, 0, 0)), "blocks must ascend"),
        (other_plan(blocks=with_entry(PLAN.blocks, 0, -5)), "blocks must ascend"),
        (other_users(owners=np.zeros(USERS - 1, np.uint8)), "owners must have a number for each row of state"),
        (other_users(owners=np.full(USERS, 16, np.uint8)), "an owner of a user's row is out of range"),
        (other_items(owners=np.zeros(ITEMS + 1, np.uint8)), "owners must have a number for each row of state"),
        (other_items(owners=np.full(ITEMS, 16, np.uint8)), "an owner of an item's row is out of range"),
        (other_items(owners=np.full(ITEMS, 255, np.uint8)), "an owner of an item's row is out of range"),
    ],
)
def test_invalid_arguments_are_refused(change: Any, words: str) -> None:
    model, pairs = change(problem.model(Settings(), USERS, ITEMS), problem.pairs(POSITIVES))
    with pytest.raises(ValueError, match=words):
        model.train(pairs)


def test_rows_that_lanes_share_need_an_owner() -> None:
    model, pairs = problem.model(Settings(), USERS, ITEMS, with_features=True), problem.pairs(POSITIVES)
    users, _ = model.owners(pairs)
    shared = np.flatnonzero(users != plan.LANE_OWNED)
    assert len(shared) == 6
    for row in shared:
        model.users.owners = with_entry(users, row, plan.LANE_OWNED)
        with pytest.raises(ValueError, match="users of several lanes have a row without an owner"):
            model.train(pairs)
    # A row may have an owner although only one lane has it.
    model.users.owners = np.zeros_like(users)
    model.train(pairs)


def test_users_without_examples_may_have_features_of_any_lane() -> None:
    model, pairs = problem.model(Settings(), USERS, ITEMS, with_features=True), problem.pairs(POSITIVES)
    assert model.users.features is not None
    # Otherwise only users of the first lane have the last feature.
    dense = model.users.features.toarray()
    dense[4, -1] = 1
    model.users.features = sp.csr_matrix(dense)
    model.train(pairs.take(np.flatnonzero(pairs.user != 4)).grouped(problem.lanes_of(USERS, 3)))


def test_a_block_of_too_many_examples_is_refused() -> None:
    size = 2**20 + 1
    zeros = np.zeros(size, np.int32)
    model = problem.blank(Settings(), 1, 2)
    pairs = Pairs(zeros, zeros, sp.csr_matrix(np.array([[1, 0]], np.float32)), zeros[:1])
    with pytest.raises(ValueError, match="a block must have at most"):
        model.train(pairs.grouped(block=size))
    model.train(pairs.grouped(block=size - 1))


def test_losses_check_their_examples() -> None:
    pairs = problem.pairs(POSITIVES)
    with pytest.raises(ValueError, match="a target for each pair"):
        problem.model(Settings("logistic"), USERS, ITEMS).train(replace(pairs, target=None))
    with pytest.raises(ValueError, match="bpr needs items to draw from"):
        problem.model(Settings("bpr"), USERS, ITEMS).train(replace(pairs, pool=TWO[:0]))


def test_zero_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="num_threads must be at least 1"):
        problem.model(Settings(), USERS, ITEMS).train(problem.pairs(POSITIVES), num_threads=0)


def test_items_with_features_need_a_cache_of_the_right_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pairs = problem.model(Settings(), USERS, ITEMS, with_features=True), problem.pairs(POSITIVES)
    for shape in ((ITEMS - 1, 16), (ITEMS, 32)):
        with pytest.raises(ValueError, match="a row for each item"):
            model.train(pairs, item_cache=np.empty(shape, np.float32))
    monkeypatch.setattr(Model, "_item_cache", lambda self: None)
    with pytest.raises(ValueError, match="item_cache is required for items with features"):
        model.train(pairs)


@pytest.mark.parametrize(
    "change",
    [
        other_items(state=np.zeros((ITEMS, 32))),
        other_items(state=np.zeros((ITEMS, 64), np.float32)[:, ::2]),
        other_items(state=np.zeros(ITEMS * 32, np.float32)),
        other_pairs(user=np.zeros(len(problem.pairs(POSITIVES)))),
        other_pairs(pool=np.zeros(9, np.int64)),
        other_plan(lanes=PLAN.lanes.astype(np.int32)),
        other_plan(blocks=PLAN.blocks.astype(np.int32)),
        other_users(owners=np.zeros(USERS, np.int64)),
    ],
)
def test_arrays_of_wrong_dtype_or_layout_are_refused_not_copied(change: Any) -> None:
    model, pairs = change(problem.model(Settings(), USERS, ITEMS), problem.pairs(POSITIVES))
    with pytest.raises(TypeError, match="incompatible function arguments"):
        model.train(pairs)


def test_read_only_state_is_refused() -> None:
    model = problem.model(Settings(), USERS, ITEMS)
    model.items.state.flags.writeable = False
    with pytest.raises(TypeError, match="incompatible function arguments"):
        model.train(problem.pairs(POSITIVES))


def test_no_argument_of_any_function_crashes() -> None:
    """In a process of its own, because a crash would end this one."""
    done = subprocess.run([sys.executable, "-m", boundary.__name__], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 1000


@pytest.mark.parametrize("n_components", [-(2**63), -1, 2**31])
def test_a_size_out_of_range_is_refused(n_components: int) -> None:
    arguments = boundary.calls()
    for name in ("padded_width", "train_epoch", "rank_representations"):
        with pytest.raises((TypeError, ValueError), match=r"n_components must|longer than n_comp|incompatible"):
            getattr(_native, name)(**arguments[name] | {"n_components": n_components})


def test_none_within_a_tuple_is_refused() -> None:
    refused = 0
    for name, arguments in boundary.calls().items():
        for argument, value in arguments.items():
            for place in range(len(value) if isinstance(value, tuple) else 0):
                changed = (*value[:place], None, *value[place + 1 :])
                # Weights, targets and features may be None.
                optional = argument in ("examples", "positives", "pairs") and place >= 2
                if optional or (argument in ("users", "items") and place == 1):
                    continue
                with pytest.raises((TypeError, ValueError), match=r"an array is None|incompatible function arguments"):
                    getattr(_native, name)(**arguments | {argument: changed})
                refused += 1
    assert refused > 20


def test_a_numbering_table_without_a_free_row_is_refused() -> None:
    arguments = boundary.calls()["number_keys"]
    table = np.full((8, 3), 77, np.uint64)
    with pytest.raises(ValueError, match="table has no free row"):
        _native.number_keys(**arguments | {"table": table})
    with pytest.raises(ValueError, match="table is too small"):
        _native.number_keys(**arguments | {"known": 4})


@pytest.mark.parametrize(("number", "error"), [(2**31, OverflowError), (2**70, OverflowError), ("x", TypeError)])
def test_a_number_that_is_not_32_bits_is_refused(number: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        _native.look_up(numbers={"a": number}, keys=["a"], out=np.zeros(1, np.int32))
    out = np.zeros(2, np.int32)
    _native.look_up(numbers={"a": -1, "b": 2**31 - 1}, keys=["a", "b"], out=out)
    assert out.tolist() == [-1, 2**31 - 1]
