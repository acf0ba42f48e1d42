from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gingham.errors import ParameterError
from gingham.validation import (
    check_callables,
    check_choice,
    check_duration,
    check_fit_arguments,
    check_integer,
    check_k,
    check_list,
    check_num_threads,
    check_number,
    check_optional_duration,
    check_path,
    shown,
)

NAN, INF = float("nan"), float("inf")


def test_choices() -> None:
    check_choice("loss", "bpr", ("warp", "bpr"))
    for wrong in ("BPR", "", None, 1, ["bpr"]):
        with pytest.raises(ParameterError) as caught:
            check_choice("loss", wrong, ("warp", "bpr"))
        assert str(caught.value) == f"loss must be one of 'warp', 'bpr', not {wrong!r}."


@pytest.mark.parametrize("value", [1, 2, 2**31 - 1, np.int8(1), np.uint64(7)])
def test_integers(value: Any) -> None:
    check_integer("n", value, 1)


def test_an_integer_that_is_too_large_is_refused() -> None:
    with pytest.raises(ParameterError, match="n must be an integer of at most 2147483647, not 2147483648"):
        check_integer("n", 2**31, 1)
    with pytest.raises(ParameterError, match="n must be an integer of at most 7, not 8"):
        check_integer("n", 8, 1, 7)


@pytest.mark.parametrize("value", [0, -1, 1.0, np.float64(2), True, np.True_, "3", None, NAN, 1j, [1]])
def test_other_values_than_positive_integers_are_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"n must be a positive integer, not .*"):
        check_integer("n", value, 1)


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
        check_number("x", value, **bounds)
    for value in [*outside, NAN, INF, -INF, np.float32("nan"), True, np.True_, "1", None, 1j, [1.0]]:
        with pytest.raises(ParameterError, match=r"x must be a finite number.*, not "):
            check_number("x", value, **bounds)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"above": 0}, "above 0"),
        ({"least": 0}, "of at least 0"),
        ({"above": 0, "below": 1}, "above 0 and below 1"),
        ({"least": 0, "most": 1}, "of at least 0 and at most 1"),
    ],
)
def test_the_message_has_the_bounds(bounds: Any, words: str) -> None:
    with pytest.raises(ParameterError) as caught:
        check_number("x", -1, **bounds)
    assert str(caught.value) == f"x must be a finite number {words}, not -1."


def test_durations() -> None:
    assert check_duration("window", "2w") == timedelta(days=14)
    for wrong in (7, None, timedelta(days=1), ["7d"]):
        with pytest.raises(ParameterError, match="window must be a duration such as '12h'"):
            check_duration("window", wrong)
    with pytest.raises(ParameterError, match="window: 'soon' is not a duration; use hours, days or weeks"):
        check_duration("window", "soon")
    assert check_optional_duration("window", "2w") == timedelta(days=14)
    assert check_optional_duration("window", None) is None
    with pytest.raises(ParameterError, match="window: 'soon'"):
        check_optional_duration("window", "soon")


def test_k_is_at_most_the_number_of_items() -> None:
    for right in (1, 5, np.int32(5)):
        check_k(right, 5)
    for wrong in (0, -1, 1.0, True, "2", None):
        with pytest.raises(ParameterError, match=f"k must be a positive integer, not {wrong!r}"):
            check_k(wrong, 5)
    with pytest.raises(ParameterError, match="k=6 is larger than the number of items in the catalogue; use at most 5"):
        check_k(6, 5)


def test_the_number_of_threads_is_zero_for_all_cores() -> None:
    assert check_num_threads(0) >= 1
    assert [check_num_threads(number) for number in (1, 3, np.int64(2), 1024)] == [1, 3, 2, 1024]


@pytest.mark.parametrize("value", [-1, 1.5, "2", None, True, 1025])
def test_a_wrong_number_of_threads_is_refused(value: Any) -> None:
    words = rf"num_threads must be an integer from 0 \(all cores\) to 1024, not {value!r}"
    with pytest.raises(ParameterError, match=words):
        check_num_threads(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("x", "'x'"),
        ("two\nlines", "'two\\nlines'"),
        ("long" * 20, "a value of type str"),
        (np.zeros((3, 3)), "a value of type ndarray"),
        (10**5000, "a value of type int"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_shown_on_one_line(value: Any, text: str) -> None:
    assert shown(value) == text


def test_what_cannot_be_shown_has_its_type() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise KeyError

    assert shown(Broken()) == "a value of type Broken"


def test_paths() -> None:
    assert check_path("out", "a/b") == check_path("out", Path("a/b")) == Path("a/b")
    for wrong in (None, 3, b"a", "", "a\0b", ["a"]):
        with pytest.raises(ParameterError, match="out must be the path of a file or folder, not"):
            check_path("out", wrong)


def test_lists() -> None:
    for right in (["a"], ("a",), iter(["a"]), {"a"}, np.array(["a"])):
        assert check_list("names", right, "names") == ["a"]
    for wrong in (None, 3, "a", b"a", {"a": 1}, np.array(3)):
        with pytest.raises(ParameterError, match="names must be a list of names, not"):
            check_list("names", wrong, "names")


@pytest.mark.parametrize("wrong", [print, None, [print, 3], "print"])
def test_functions_are_a_list(wrong: Any) -> None:
    assert check_callables("callbacks", (print,)) == [print]
    with pytest.raises(ParameterError, match="callbacks must be a list of functions, not"):
        check_callables("callbacks", wrong)


def test_the_arguments_of_a_fit() -> None:
    assert check_fit_arguments(3, [print], verbose=False) == (3, [print])
    assert check_fit_arguments(3, [], verbose=0) == (3, [])
    with pytest.raises(ParameterError, match="verbose must be true or false, not 'yes'"):
        check_fit_arguments(3, [], verbose="yes")
    with pytest.raises(ParameterError, match="num_threads must be"):
        check_fit_arguments(-1, [], verbose=True)
