"""Order numbers: the places of a user's orders in their sequence, for tables without times."""

from collections.abc import Collection

import polars as pl

from gingham.columns import ORDER, TIMESTAMP
from gingham.errors import TableError
from gingham.tables.origin import Origin


def to_order_numbers(rows: pl.LazyFrame, origin: Origin) -> pl.LazyFrame:
    """Convert the order numbers of transactions to Int64.

    Raises
    ------
    TableError
        If one of them is not a whole number.
    """
    dtype, value = rows.collect_schema()[ORDER], pl.col(ORDER)
    if dtype == pl.Int64 or dtype == pl.Null:
        return rows.with_columns(value.cast(pl.Int64))
    if not (dtype.is_numeric() or dtype == pl.String):
        raise TableError(
            f"The {origin} has {dtype} in column {origin.column(ORDER)!r}, which is not an order number; "
            "use whole numbers, or the role timestamp for dates and times."
        )
    number = value.fill_nan(None) if dtype.is_float() else value
    whole = number.cast(pl.Int64, strict=False)
    is_whole = whole.is_not_null() if dtype == pl.String else (whole.cast(dtype) == number).fill_null(False)
    with origin.wrap_errors():
        wrong = rows.select(value.filter(number.is_not_null() & ~is_whole).head(1)).collect(engine="streaming")
    if wrong.height:
        raise TableError(
            f"The {origin} has {wrong.item()!r} in column {origin.column(ORDER)!r}, which is not an order number; "
            "use whole numbers, such as 1 for a user's first order."
        )
    return rows.with_columns(whole)


def missing_time(columns: Collection[str], needed_by: str, origin: Origin) -> TableError:
    """Return the error for something that needs the times of transactions, which have none.

    Parameters
    ----------
    columns : collection of str
        The columns that the transactions have.
    needed_by : str
        What needs them, such as ``last="7d"``.
    origin : Origin
        The table's name in the error message.
    """
    if ORDER not in columns:
        return origin.missing_role(TIMESTAMP, needed_by)
    return TableError(
        f"The {origin} has order numbers, which have no durations, but {needed_by} needs times; "
        f"remove {needed_by}, or add a timestamp."
    )


def sequence(columns: Collection[str]) -> list[str]:
    """Return the columns by which the transactions of a user are in order."""
    return [role for role in (TIMESTAMP, ORDER) if role in columns]
