"""Format numbers, dates and column names for sentences."""

import math
from datetime import date

# What the page calls the rows of a table.
PLURAL = {"users": "customers", "items": "items"}
SINGULAR = {"users": "customer", "items": "item"}


def percent(share: float) -> str:
    """Format a share: ``12%``, or with one decimal near 0% and 100%."""
    if share > 0 and share < 0.0005:
        return "under 0.1%"
    precise = share < 0.02 or 0.98 < share < 1
    return f"{100 * share:.1f}%".replace(".0%", "%") if precise else f"{100 * share:.0f}%"


def day(when: date) -> str:
    """Format a date: ``1 March 2019``."""
    return f"{when.day} {when:%B %Y}"


def count(number: float, noun: str) -> str:
    """Format a number with its noun: ``1 item``, ``1.5 items``, ``1,200 items``."""
    digits = f"{number:,.1f}".removesuffix(".0")
    return f"{digits} {noun if number == 1 else noun + 's'}"


def amount(number: float) -> str:
    """Format a price or a measure: ``1,234``, ``12.50``, ``0.0339``; small numbers with three digits that matter."""
    if not number or abs(number) >= 1:
        digits = 0 if float(number).is_integer() or abs(number) >= 1000 else 2
        return f"{number:,.{digits}f}"
    decimals = 2 - math.floor(math.log10(abs(number)))
    return f"{number:.{min(decimals, 12)}f}".rstrip("0").rstrip(".")


def column_words(column: str) -> str:
    """Return the name of a column as words: ``index_group_name`` becomes ``index group``."""
    words = column.replace("_", " ").strip()
    return words.removesuffix(" name") or column


def sentence_case(text: str) -> str:
    """Return a text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def difference(ratio: float, reference: str) -> str:
    """Format a ratio as a difference: ``12% higher than before``, ``2.1 times as high as before``."""
    if ratio >= 2:
        return f"{ratio:.1f} times as high as {reference}"
    if abs(ratio - 1) < 0.005:
        return f"as high as {reference}"
    return f"{percent(abs(ratio - 1))} {'higher' if ratio > 1 else 'lower'} than {reference}"
