"""Explanations of errors while reading a table: the value, its column and its line, and what to do."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gingham.tables.csv_rows import numbered_rows, open_bytes, open_csv

# The texts that enclose the value, the type and the column in Polars' messages: first for a field of a CSV file, then
# for text that is converted. Not a regular expression, because the value may be as long as a file.
_FIELD = (("could not parse `", "` as dtype `"), ("` as dtype `", "`"), ("` at column '", "' (column number"))
_TEXT = ((' values: ["', '"'), ("conversion from `str` to `", "`"), ("` failed in column '", "' for "))
_DATE = "a date or time in the same format as in the first rows: ISO 8601, or timestamp_format if it is set"
_EXPECTED = {"f": "a number", "i": "an integer", "u": "an integer", "d": _DATE, "t": _DATE, "b": "true or false"}
# How many characters of a value are shown.
_LONG = 60


def explain_error(error: Exception, files: Sequence[str], columns: Mapping[str, str]) -> str | None:
    """Return the end of a sentence about a table, such as "has 'x' in column 'price' in line 7, but ...".

    Parameters
    ----------
    error : Exception
        An error of Polars or the operating system.
    files : sequence of str
        The files of the table. CSV files are searched for the line from the start.
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
    if "not properly escaped" in text or "CSV malformed" in text:
        where = _find_line(files, _line_of_bad_quote)
        remedy = 'write a quotation mark inside a field as two ("")'
        return f"has a quotation mark{where} that is not closed or is followed by text; {remedy}"
    if "found more fields than defined" in text:
        where = _find_line(files, _line_of_long_row)
        return f"has more fields than columns{where}; quote fields that contain a comma, or correct the line"
    if "invalid utf-8" in text:
        where = _find_line(files, _line_of_bad_utf8)
        return f"has bytes{where} that are not UTF-8; save the file as UTF-8"
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


def _explain_value(value: str, dtype: str, column: str, files: Sequence[str]) -> str:
    where = _find_line(files, lambda file: _line_of_value(file, column, value))
    shown = value if len(value) <= _LONG else f"{value[:_LONG]} …"
    expected = _EXPECTED.get(dtype[0], f"a value of type {dtype}")
    return f"has {shown!r} in column {column!r}{where}, but expected {expected}; correct it, or leave it empty"


def _find_line(files: Sequence[str], search: Callable[[str], int | None]) -> str:
    """Return " in line 7", or " in line 7 of b.csv" if there are several files; an empty text if no line is found."""
    for file in files:
        try:
            line = search(file)
        except (OSError, EOFError, csv.Error):
            continue
        if line is not None:
            return f" in line {line:,}" if len(files) == 1 else f" in line {line:,} of {Path(file).name}"
    return ""


def _line_of_long_row(file: str) -> int | None:
    """Return where the first row starts that has more fields than the header."""
    rows = numbered_rows(file)
    _, header = next(rows)
    return next((line for line, row in rows if len(row) > len(header)), None)


def _line_of_value(file: str, column: str, value: str) -> int | None:
    """Return where the first row starts that has `value` in `column`."""
    rows = numbered_rows(file)
    _, header = next(rows)
    if column not in header:
        return None
    position = header.index(column)
    return next((line for line, row in rows if len(row) > position and row[position] == value), None)


def _line_of_bad_quote(file: str) -> int | None:
    """Return where the row starts whose quotation marks are wrong."""
    end = 0
    try:
        with open_csv(file, strict=True) as reader:
            for _ in reader:
                end = reader.line_num
    except csv.Error:
        return end + 1
    # Python accepts a quotation mark within an unquoted field; Polars does not.
    with open_bytes(file) as stream:
        return next((line for line, text in enumerate(stream, 1) if text.count(b'"') % 2), None)


def _line_of_bad_utf8(file: str) -> int | None:
    with open_bytes(file) as stream:
        for line, text in enumerate(stream, 1):
            try:
                text.decode()
            except UnicodeDecodeError:
                return line
    return None
