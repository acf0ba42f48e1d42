"""The lines of a CSV file: which of them have more or fewer fields than the header."""

import csv
from collections.abc import Iterator

import polars as pl

from gingham.tables.fault import rows_of

LINE, TEXT, MORE = "line", "text", "more"
_MARK = '"'
_LONG = 120


def irregular(file: str) -> pl.DataFrame:
    """List the rows of a CSV file that have more or fewer fields than its header; an empty line has none.

    Returns
    -------
    polars.DataFrame
        Columns ``line`` (where the row begins; the header is line 1), ``text`` (how it begins) and ``more`` (by how
        many fields it has more than the header; negative for fewer). Polars reads these rows too: it leaves out what
        is too much, if not every column is asked for, and takes what is missing for null.
    """
    lines = pl.scan_lines(file, name=TEXT, row_index_name=LINE, row_index_offset=1, glob=False)
    header = str(lines.head(1).collect()[TEXT][0]).removeprefix("\ufeff")
    columns = len(next(csv.reader([header])))
    marks = pl.col(TEXT).str.count_matches(_MARK, literal=True)
    plain, quoted = lines.filter(marks == 0), lines.filter(marks > 0)
    open_end, *uneven = pl.collect_all(
        [
            # A text that goes on in the next line.
            lines.select((marks % 2 == 1).any()),
            _uneven(plain, pl.col(TEXT), columns),
            _uneven(quoted, pl.col(TEXT).str.replace_all(f"{_MARK}[^{_MARK}]*{_MARK}", ""), columns),
        ],
        engine="streaming",
    )
    if not open_end.item():
        return pl.concat(uneven).sort(LINE)
    return pl.DataFrame(_slowly(file), {LINE: pl.UInt32, TEXT: pl.String, MORE: pl.Int64}, orient="row")


def _uneven(lines: pl.LazyFrame, unquoted: pl.Expr, columns: int) -> pl.LazyFrame:
    fields = pl.when(pl.col(TEXT) == "").then(0).otherwise(unquoted.str.count_matches(",", literal=True) + 1)
    surplus = fields.cast(pl.Int64) - columns
    return lines.with_columns(surplus.alias(MORE)).filter(pl.col(MORE) != 0).with_columns(pl.col(TEXT).str.head(_LONG))


def _slowly(file: str) -> Iterator[tuple[int, str, int]]:
    """Count row by row, where rows are not lines."""
    rows = rows_of(file)
    _, header = next(rows)
    for line, row in rows:
        if len(row) != len(header):
            yield line, ",".join(row)[:_LONG], len(row) - len(header)
