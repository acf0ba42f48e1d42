"""Lengths of time as recipes write them."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from gingham.errors import ParameterError

# What is many half-lives old counts for this much at least: for next to nothing, but it has happened.
FADED = 2.0**-100
_TEXT = re.compile(r"(\d+)\s*([mhdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
# In a shop's data, "3m" would be taken for months.
_OF_WORK = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def duration(text: str) -> timedelta:
    """Understand a number of hours, days or weeks: ``"12h"``, ``"7d"``, ``"2w"``.

    Raises
    ------
    ParameterError
        If it is none of these, or nothing long.
    """
    length = _length(text, _UNITS)
    if not length:
        raise ParameterError(
            f"{text!r} is no length of time; write hours, days or weeks, such as '12h', '30d' or '2w'."
        )
    return length


def time_limit(text: str) -> timedelta:
    """Understand how long something may take, in minutes, hours or days: ``"30m"``, ``"8h"``, ``"2d"``.

    Raises
    ------
    ParameterError
        If it is none of these, or nothing long.
    """
    length = _length(text, _OF_WORK)
    if not length:
        raise ParameterError(f"{text!r} is no time limit; write minutes, hours or days, such as '30m', '8h' or '2d'.")
    return length


def _length(text: str, units: Mapping[str, timedelta]) -> timedelta:
    match = _TEXT.fullmatch(text.strip())
    if match and match[2] in units:
        with suppress(OverflowError):
            return int(match[1]) * units[match[2]]
    return timedelta(0)
