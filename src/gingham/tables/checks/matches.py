"""The ids of the transactions compared with those of the users or items table."""

import polars as pl

from gingham.columns import USER_ID
from gingham.errors import TableError
from gingham.tables.checks.id_texts import OddIds
from gingham.tables.finding import N_ROWS
from gingham.tables.schema import Tables

_MOST = 0.5


def unknown_ids(
    counts: pl.DataFrame, known: pl.Series, id_column: str, tables: Tables, is_dropped: bool = False
) -> OddIds | None:
    """Find the ids of the transactions that the users or items table does not have.

    Parameters
    ----------
    counts : polars.DataFrame
        The distinct ids of the transactions, and in how many rows each occurs (`N_ROWS`).
    known : polars.Series
        The ids of the users or items table, of the same type.
    id_column : str
        The column of the ids.
    tables : Tables
        The tables, for their names.
    is_dropped : bool
        Whether the recipe drops transactions with unknown ids; then they are a problem only if most are unknown.

    Returns
    -------
    OddIds or None
        None if there is nothing to report.

    Raises
    ------
    TableError
        If the table has none of the ids.
    """
    # Millions of texts are compared by 64-bit hashes in a tenth of the time.
    unknown = counts.filter(~counts[id_column].hash().is_in(known.hash().implode()))
    if unknown.is_empty() or (is_dropped and unknown.height <= _MOST * counts.height):
        return None
    origin = tables.origins["users" if id_column == USER_ID else "items"]
    differences = _differences(unknown, known)
    if unknown.height == counts.height:
        example = unknown.sort(N_ROWS, id_column, descending=[True, False])[id_column][0]
        other = tables.origins["transactions"]
        reasons = "".join(f"; {number:,} would match without {difference}" for difference, number in differences)
        raise TableError(
            f"None of the {counts.height:,} different ids in column {other.column(id_column)!r} of the {other}, such "
            f"as {example!r}, is in the {origin}, which has ids such as {known[0]!r}{reasons}; correct the ids in one "
            f"of them, or leave out the {origin.table} table."
        )
    reasons = "".join(f", {number:,} of them only because of {difference}" for difference, number in differences)
    number = f"{unknown.height:,} of {counts.height:,} different ids {'is' if unknown.height == 1 else 'are'}"
    remedy = f"add them to the {origin.table} table"
    remedy += "" if is_dropped else ', or set unknown = "drop" in [clean]'
    return OddIds("warning", f"{number} not in the {origin.table} table{reasons}; {remedy}", unknown)


def _differences(unknown: pl.DataFrame, known: pl.Series) -> list[tuple[str, int]]:
    """Return how many unknown ids would be known without a difference in spelling, for each that explains some."""
    ids, others = unknown.get_column(unknown.columns[0]), known
    if ids.dtype != pl.String:
        return []
    text = pl.col("id")
    changes = {
        "leading zeros": text.str.strip_chars_start("0"),
        "a .0 at the end": text.str.replace(r"\.0+$", ""),
        "blanks around them": text.str.strip_chars(),
        "differences in upper and lower case": text.str.to_lowercase(),
    }
    numbers = (
        (what, int(_changed(ids, change).is_in(_changed(others, change).implode()).sum()))
        for what, change in changes.items()
    )
    return [(what, number) for what, number in numbers if number]


def _changed(ids: pl.Series, change: pl.Expr) -> pl.Series:
    return ids.alias("id").to_frame().select(change).to_series()
