from typing import Any

import numpy as np
import pytest

from gingham.errors import ParameterError
from gingham.randomness import generator


def test_sources_of_randomness() -> None:
    drawn = {name: generator(source).random(3).tolist() for name, source in (("int", 3), ("numpy", np.uint8(3)))}
    assert drawn["int"] == drawn["numpy"] == np.random.default_rng(3).random(3).tolist()
    given = np.random.default_rng(3)
    assert generator(given) is given
    first, second = (generator(np.random.RandomState(5)).random(3).tolist() for _ in range(2))
    assert first == second
    assert generator(None).random() != generator(None).random()


@pytest.mark.parametrize("wrong", [-1, "seed", 1.5, object()])
def test_what_is_no_source_of_randomness(wrong: Any) -> None:
    with pytest.raises(ParameterError, match=r"random_state=.* is no source of randomness"):
        generator(wrong)
