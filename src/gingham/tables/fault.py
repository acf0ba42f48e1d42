"""What is wrong in a file that cannot be read: the value, its column and its line, and what to do about it."""

import csv
import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any

# What Polars says of a field of a CSV file and of a text that it converts: what stands before and after the value, the
# type and the column. No regular expression: the value may be as long as a file.
_FIELD = (("could not parse `", "` as dtype `"), ("` as dtype `", "`"), ("` at column '", "' (column number"))
_TEXT = ((' values: ["', '"'), ("conversion from `str` to `", "`"), ("` failed in column '", "' for "))
_DATE = "a date or time, by timestamp_format if there is one, else by ISO 8601 and like those before it,"
_BELONGS = {"f": "a number", "i": "a whole number", "u": "a whole number", "d": _DATE, "t": _DATE, "b": "true or false"}
_LONG = 60
_NO_LIMIT = 2**31 - 1


def explain(error: Exception, files: Sequence[str], columns: Mapping[str, str]) -> str | None:
    """Say what `error` means, as the end of a sentence that a table begins: "has 'x' in column 'price' in line 7 ...".

    Parameters
    ----------
    error : Exception
        What Polars or the system said.
    files : sequence of str
        Where the table comes from. CSV files are searched for the line, from the start; this happens once.
    columns : mapping of str to str
        Role to the file's own column name, where the two differ.

    Returns
    -------
    str or None
        None if there is nothing to add to what the error says.
    """
    said = str(error).strip()
    if isinstance(error, PermissionError) or "Permission denied" in said:
        return "cannot be read: permission is denied; let the user who runs this read it"
    if "not properly escaped" in said or "CSV malformed" in said:
        where = _find(files, _quotation_mark)
        return f"has a quotation mark{where} that is not closed or has text after it; write one inside a text as two"
    if "found more fields than defined" in said:
        where = _find(files, _long_row)
        return f"has more fields{where} than columns; quote a field that holds a comma, or correct the line"
    if "invalid utf-8" in said:
        where = _find(files, _not_utf8)
        return f"has bytes{where} that are not UTF-8; save it as UTF-8"
    for places in (_FIELD, _TEXT):
        parts = [_between(said, *place) for place in places]
        if all(part is not None for part in parts):
            value, dtype, column = map(str, parts)
            own = column if places is _FIELD else columns.get(column, column)
            return _value(value, dtype, own, files)
    return None


def _between(text: str, before: str, after: str) -> str | None:
    _, found, rest = text.partition(before)
    part, ended, _ = rest.partition(after)
    return part if found and ended else None


def _value(value: str, dtype: str, column: str, files: Sequence[str]) -> str:
    where = _find(files, lambda file: _row_of(file, column, value))
    shown = value if len(value) <= _LONG else f"{value[:_LONG]} …"
    belongs = _BELONGS.get(dtype[0], f"a value of type {dtype}")
    return f"has {shown!r} in column {column!r}{where}, where {belongs} belongs; correct it, or leave it empty"


def _find(files: Sequence[str], search: Callable[[str], int | None]) -> str:
    """Say which is the first line that `search` finds; nothing if it finds none."""
    for file in files:
        try:
            line = search(file)
        except (OSError, EOFError, csv.Error):
            continue
        if line is not None:
            return f" in line {line:,}" if len(files) == 1 else f" in line {line:,} of {Path(file).name}"
    return ""


def rows_of(file: str) -> Iterator[tuple[int, list[str]]]:
    """Go through the rows of a CSV file, its header first, each with the line that it begins in; slow, but exact."""
    with _reader(file) as reader:
        end = 0
        for row in reader:
            yield end + 1, row
            end = reader.line_num


def _long_row(file: str) -> int | None:
    """Find where the first row begins that has more fields than the header."""
    rows = rows_of(file)
    _, header = next(rows)
    return next((line for line, row in rows if len(row) > len(header)), None)


def _row_of(file: str, column: str, value: str) -> int | None:
    """Find where the first row begins that has `value` in `column`."""
    rows = rows_of(file)
    _, header = next(rows)
    if column not in header:
        return None
    place = header.index(column)
    return next((line for line, row in rows if len(row) > place and row[place] == value), None)


def _quotation_mark(file: str) -> int | None:
    """Find where the row begins in which quoting goes wrong."""
    end = 0
    try:
        with _reader(file, strict=True) as reader:
            for _ in reader:
                end = reader.line_num
    except csv.Error:
        return end + 1
    # Python takes a mark within a field that is not quoted as a letter; Polars does not.
    with _bytes(file) as stream:
        return next((line for line, text in enumerate(stream, 1) if text.count(b'"') % 2), None)


def _not_utf8(file: str) -> int | None:
    with _bytes(file) as stream:
        for line, text in enumerate(stream, 1):
            try:
                text.decode()
            except UnicodeDecodeError:
                return line
    return None


@contextmanager
def _reader(file: str, strict: bool = False) -> Iterator[Any]:
    """Read a CSV file row by row, whatever the length of its fields."""
    before = csv.field_size_limit(_NO_LIMIT)
    try:
        with _bytes(file) as stream:
            text = TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
            yield csv.reader(text, strict=strict)
            text.detach()
    finally:
        csv.field_size_limit(before)


@contextmanager
def _bytes(file: str) -> Iterator[BufferedReader | gzip.GzipFile]:
    name = file.lower()
    if not name.endswith((".csv", ".csv.gz")):
        raise OSError(f"{file} cannot be read line by line")
    with gzip.open(file) if name.endswith(".gz") else Path(file).open("rb") as stream:
        yield stream
