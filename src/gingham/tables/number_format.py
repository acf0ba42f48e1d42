"""Numbers in text files: decimal marks, and characters between groups of three digits."""

import re
from dataclasses import dataclass
from typing import Self

import polars as pl

from gingham.tables.content import ContentError

_POINT, _COMMA = ".", ","
# The spaces that separate thousands: the ordinary one, one that does not break the line, and the narrow one.
_SPACES = " \u00a0\u202f"
# A value is marked with this character where it is not a number in this format, so that its conversion fails.
INVALID = "\u2060"


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a table are written.

    Attributes
    ----------
    decimal : {".", ","}
        The decimal mark.
    thousands : str or None
        The character between groups of three digits; None if there are no groups.
    """

    decimal: str = _POINT
    thousands: str | None = None

    @classmethod
    def of(cls, decimal: str | None, thousands: str | None) -> Self:
        """Return the format for what a recipe says; with thousands of points, the decimal mark is a comma."""
        return cls(decimal or (_COMMA if thousands == _POINT else _POINT), thousands)

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as Polars reads them."""
        return self.decimal == _POINT and self.thousands is None

    @property
    def described(self) -> tuple[str, ...]:
        """The format in words; empty if it is plain."""
        thousands = () if self.thousands is None else (f"thousands {self.thousands!r}",)
        return () if self.is_plain else (f"decimal {self.decimal!r}", *thousands)

    @property
    def pattern(self) -> str:
        """The regular expression that a number in this format matches."""
        mark = re.escape(self.decimal)
        digits = r"\d+"
        if self.thousands is not None:
            digits = rf"([1-9]\d{{0,2}}({self._groups}\d{{3}})+|\d+)"
        return rf"^\s*[+-]?({digits}({mark}\d*)?|{mark}\d+)([eE][+-]?\d+)?\s*$"

    @property
    def _groups(self) -> str:
        return f"[{re.escape(_SPACES if self.thousands == ' ' else self.thousands or '')}]"

    def to_plain(self, column: str) -> pl.Expr:
        """Return the expression that writes the numbers of a text column with a decimal point and without groups."""
        value = pl.col(column)
        plain = value.str.strip_chars()
        if self.thousands is not None:
            plain = plain.str.replace_all(self._groups, "")
        plain = plain.str.replace(self.decimal, _POINT, literal=True)
        return pl.when(value.str.contains(self.pattern)).then(plain).otherwise(pl.lit(INVALID) + value)

    def parse(self, column: str, dtype: pl.DataType) -> pl.Expr:
        """Return the expression that converts a text column to a type of numbers; it fails for other text."""
        return self.to_plain(column).cast(dtype).alias(column)

    def fits(self, texts: pl.Series) -> bool:
        """Return whether all values are numbers in this format."""
        return bool(texts.str.contains(self.pattern).all())


def detect_numbers(sample: pl.DataFrame, separator: str) -> NumberFormat:
    """Return the format of the numbers in columns of text, if only one fits.

    Numbers with a decimal point are the rule. Another format is detected only if this one does not fit.

    Raises
    ------
    ContentError
        If several formats fit: ``1,234`` is 1.234 or 1234.
    """
    chosen = NumberFormat()
    for column in sample.columns:
        texts = sample[column].drop_nulls()
        texts = texts.filter(texts != "")
        column_format = _detect(texts, column, separator)
        chosen = chosen if column_format.is_plain else column_format
    return chosen


def _detect(texts: pl.Series, column: str, separator: str) -> NumberFormat:
    plain = NumberFormat()
    is_number = texts.str.strip_chars().cast(pl.Float64, strict=False).is_not_null()
    if is_number.all():
        # In a file of a country with decimal commas, points may separate thousands.
        groups = NumberFormat(_COMMA, _POINT)
        with_point = texts.filter(texts.str.contains(_POINT, literal=True))
        if separator != ";" or with_point.is_empty() or not groups.fits(with_point):
            return plain
        raise _ambiguous(str(with_point[0]), column)
    fitting = [
        one
        for one in (
            NumberFormat(_COMMA),
            NumberFormat(_POINT, _COMMA),
            NumberFormat(_COMMA, _POINT),
            *(NumberFormat(mark, group) for group in (" ", "'", "\u2019") for mark in (_POINT, _COMMA)),
        )
        if one.fits(texts)
    ]
    if not fitting:
        return plain  # reading reports the value that is not a number
    first, *others = fitting
    # Without groups, formats that only differ in how thousands are written read the same numbers.
    example = next((text for text in texts if any(_value(one, text) != _value(first, text) for one in others)), None)
    if example is not None:
        raise _ambiguous(example, column)
    return first


def _value(form: NumberFormat, text: str) -> float:
    groups = _SPACES if form.thousands == " " else form.thousands or ""
    plain = text.strip().translate(dict.fromkeys(map(ord, groups)))
    return float(plain.replace(form.decimal, _POINT))


def _ambiguous(value: str, column: str) -> ContentError:
    mark = _COMMA if _COMMA in value else _POINT
    return ContentError(
        f'has {value!r} in column {column!r}, which may be a decimal number or thousands; set decimal = "{mark}" or '
        f'thousands = "{mark}" in the recipe'
    )
