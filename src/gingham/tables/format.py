"""The keys of a recipe that say how a file is written, such as its separator and encoding."""

import codecs
from typing import Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from gingham.section import Section

# The only separator with more than one character; MovieLens uses it.
DOUBLE_COLON = "::"
_GROUPS = (",", ".", "'", "\u2019", " ", "_")


class FileFormat(Section):
    """How the files of a table are written; what is not set is detected where only one reading fits.

    Attributes
    ----------
    separator : str, optional
        The character between the fields of a text file, or ``"::"``.
    encoding : str, optional
        The encoding of a text file, such as ``"cp1252"`` or ``"utf-16"``; UTF-8 by default, and UTF-16 if the file
        starts with its byte order mark.
    decimal : {".", ","}, optional
        The decimal mark of numbers in a text file; detected for price and quantity.
    thousands : str, optional
        The character between groups of three digits in a text file, one of ``, . ' _`` or a space.
    column_names : list of str, optional
        The names of all columns of a text file without a header.
    sheet : str or list of str, optional
        The sheets of an Excel file; required if it has several.
    null_values : list of str, optional
        Words that mean null, such as ``["NULL", "N/A"]``. An empty field is always null.
    """

    # A URL may contain a password, which Pydantic must not show in errors.
    model_config = ConfigDict(hide_input_in_errors=True)

    separator: str | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None
    column_names: list[str] | None = Field(default=None, min_length=1)
    sheet: str | list[str] | None = None
    null_values: list[str] | None = None

    @property
    def format_keys(self) -> tuple[str, ...]:
        """The keys of the format that are set."""
        return tuple(key for key in FileFormat.model_fields if getattr(self, key) is not None)

    @field_validator("separator")
    @classmethod
    def _is_separator(cls, separator: str | None) -> str | None:
        if separator is None or separator == DOUBLE_COLON:
            return separator
        separator = "\t" if separator in ("\\t", "tab") else separator
        if len(separator) != 1 or not separator.isascii() or separator.isalnum() or separator in '"\r\n\0':
            raise ValueError(f"{separator!r} is not a separator; use one character such as ';' or '|', or '::'")
        return separator

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, encoding: str | None) -> str | None:
        if encoding is None:
            return None
        try:
            "a".encode(encoding)
            return codecs.lookup(encoding).name
        except (LookupError, UnicodeError, ValueError):
            raise ValueError(
                f"{encoding!r} is not an encoding; use for example 'utf-8', 'cp1252', 'latin-1' or 'utf-16'"
            ) from None

    @field_validator("thousands")
    @classmethod
    def _is_thousands(cls, thousands: str | None) -> str | None:
        if thousands is not None and thousands not in _GROUPS:
            raise ValueError(f"{thousands!r} does not separate thousands; use one of {', '.join(map(repr, _GROUPS))}")
        return thousands

    @field_validator("column_names")
    @classmethod
    def _are_distinct(cls, names: list[str] | None) -> list[str] | None:
        for name in names or ():
            if not name:
                raise ValueError("column_names has an empty name; name every column of the file")
            if names is not None and names.count(name) > 1:
                raise ValueError(f"column_names has {name!r} twice; use different names")
        return names

    @model_validator(mode="after")
    def _has_different_marks(self) -> Self:
        if self.thousands is not None and self.thousands == self.decimal:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}; use different characters")
        return self
