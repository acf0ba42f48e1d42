import copy

import numpy as np
import pytest

from gingham.errors import DataError
from gingham.lightfm.errors import ParameterError
from gingham.lightfm.randomness import as_random_state, draw_seed, restored_random_state, stored_random_state


def test_every_kind_of_seed_becomes_a_random_state() -> None:
    own = np.random.RandomState(1)
    assert as_random_state(own) is own
    for seed in (3, np.int64(3), 2**40, np.random.default_rng(3)):
        first, second = (as_random_state(copy.deepcopy(seed)) for _ in range(2))
        assert first.randint(2**31) == second.randint(2**31)
    assert as_random_state(3).randint(2**31) == np.random.RandomState(3).randint(2**31)
    assert as_random_state(None).randint(2**31) != as_random_state(None).randint(2**31)
    assert as_random_state(2**40).randint(2**31) != as_random_state(2**40 + 1).randint(2**31)


@pytest.mark.parametrize("wrong", [-1, 1.5, "seed", [-1], {}])
def test_other_seeds_are_refused(wrong: object) -> None:
    with pytest.raises(ParameterError, match="random_state must be an integer of at least 0"):
        as_random_state(wrong)


def test_seeds_differ_and_change_the_state() -> None:
    random_state = np.random.RandomState(2)
    words = random_state.get_state()[1].copy()
    assert len({draw_seed(random_state) for _ in range(50)}) == 50
    assert not np.array_equal(words, random_state.get_state()[1])


def test_a_random_state_can_be_stored() -> None:
    random_state = np.random.RandomState(2)
    random_state.rand(5)
    restored = restored_random_state(stored_random_state(random_state))
    assert restored is not None
    assert restored.randint(2**31) == random_state.randint(2**31)
    unusual = np.random.RandomState(np.random.PCG64(1))
    assert stored_random_state(unusual) == {}
    assert restored_random_state({}) is None


@pytest.mark.parametrize(("place", "number"), [(-1, 625), (0, 2**32), (3, -1)])
def test_stored_random_states_are_checked(place: int, number: int) -> None:
    arrays = stored_random_state(np.random.RandomState(2))
    arrays["random_state"][place] = number
    with pytest.raises(DataError, match="random_state"):
        restored_random_state(arrays)
    with pytest.raises(DataError, match="not the state of a random generator"):
        restored_random_state({"random_state": np.zeros(625, np.int64)})
