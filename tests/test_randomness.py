from typing import Any

import numpy as np
import pytest

from gingham.errors import ParameterError
from gingham.randomness import generator


def test_seeds_and_generators() -> None:
    for seed in (3, np.uint8(3)):
        assert generator(seed).random(3).tolist() == np.random.default_rng(3).random(3).tolist()
    rng = np.random.default_rng(3)
    assert generator(rng) is rng
    first, second = (generator(np.random.RandomState(5)).random(3).tolist() for _ in range(2))
    assert first == second
    assert generator(None).random() != generator(None).random()


@pytest.mark.parametrize("wrong", [-1, "seed", 1.5, object()])
def test_other_values_are_refused(wrong: Any) -> None:
    with pytest.raises(ParameterError, match=r"random_state must be an integer of at least 0, a Generator, .*, not "):
        generator(wrong)
