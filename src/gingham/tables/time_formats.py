"""The formats of dates and times as text: the ISO format of a value, and formats to propose for other text."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import product

_ISO = re.compile(
    r"\d{4}(?P<dash>[-/.])\d\d?(?P=dash)\d\d?"
    r"(?:(?P<t>[T ])\d\d?:\d\d(?P<seconds>:\d\d(?:\.\d+)?)?(?P<zone> ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?)?"
)
_DATES = (
    *(f"%{a}{dash}%{b}{dash}%{year}" for year in "Yy" for dash in "/.-" for a, b in ("dm", "md")),
    *(f"%y{dash}%m{dash}%d" for dash in "/.-"),
    *(f"%d{dash}%{month}{dash}%{year}" for year in "Yy" for month in "bB" for dash in " -"),
    *(f"%{month} %d, %Y" for month in "bB"),
    "%a, %d %b %Y",
    "%Y%m%d",
    "%Y %m %d",
)
_TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H.%M", "%H%M%S")
_ZONES = ("", " %z", "%z", " %Z")
_SAMPLE = datetime(2019, 1, 31, 18, 30, tzinfo=UTC)


def iso_format(text: str) -> str | None:
    """Return the strftime format of an ISO 8601 date or time; None if the text is not one.

    Examples
    --------
    >>> iso_format("2019-01-31T18:30:00.125Z")
    '%Y-%m-%dT%H:%M:%S%.f%#z'
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    date = f"%Y{match['dash']}%m{match['dash']}%d"
    if match["t"] is None:
        return date
    zone = match["zone"] or ""
    name = zone.strip()
    # A fraction may be missing where it is zero, as Python writes times.
    seconds = "%S%.f" if match["seconds"] else ""
    zone = zone.replace(name, name if name in ("UTC", "GMT") else "%#z") if name else ""
    return f"{date}{match['t']}%H:%M{':' if seconds else ''}{seconds}{zone}"


def propose_formats(texts: Sequence[str]) -> list[str]:
    """Return the strftime formats that all texts have, such as day first and month first; empty if there are none.

    Examples
    --------
    >>> propose_formats(["01/02/2024"])
    ['%d/%m/%Y', '%m/%d/%Y']
    >>> propose_formats(["01/02/2024", "31/01/2024"])
    ['%d/%m/%Y']
    """
    meanings: dict[tuple[datetime, ...], str] = {}
    for format in _formats().get(_shape(texts[0]), ()):
        times = _parsed(texts, format)
        if times is not None:
            meanings.setdefault(times, format)
    return list(meanings.values())


@cache
def _formats() -> dict[str, list[str]]:
    """Return the formats that are proposed by the shape of their text, because Python tries a format slowly."""
    formats: dict[str, list[str]] = {}
    for format in (*_DATES, *map("".join, product(_DATES, (" ", ", ", "T"), _TIMES, _ZONES))):
        formats.setdefault(_shape(_SAMPLE.strftime(format)), []).append(format)
    return formats


def _shape(text: str) -> str:
    """Return a text with 9 for numbers, A for words and Z for the offset of a time zone."""
    text = re.sub(r"(?<=\d)( ?)(Z|[+-]\d\d:?\d\d)$", r"\1Z", text) if ":" in text or "T" in text else text
    return re.sub(r"[A-Za-z]{2,}", "A", re.sub(r"\d+", "9", text))


def _parsed(texts: Sequence[str], format: str) -> tuple[datetime, ...] | None:
    """Return the times that the texts are in a format; None if one of them does not have it."""
    try:
        return tuple(datetime.strptime(text, format) for text in texts)
    except ValueError:
        return None
