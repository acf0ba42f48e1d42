"""Lengths of time as recipes write them."""

import re
from contextlib import suppress
from datetime import timedelta

from gingham.errors import ParameterError

_TEXT = re.compile(r"(\d+)\s*([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def duration(text: str) -> timedelta:
    """Understand a number of hours, days or weeks: ``"12h"``, ``"7d"``, ``"2w"``.

    Raises
    ------
    ParameterError
        If it is none of these, or nothing long.
    """
    match = _TEXT.fullmatch(text.strip())
    length = timedelta(0)
    if match:
        with suppress(OverflowError):
            length = int(match[1]) * _UNITS[match[2]]
    if not length:
        raise ParameterError(
            f"{text!r} is no length of time; write hours, days or weeks, such as '12h', '30d' or '2w'."
        )
    return length
