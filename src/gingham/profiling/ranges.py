"""The natural order of categories that are ranges of numbers, such as "Under 15K", "15-24K" and "250K+"."""

import re
from collections.abc import Iterable

_UNITS = {"": 1.0, "%": 1.0, "k": 1e3, "m": 1e6}
_NUMBER = r"[€$£]?\s*(\d[\d,.]*)\s*(k|m|%)?"
_RANGE = re.compile(
    r"(?P<below>under|below|less than|up to|at most|<=?|≤)?\s*(?P<above>over|above|more than|at least|from|>=?|≥)?\s*"
    rf"{_NUMBER}(?:\s*(?:-|–|to)\s*{_NUMBER})?"
    r"\s*(?P<more>\+|(?:and|or) (?:more|over|above|older))?\s*(?P<less>(?:and|or) (?:less|under|below|younger))?"
    r"\s*(?:€|\$|£|eur|usd|years?|yrs?|pieces|persons?|people)?",
    re.IGNORECASE,
)


def in_natural_order(labels: Iterable[str]) -> list[str] | None:
    """Sort labels that are ranges of numbers.

    Parameters
    ----------
    labels : iterable of str
        Different labels.

    Returns
    -------
    list of str or None
        The lowest range first; None if fewer than two labels are ranges, or more than one of them is not. One label may
        be another word, such as "unknown"; it is the last.
    """
    places = {label: _place(label) for label in labels}
    ranges = [label for label, place in places.items() if place is not None]
    others = [label for label, place in places.items() if place is None]
    if len(ranges) < 2 or len(others) > 1:
        return None
    return [*sorted(ranges, key=lambda label: (places[label], label)), *others]


def _place(label: str) -> tuple[float, int] | None:
    """Return the lower end of a range, and -1 or 1 if it has no lower or no upper end; None if it is not a range."""
    match = _RANGE.fullmatch(label.strip())
    if match is None:
        return None
    first, unit, _, second_unit = match.groups()[2:6]
    try:
        number = float(first.rstrip(".").replace(",", "")) * _UNITS[(unit or second_unit or "").lower()]
    except ValueError:
        return None
    open_end = bool(match["above"] or match["more"]) - bool(match["below"] or match["less"])
    return number, open_end
