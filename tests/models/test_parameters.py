from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from gingham.errors import ParameterError
from gingham.models.parameters import (
    optional_duration,
    require_duration,
    require_k,
    require_number,
    require_one_of,
    require_whole,
)

NAN, INF = float("nan"), float("inf")


def test_one_of() -> None:
    require_one_of("loss", "bpr", ("warp", "bpr"))
    for wrong in ("BPR", "", None, 1, ["bpr"]):
        with pytest.raises(ParameterError) as caught:
            require_one_of("loss", wrong, ("warp", "bpr"))
        assert str(caught.value) == f"loss={wrong!r} is unknown; give one of 'warp', 'bpr'."


@pytest.mark.parametrize("value", [1, 2, 2**31 - 1, np.int8(1), np.uint64(7)])
def test_whole_numbers(value: Any) -> None:
    require_whole("n", value, 1)


def test_a_whole_number_that_is_too_large_is_refused() -> None:
    with pytest.raises(ParameterError, match="n=2147483648 is above 2147483647, which"):
        require_whole("n", 2**31, 1)
    with pytest.raises(ParameterError, match="n=8 is above 7"):
        require_whole("n", 8, 1, 7)


@pytest.mark.parametrize("value", [0, -1, 1.0, np.float64(2), True, np.True_, "3", None, NAN, 1j, [1]])
def test_what_is_no_whole_number_from_one_on(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"n=.* is no whole number from 1 on"):
        require_whole("n", value, 1)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        ({"above": 0}, [1e-300, 1, 5.5, np.float32(0.1), np.int16(3)], [0, -1, -0.0]),
        ({"least": 0}, [0, -0.0, 1e300, np.uint8(0)], [-1e-300, -1]),
        ({"above": 0, "below": 1}, [1e-9, 0.5, np.float64(0.999)], [0, 1, 1.5, np.int64(1)]),
        ({"least": 0, "most": 1}, [0, 1, 0.5], [-0.1, 1.1]),
        ({}, [-1e300, 0, 1e300], []),
    ],
)
def test_numbers_within_bounds(bounds: Any, inside: list[Any], outside: list[Any]) -> None:
    for value in inside:
        require_number("x", value, **bounds)
    for value in [*outside, NAN, INF, -INF, np.float32("nan"), True, np.True_, "1", None, 1j, [1.0]]:
        with pytest.raises(ParameterError, match=r"x=.* is out of its range"):
            require_number("x", value, **bounds)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"above": 0}, "give a number above 0."),
        ({"least": 0}, "give a number 0 or above."),
        ({"above": 0, "below": 1}, "give a number above 0 and below 1."),
        ({"least": 0, "most": 1}, "give a number 0 or above and 1 or below."),
    ],
)
def test_bounds_are_told(bounds: Any, words: str) -> None:
    with pytest.raises(ParameterError) as caught:
        require_number("x", -1, **bounds)
    assert str(caught.value) == f"x=-1 is out of its range; {words}"


def test_lengths_of_time() -> None:
    assert require_duration("window", "2w") == timedelta(days=14)
    for wrong in (7, None, timedelta(days=1), ["7d"]):
        with pytest.raises(ParameterError, match=r"window=.* is no length of time; give a text such as '12h'"):
            require_duration("window", wrong)
    with pytest.raises(ParameterError, match="window: 'soon' is no length of time; write hours, days or weeks"):
        require_duration("window", "soon")
    assert optional_duration("window", "2w") == timedelta(days=14)
    assert optional_duration("window", None) is None
    with pytest.raises(ParameterError, match="window: 'soon'"):
        optional_duration("window", "soon")


def test_k_is_at_most_the_number_of_items() -> None:
    for right in (1, 5, np.int32(5)):
        require_k(right, 5)
    for wrong in (0, -1, 1.0, True, "2", None):
        with pytest.raises(ParameterError, match=f"k={wrong!r} is no whole number from 1 on"):
            require_k(wrong, 5)
    with pytest.raises(ParameterError, match="k=6 is larger than the number of items in the catalogue, 5; give 5"):
        require_k(6, 5)
