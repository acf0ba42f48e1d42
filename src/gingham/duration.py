"""Durations in recipes and parameters, such as "7d", and the periods of such a length at the end of the data."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from gingham.errors import ParameterError

# The smallest weight of an interaction that is many half-lives old: almost 0, but it still counts as a positive.
FADED = 2.0**-100
_DAY = timedelta(days=1)
_TEXT = re.compile(r"(\d+)\s*([mhdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
# Only time limits have minutes: as a duration in a shop's data, "3m" could mean three months.
_LIMIT_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def duration(text: str) -> timedelta:
    """Parse a number of hours, days or weeks: ``"12h"``, ``"7d"``, ``"2w"``.

    Raises
    ------
    ParameterError
        If `text` is not a duration, or is zero.

    Examples
    --------
    >>> duration("2w")
    datetime.timedelta(days=14)
    """
    length = _length(text, _UNITS)
    if not length:
        raise ParameterError(f"{text!r} is not a duration; use hours, days or weeks, for example '12h', '30d' or '2w'.")
    return length


def time_limit(text: str) -> timedelta:
    """Parse a time limit in minutes, hours or days: ``"30m"``, ``"8h"``, ``"2d"``.

    Raises
    ------
    ParameterError
        If `text` is not a time limit, or is zero.

    Examples
    --------
    >>> time_limit("30m")
    datetime.timedelta(seconds=1800)
    """
    length = _length(text, _LIMIT_UNITS)
    if not length:
        raise ParameterError(
            f"{text!r} is not a time limit; use minutes, hours or days, for example '30m', '8h' or '2d'."
        )
    return length


def period_starts(times: npt.NDArray[np.datetime64], length: timedelta, n: int) -> npt.NDArray[np.datetime64]:
    """Return when each of the last `n` periods of a length begins, ascending.

    Parameters
    ----------
    times : datetime64 array
        At least one time.
    length : timedelta
        The length of a period. The last period of whole days ends with the day of the last time; any other one ends
        with the last time itself.
    n : int
        The number of periods.
    """
    if length % _DAY:
        end = times.max() + np.timedelta64(1, "us")
    else:
        end = (times.max().astype("datetime64[D]") + np.timedelta64(1, "D")).astype("datetime64[us]")
    return np.asarray(end - np.arange(n, 0, -1) * np.timedelta64(length).astype("timedelta64[us]"))


def _length(text: str, units: Mapping[str, timedelta]) -> timedelta:
    match = _TEXT.fullmatch(text.strip())
    if match and match[2] in units:
        with suppress(OverflowError):
            return int(match[1]) * units[match[2]]
    return timedelta(0)
