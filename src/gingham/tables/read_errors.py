"""Explanations of errors while reading a table: the value, its column and its line, and what to do."""

import codecs
import csv
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from gingham.tables.content import ContentError
from gingham.tables.csv_file import CsvFile, not_in_encoding
from gingham.tables.number_format import INVALID

# The texts that enclose the value, the type and the column in Polars' messages: first for a field of a CSV file, then
# for text that is converted. Not a regular expression, because the value may be as long as a file.
_FIELD = (("could not parse `", "` as dtype `"), ("` as dtype `", "`"), ("` at column '", "' (column number"))
_TEXT = ((' values: ["', '"'), ("conversion from `str` to `", "`"), ("` failed in column '", "' for "))
_DATE = "the format of the other dates: ISO 8601 as in the first row, or timestamp_format if it is set"
_EXPECTED = {"f": "a number", "i": "an integer", "u": "an integer", "d": _DATE, "t": _DATE, "b": "true or false"}
_ZONE_NAME = re.compile(r"\d ?[A-Za-z]{3,5}$")
_NUMBERS = ("f", "i", "u")
# How many characters of a value are shown.
_LONG = 60


def explain_error(error: Exception, files: Sequence[CsvFile], columns: Mapping[str, str]) -> str | None:
    """Return the end of a sentence about a table, such as "has 'x' in column 'price' in line 7, but ...".

    Parameters
    ----------
    error : Exception
        An error of Polars or the operating system.
    files : sequence of CsvFile
        The text files of the table, which are searched for the line from the start.
    columns : mapping of str to str
        Role to the column's name in the file, where the two differ.

    Returns
    -------
    str or None
        None if the error is of an unknown kind.
    """
    text = str(error).strip()
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return "cannot be read: permission denied; allow the user who runs Gingham to read it"
    if "invalid utf-8" in text:
        return not_in_encoding(_find_line(files, _line_of_bad_utf8))
    for enclosing in (_FIELD, _TEXT):
        parts = [_between(text, *pair) for pair in enclosing]
        if all(part is not None for part in parts):
            value, dtype, column = map(str, parts)
            return _explain_value(value, dtype, column if enclosing is _FIELD else columns.get(column, column), files)
    return None


def _between(text: str, before: str, after: str) -> str | None:
    _, start, rest = text.partition(before)
    part, end, _ = rest.partition(after)
    return part if start and end else None


def _explain_value(value: str, dtype: str, column: str, files: Sequence[CsvFile]) -> str:
    value = value.removeprefix(INVALID)
    where = _find_line(files, lambda file: _line_of_value(file, column, value))
    shown = value if len(value) <= _LONG else f"{value[:_LONG]} …"
    expected = _EXPECTED.get(dtype[0], f"a value of type {dtype}")
    remedy = "correct it, or leave it empty"
    if dtype[0] in _NUMBERS:
        is_number = value[:1].isdigit() or value[1:2].isdigit()
        remedy = f"correct it, or {'set decimal and thousands' if is_number else 'list it in null_values'}"
    if dtype[0] == "d":
        remedy = "write all dates in one format, and set timestamp_format if it is not ISO 8601"
        remedy += "; of the names of time zones, only UTC is read" if _ZONE_NAME.search(value) else ""
    return f"has {shown!r} in column {column!r}{where}, but expected {expected}; {remedy}"


def _find_line(files: Sequence[CsvFile], search: Callable[[CsvFile], int | None]) -> str:
    """Return " in line 7", or " in line 7 of b.csv" if there are several files; an empty text if no line is found."""
    for file in files:
        try:
            line = search(file)
        except (OSError, ContentError, csv.Error):
            continue
        if line is not None:
            return f" in line {line:,}" if len(files) == 1 else f" in line {line:,} of {Path(file.path).name}"
    return ""


def _line_of_value(file: CsvFile, column: str, value: str) -> int | None:
    """Return where the first row starts that has `value` in `column`."""
    if column not in file.names:
        return None
    position = file.names.index(column)
    return next((line for line, row in file.rows() if len(row) > position and row[position] == value), None)


def _line_of_bad_utf8(file: CsvFile) -> int | None:
    line, decoder = file.first_line, codecs.getincrementaldecoder("utf-8")()
    for chunk in chain(file.chunks(), [b""]):
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return line + error.object.count(b"\n", 0, error.start)
        line += chunk.count(b"\n")
    return None
