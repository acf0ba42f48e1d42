"""What a parameter may be; each check raises a `ParameterError` that names the parameter, its value and the remedy."""

from datetime import timedelta
from typing import Any

import numpy as np

from gingham.errors import ParameterError
from gingham.tables.duration import duration

_INT32_MAX = 2**31 - 1


def require_one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Refuse what is not among the values known."""
    if value not in known:
        raise ParameterError(f"{name}={value!r} is unknown; give one of {', '.join(map(repr, known))}.")


def require_truth(name: str, value: Any) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool):
        raise ParameterError(f"{name}={value!r} is neither true nor false; give one of them.")


def optional_text(name: str, value: Any) -> None:
    """Refuse what is neither a text nor None."""
    if value is not None and not isinstance(value, str):
        raise ParameterError(f"{name}={value!r} is no text; give one, or leave it out.")


def require_whole(name: str, value: Any, least: int, most: int = _INT32_MAX) -> None:
    """Refuse what is no whole number from `least` to `most`; kernels count by 32 bits."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ParameterError(f"{name}={value!r} is no whole number from {least} on; give one.")
    if value > most:
        raise ParameterError(f"{name}={value!r} is above {most}, which is the most there may be; give less.")


def require_number(
    name: str,
    value: Any,
    above: float = -np.inf,
    below: float = np.inf,
    least: float = -np.inf,
    most: float = np.inf,
) -> None:
    """Refuse what is no number within these bounds."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (number and above < value < below and least <= value <= most):
        bounds = [f"above {above}"] * (above > -np.inf) + [f"below {below}"] * (below < np.inf)
        bounds += [f"{least} or above"] * (least > -np.inf) + [f"{most} or below"] * (most < np.inf)
        raise ParameterError(f"{name}={value!r} is out of its range; give a number {' and '.join(bounds)}.")


def require_duration(name: str, value: Any) -> timedelta:
    """Understand a length of time, such as "7d", and refuse what is none."""
    if not isinstance(value, str):
        raise ParameterError(f"{name}={value!r} is no length of time; give a text such as '12h', '30d' or '2w'.")
    try:
        return duration(value)
    except ParameterError as error:
        raise ParameterError(f"{name}: {error}") from None


def optional_duration(name: str, value: Any) -> timedelta | None:
    """Understand a length of time as `require_duration` does; None stays None."""
    return None if value is None else require_duration(name, value)


def require_k(k: Any, n_items: int, what: str = "items in the catalogue") -> None:
    """Refuse a `k` that is no whole number from 1 to the number of items.

    Raises
    ------
    ParameterError
        If it is not.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ParameterError(f"k={k!r} is no whole number from 1 on; give how many items to recommend.")
    if k > n_items:
        raise ParameterError(f"k={k} is larger than the number of {what}, {n_items}; give {n_items} or less.")
