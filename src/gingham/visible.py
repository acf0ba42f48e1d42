"""Text of others that is shown on a terminal or a page: characters that would control it are escaped."""

import re

# Control characters, marks that reverse the direction of text, line separators, and halves of surrogate pairs, which no
# encoding can write.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str, keep: str = "") -> str:
    r"""Replace control characters by their escapes, such as ``\x1b``.

    Parameters
    ----------
    text : str
        Any text.
    keep : str
        The control characters to keep; none by default.

    Returns
    -------
    str

    Examples
    --------
    >>> print(visible("red: \x1b[31m"))
    red: \x1b[31m
    """
    return _CONTROLS.sub(lambda match: match[0] if match[0] in keep else _escape(match[0]), text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
