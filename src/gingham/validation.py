"""Checks of arguments. Each raises a `ParameterError` with the argument's name, its value and what it must be."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from os import PathLike, cpu_count
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from gingham.duration import duration
from gingham.errors import ParameterError

# A function of a parameter's name and value. It raises a `ParameterError` if the value is not allowed.
Check: TypeAlias = Callable[[str, Any], object]

_INT32_MAX = 2**31 - 1
# Operating systems fail at some larger number of threads. A limit here gives a clear message.
MAX_THREADS = 1024
# Larger embeddings would not fit into memory for a few thousand users.
MAX_COMPONENTS = 2**15
# The longest representation of a value in a message.
_MAX_SHOWN = 60


def shown(value: Any) -> str:
    """Return a value as a message shows it: on one line, and only its type if that would be long.

    Examples
    --------
    >>> shown("x"), shown(np.zeros((9, 9)))
    ("'x'", 'a value of type ndarray')
    """
    try:
        text = repr(value)
    except Exception:  # whatever the object of a caller does
        text = ""
    if text and len(text) <= _MAX_SHOWN and text.isprintable():
        return text
    return f"a value of type {type(value).__name__}"


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
        raise ParameterError(f"{name} must be one of {', '.join(map(repr, choices))}, not {shown(value)}.")


def check_bool(name: str, value: Any) -> None:
    """Check that a value is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ParameterError(f"{name} must be true or false, not {shown(value)}.")


def check_text(name: str, value: Any) -> None:
    """Check that a value is a string."""
    if not isinstance(value, str):
        raise ParameterError(f"{name} must be a string, not {shown(value)}.")


def check_type(name: str, value: Any, types: type | tuple[type, ...], expected: str) -> None:
    """Check that a value is an instance of a type; `expected` says what that is.

    Examples
    --------
    >>> check_type("baskets", 3, dict, "a mapping of users to lists of item ids")
    Traceback (most recent call last):
        ...
    gingham.errors.ParameterError: baskets must be a mapping of users to lists of item ids, not 3.
    """
    if not isinstance(value, types):
        raise ParameterError(f"{name} must be {expected}, not {shown(value)}.")


def check_path(name: str, value: Any) -> Path:
    """Return a path that is a string or a path object.

    Examples
    --------
    >>> check_path("path", "model").name
    'model'
    """
    text = value.__fspath__() if isinstance(value, PathLike) else value
    if not isinstance(text, str) or not text or "\0" in text:
        raise ParameterError(f"{name} must be the path of a file or folder, not {shown(text)}.")
    return Path(text)


def check_list(name: str, value: Any, what: str) -> list[Any]:
    """Return the elements of any iterable except a text; `what` says what they are.

    Examples
    --------
    >>> check_list("names", ("a", "b"), "names")
    ['a', 'b']
    """
    try:
        if not isinstance(value, str | bytes | Mapping):
            return list(value)
    except Exception:  # whatever the object of a caller does
        pass
    raise ParameterError(f"{name} must be a list of {what}, not {shown(value)}.")


def check_callables(name: str, value: Any) -> list[Callable[..., Any]]:
    """Return functions as a list.

    Examples
    --------
    >>> check_callables("callbacks", [print])
    [<built-in function print>]
    """
    functions = check_list(name, value, "functions")
    if not all(callable(function) for function in functions):
        raise ParameterError(f"{name} must be a list of functions, not {shown(value)}.")
    return functions


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
        raise ParameterError(f"{name} must be {expected}, not {shown(value)}.")
    if value > most:
        raise ParameterError(f"{name} must be an integer of at most {most}, not {shown(value)}.")


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
        raise ParameterError(f"{name} must be {expected}, not {shown(value)}.")


def check_duration(name: str, value: Any) -> timedelta:
    """Parse a duration such as "7d".

    Examples
    --------
    >>> check_duration("window", "7d")
    datetime.timedelta(days=7)
    """
    if not isinstance(value, str):
        raise ParameterError(f"{name} must be a duration such as '12h', '30d' or '2w', not {shown(value)}.")
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
            f"num_threads must be an integer from 0 (all cores) to {MAX_THREADS}, not {shown(num_threads)}."
        )
    return int(num_threads) or cpu_count() or 1


def check_fit_arguments(
    num_threads: Any, callbacks: Any, verbose: Any, y: Any = None
) -> tuple[int, list[Callable[..., Any]]]:
    """Check the arguments that the `fit` of every model has, and return the number of threads and the callbacks.

    Examples
    --------
    >>> check_fit_arguments(2, [], verbose=False)
    (2, [])
    """
    if y is not None:
        raise ParameterError(f"y must be None, not {shown(y)}; pass features, weights and options by name.")
    # 0 and 1 are allowed, because `verbose` is a number in many libraries.
    if not isinstance(verbose, int | np.bool_):
        check_bool("verbose", verbose)
    return check_num_threads(num_threads), check_callables("callbacks", callbacks)
