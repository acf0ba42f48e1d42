"""CSV files read row by row with line numbers, to find the rows that Polars rejects or misreads."""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any

import polars as pl

LINE, TEXT, SURPLUS = "line", "text", "surplus"
_QUOTE = '"'
# How many characters of a row are shown.
_LONG = 120
_NO_LIMIT = 2**31 - 1


def uneven_rows(file: str) -> pl.DataFrame:
    """Return the rows of a CSV file that have more or fewer fields than its header; an empty line has none.

    Polars reads these rows without an error: it drops surplus fields unless every column is read, and reads missing
    fields as null.

    Returns
    -------
    polars.DataFrame
        One row for each such row of the file, with columns ``line`` (where it starts; the header is line 1), ``text``
        (its first 120 characters) and ``surplus`` (its number of fields minus that of the header; negative if it has
        fewer).
    """
    lines = pl.scan_lines(file, name=TEXT, row_index_name=LINE, row_index_offset=1, glob=False)
    header = str(lines.head(1).collect()[TEXT][0]).removeprefix("\ufeff")
    n_columns = len(next(csv.reader([header])))
    n_quotes = pl.col(TEXT).str.count_matches(_QUOTE, literal=True)
    plain, quoted = lines.filter(n_quotes == 0), lines.filter(n_quotes > 0)
    has_multiline_field, *parts = pl.collect_all(
        [
            # An odd number of quotes: a field continues on the next line.
            lines.select((n_quotes % 2 == 1).any()),
            _uneven_lines(plain, pl.col(TEXT), n_columns),
            _uneven_lines(quoted, pl.col(TEXT).str.replace_all(f"{_QUOTE}[^{_QUOTE}]*{_QUOTE}", ""), n_columns),
        ],
        engine="streaming",
    )
    if not has_multiline_field.item():
        return pl.concat(parts).sort(LINE)
    return pl.DataFrame(_uneven_records(file), {LINE: pl.UInt32, TEXT: pl.String, SURPLUS: pl.Int64}, orient="row")


def _uneven_lines(lines: pl.LazyFrame, unquoted: pl.Expr, n_columns: int) -> pl.LazyFrame:
    n_fields = pl.when(pl.col(TEXT) == "").then(0).otherwise(unquoted.str.count_matches(",", literal=True) + 1)
    surplus = (n_fields.cast(pl.Int64) - n_columns).alias(SURPLUS)
    return lines.with_columns(surplus).filter(pl.col(SURPLUS) != 0).with_columns(pl.col(TEXT).str.head(_LONG))


def _uneven_records(file: str) -> Iterator[tuple[int, str, int]]:
    """Yield uneven rows one by one; slower, but correct where a field contains line breaks."""
    rows = numbered_rows(file)
    _, header = next(rows)
    for line, row in rows:
        if len(row) != len(header):
            yield line, ",".join(row)[:_LONG], len(row) - len(header)


def numbered_rows(file: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file, the header first, each with the line it starts in.

    Python's reader is much slower than Polars, but it knows the line of each row.
    """
    with open_csv(file) as reader:
        end = 0
        for row in reader:
            yield end + 1, row
            end = reader.line_num


@contextmanager
def open_csv(file: str, strict: bool = False) -> Iterator[Any]:
    """Open a CSV file with Python's reader, without a limit on the length of fields."""
    limit = csv.field_size_limit(_NO_LIMIT)
    try:
        with open_bytes(file) as stream:
            text = TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
            yield csv.reader(text, strict=strict)
            text.detach()
    finally:
        csv.field_size_limit(limit)


@contextmanager
def open_bytes(file: str) -> Iterator[BufferedReader | gzip.GzipFile]:
    """Open a CSV file as bytes, decompressed.

    Raises
    ------
    OSError
        If it cannot be opened, or is not a ``.csv`` or ``.csv.gz`` file.
    """
    name = file.lower()
    if not name.endswith((".csv", ".csv.gz")):
        raise OSError(f"{file} cannot be read line by line")
    with gzip.open(file) if name.endswith(".gz") else Path(file).open("rb") as stream:
        yield stream
