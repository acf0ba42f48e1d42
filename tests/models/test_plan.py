from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gingham.models import plan
from tests.models.samples import groups

# Lanes ----------------------------------------------------------------------------------------------------------------


def test_lanes_have_about_equally_many_examples() -> None:
    users = np.random.default_rng(0).integers(0, 30, 5000)
    starts = plan.lanes(users)
    assert starts.dtype == np.int64
    assert (starts[0], len(starts), starts[-1]) == (0, 65, 5000)
    sizes = np.add.reduceat(users, starts[:-1])
    assert sizes.sum() == users.sum()
    # A lane ends with a whole user.
    assert np.abs(sizes - users.sum() / 64).max() <= users.max()


@given(st.lists(st.integers(0, 100), max_size=300))
def test_lanes_are_ranges_of_users(users: list[int]) -> None:
    starts = plan.lanes(np.array(users, np.int64))
    assert (starts[0], len(starts), starts[-1]) == (0, plan.N_LANES + 1, len(users))
    assert (np.diff(starts) >= 0).all()


@pytest.mark.parametrize("users", [[], [0], [0] * 1000])
def test_without_examples_lanes_are_empty(users: list[int]) -> None:
    starts = plan.lanes(np.array(users, np.int64))
    assert (starts[0], len(starts), starts[-1]) == (0, 65, len(users))
    assert (np.diff(starts) >= 0).all()


def test_a_user_with_all_examples_is_in_one_lane() -> None:
    starts = plan.lanes(np.array([0, 0, 1000, 0, 0]))
    sizes = [np.array([0, 0, 1000, 0, 0])[first:last].sum() for first, last in pairwise(starts)]
    assert sorted(sizes) == [0] * 63 + [1000]


def test_users_without_examples_change_nothing() -> None:
    users = np.random.default_rng(0).integers(1, 30, 500)
    spread = np.zeros(1500, np.int64)
    spread[1::3] = users
    ends = np.cumsum(np.append(0, users))[plan.lanes(users)]
    np.testing.assert_array_equal(np.cumsum(np.append(0, spread))[plan.lanes(spread)], ends)


# Blocks ---------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 300_000), st.integers(0, 10_000_000), st.booleans())
def test_blocks_end_with_the_epoch(size: int, done: int, has_features: bool) -> None:
    ends = plan.blocks(size, done, has_features)
    assert ends.dtype == np.int64
    assert len(ends) == 0 if size == 0 else ends[-1] == size
    lengths = np.diff(np.append(0, ends))
    assert (lengths > 0).all()
    assert lengths.max(initial=0) <= (512 if has_features else 2048)


@pytest.mark.parametrize(("has_features", "most"), [(False, 2048), (True, 512)])
def test_blocks_are_short_early_in_training(has_features: bool, most: int) -> None:
    lengths = np.diff(np.append(0, plan.blocks(1_000_000, 0, has_features)))
    before = np.append(0, np.cumsum(lengths)[:-1])
    assert (np.diff(lengths[:-1]) >= 0).all()
    # At most one part in 64 of the examples before, but for the shortest blocks.
    assert (lengths <= np.maximum(lengths[0], before / 64)).all()
    assert lengths[0] <= 32
    assert lengths[-2] == most


def test_blocks_go_on_from_the_epochs_before() -> None:
    first, second = plan.blocks(10_000, 0, False), plan.blocks(10_000, 10_000, False)
    assert len(second) < len(first)
    assert second[0] == 10_000 // 64
    assert plan.blocks(10_000, 10_000_000, False).tolist() == [2048, 4096, 6144, 8192, 10_000]


# Owners ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [20, 500, 20_000])
def test_owners_have_about_the_same_load(size: int) -> None:
    loads = np.random.default_rng(0).pareto(2.0, size) + 1.0
    owners = plan.balanced(loads)
    assert owners.dtype == np.uint8
    totals = np.bincount(owners, loads, minlength=16)
    assert len(totals) == 16
    assert totals.max() - totals.min() <= loads.max()
    np.testing.assert_array_equal(plan.balanced(loads), owners)


@given(st.lists(st.floats(0, 1e6), max_size=3000))
def test_every_load_has_an_owner(loads: list[float]) -> None:
    owners = plan.balanced(np.array(loads, float))
    assert len(owners) == len(loads)
    assert owners.max(initial=0) < 16


def test_rows_without_features_belong_to_the_lane_of_their_user() -> None:
    users = np.array([3, 0, 2])
    assert plan.user_owners(None, plan.lanes(users), users).tolist() == [255] * 3


@given(st.data())
def test_rows_of_one_lane_belong_to_it(data: st.DataObject) -> None:
    n_users, n_features = data.draw(st.integers(0, 100)), data.draw(st.integers(0, 12))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    users = rng.integers(0, 4, n_users) * (rng.random(n_users) < 0.7)
    features = sp.random(n_users, n_features, 0.05, "csr", np.float32, rng)
    starts = plan.lanes(users)
    owners = plan.user_owners(features, starts, users)
    assert owners.dtype == np.uint8
    assert owners.shape == (n_features,)
    lane_of = np.searchsorted(starts, np.arange(n_users), side="right")
    for feature, owner in enumerate(owners):
        entities = features[:, [feature]].nonzero()[0]
        lanes = {lane_of[user] for user in entities}
        assert (owner == plan.LANE_OWNED) == (len(lanes) < 2)
        assert owner == plan.LANE_OWNED or owner < plan.N_OWNERS


def test_shared_features_of_users_are_balanced() -> None:
    users = np.full(6400, 10)
    owners = plan.user_owners(groups(6400, 160), plan.lanes(users), users)
    assert (owners[:6400] == 255).all()
    assert np.bincount(owners[6400:]).tolist() == [10] * 16


@pytest.mark.parametrize("n_items", [0, 1, 5, 4000])
@pytest.mark.parametrize("has_features", [False, True])
def test_items_have_owners(n_items: int, has_features: bool) -> None:
    items = np.random.default_rng(0).integers(0, 50, n_items)
    features = groups(n_items, 3) if has_features else None
    owners = plan.item_owners(features, items)
    assert owners.dtype == np.uint8
    assert len(owners) == n_items + 3 * has_features
    assert owners.max(initial=0) < 16
    if n_items == 4000 and not has_features:
        loads = np.bincount(owners, items)
        assert loads.max() < 1.2 * loads.min()


def test_blocks_are_short_if_examples_shrink_all_parameters_much() -> None:
    sizes = [
        np.diff(plan.blocks(100_000, 10**6, False, shrinkage), prepend=0).max() for shrinkage in (0, 1e-6, 1e-3, 1)
    ]
    assert sizes[0] == sizes[1] > sizes[2] == 250 > sizes[3]
