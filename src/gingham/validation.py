"""Checks of parameter values. Each raises a `ParameterError` with the parameter, its value and what it must be."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from os import cpu_count
from typing import Any, TypeAlias

import numpy as np

from gingham.duration import duration
from gingham.errors import ParameterError

# A function of a parameter's name and value. It raises a `ParameterError` if the value is not allowed.
Check: TypeAlias = Callable[[str, Any], object]

_INT32_MAX = 2**31 - 1
# Operating systems fail at some larger number of threads. A limit here gives a clear message.
MAX_THREADS = 1024


@contextmanager
def error_prefix(prefix: str) -> Iterator[None]:
    """Put a place, such as a section of a recipe, in front of the message of a `ParameterError`."""
    try:
        yield
    except ParameterError as error:
        raise ParameterError(f"{prefix}: {error}") from None


def optional(check: Check) -> Check:
    """Return a check that also allows None.

    Examples
    --------
    >>> optional(check_integer)("window", None)
    """
    return lambda name, value: None if value is None else check(name, value)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Check that a value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ParameterError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}.")


def check_bool(name: str, value: Any) -> None:
    """Check that a value is True or False."""
    if not isinstance(value, bool):
        raise ParameterError(f"{name} must be true or false, not {value!r}.")


def check_text(name: str, value: Any) -> None:
    """Check that a value is a string."""
    if not isinstance(value, str):
        raise ParameterError(f"{name} must be a string, not {value!r}.")


def check_integer(name: str, value: Any, least: int = 1, most: int = _INT32_MAX) -> None:
    """Check that a value is an integer from `least` to `most`; by default the largest 32-bit integer.

    Examples
    --------
    >>> check_integer("k", 0)
    Traceback (most recent call last):
        ...
    gingham.errors.ParameterError: k must be a positive integer, not 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        expected = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ParameterError(f"{name} must be {expected}, not {value!r}.")
    if value > most:
        raise ParameterError(f"{name} must be an integer of at most {most}, not {value!r}.")


def check_number(
    name: str,
    value: Any,
    above: float = -np.inf,
    below: float = np.inf,
    least: float = -np.inf,
    most: float = np.inf,
) -> None:
    """Check that a value is a number within bounds; `above` and `below` exclude the bound, `least` and `most` don't."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    # An integer may be larger than every float.
    number = number and not (isinstance(value, int) and abs(value) > sys.float_info.max)
    if not (number and above < value < below and least <= value <= most):
        bounds = [f"above {above}"] * (above > -np.inf) + [f"at least {least}"] * (least > -np.inf)
        bounds += [f"below {below}"] * (below < np.inf) + [f"at most {most}"] * (most < np.inf)
        words = " and ".join(bounds)
        expected = f"a finite number {'of ' * words.startswith('at')}{words}".rstrip()
        raise ParameterError(f"{name} must be {expected}, not {value!r}.")


def check_duration(name: str, value: Any) -> timedelta:
    """Parse a duration such as "7d".

    Examples
    --------
    >>> check_duration("window", "7d")
    datetime.timedelta(days=7)
    """
    if not isinstance(value, str):
        raise ParameterError(f"{name} must be a duration such as '12h', '30d' or '2w', not {value!r}.")
    try:
        return duration(value)
    except ParameterError as error:
        raise ParameterError(f"{name}: {error}") from None


def check_optional_duration(name: str, value: Any) -> timedelta | None:
    """Parse a duration as `check_duration` does; None stays None."""
    return None if value is None else check_duration(name, value)


def check_k(k: Any, n_items: int, what: str = "items in the catalogue") -> None:
    """Check that `k` is an integer from 1 to the number of items."""
    check_integer("k", k)
    if k > n_items:
        raise ParameterError(f"k={k} is larger than the number of {what}; use at most {n_items}.")


def check_num_threads(num_threads: Any) -> int:
    """Return the number of threads to use; 0 means all cores."""
    is_integer = isinstance(num_threads, int | np.integer) and not isinstance(num_threads, bool)
    if not (is_integer and 0 <= num_threads <= MAX_THREADS):
        raise ParameterError(
            f"num_threads must be an integer from 0 (all cores) to {MAX_THREADS}, not {num_threads!r}."
        )
    return int(num_threads) or cpu_count() or 1
