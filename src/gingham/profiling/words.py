"""Numbers, dates and column names as people write them."""

from datetime import date


def percent(share: float) -> str:
    """Write a share: ``12%``, or with a decimal where that says more."""
    if share > 0 and share < 0.0005:
        return "under 0.1%"
    close = share < 0.02 or 0.98 < share < 1
    return f"{100 * share:.1f}%".replace(".0%", "%") if close else f"{100 * share:.0f}%"


def day(when: date) -> str:
    """Write a date: ``1 March 2019``."""
    return f"{when.day} {when:%B %Y}"


def count(number: float, noun: str) -> str:
    """Write a number of things: ``1 item``, ``1.5 items``, ``1,200 items``."""
    written = f"{number:,.1f}".removesuffix(".0")
    return f"{written} {noun if number == 1 else noun + 's'}"


def plain(column: str) -> str:
    """Make words of a column's name: ``index_group_name`` is the index group."""
    words = column.replace("_", " ").strip()
    return words.removesuffix(" name") or column


def sentence_case(text: str) -> str:
    """Begin a text with a capital."""
    return text[:1].upper() + text[1:]


def compared(ratio: float, other: str) -> str:
    """Write how something differs from another: ``12% higher than before``, ``2.1 times as high as before``."""
    if ratio >= 2:
        return f"{ratio:.1f} times as high as {other}"
    if abs(ratio - 1) < 0.005:
        return f"as high as {other}"
    return f"{percent(abs(ratio - 1))} {'higher' if ratio > 1 else 'lower'} than {other}"
