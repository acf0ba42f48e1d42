"""What an interaction counts for."""

from typing import Literal, TypeAlias

import polars as pl

from gingham.columns import ITEM_ID, PRICE, QUANTITY, TIMESTAMP, USER_ID, VALUE
from gingham.duration import FADED, duration
from gingham.errors import TableError
from gingham.tables.origin import Origin

Value: TypeAlias = Literal["count", "log-count", "quantity", "log-quantity", "spend", "log-spend"]

_PAIR = (USER_ID, ITEM_ID)


def roles_of(value: Value) -> tuple[str, ...]:
    """Name the roles that a value is made of."""
    what = value.removeprefix("log-")
    return {"count": (), "quantity": (QUANTITY,), "spend": (PRICE, QUANTITY)}[what]


def valued(rows: pl.DataFrame, value: Value, half_life: str | None, origin: Origin) -> pl.DataFrame:
    """Add a column with what each transaction adds to the value of its user and item's interaction.

    Parameters
    ----------
    rows : polars.DataFrame
        Transactions.
    value : {"count", "log-count", "quantity", "log-quantity", "spend", "log-spend"}
        What the sum over a user's transactions of an item is to be: how many there are; how many pieces; or price
        times pieces (one piece each, without a quantity). The logarithm is that of one plus the sum.
    half_life : str or None
        How long before the latest transaction one counts for half. None: all count alike.
    origin : Origin
        What errors call the table.

    Returns
    -------
    polars.DataFrame
        `rows`, and ``value`` as Float32. Each row's logarithm is what it adds to that of the rows before it in time,
        so that the rows of any earlier part sum up to that part's own logarithm.

    Raises
    ------
    TableError
        If a column that this needs is not there, or has nulls or what is not finite.
    """
    what = value.removeprefix("log-")
    worth = pl.lit(1.0)
    if what == "quantity":
        worth = _number(rows, QUANTITY, value, origin)
    elif what == "spend":
        worth = _number(rows, PRICE, value, origin)
        if QUANTITY in rows.columns:
            worth *= _number(rows, QUANTITY, value, origin)
    if half_life is not None:
        if TIMESTAMP not in rows.columns:
            raise TableError(f"The {origin} has no timestamp to let values decay by; name its column.")
        age = (pl.col(TIMESTAMP).max() - pl.col(TIMESTAMP)).dt.total_microseconds()
        worth *= (2.0 ** (-age / (duration(half_life).total_seconds() * 1e6))).clip(lower_bound=FADED)
    if value == what:
        return rows.with_columns(worth.cast(pl.Float32).alias(VALUE))
    return _logarithms(rows.with_columns(worth.alias(VALUE)), value, origin)


def _logarithms(rows: pl.DataFrame, value: Value, origin: Origin) -> pl.DataFrame:
    least = rows[VALUE].min()
    if isinstance(least, float) and least < 0:
        raise TableError(
            f"The {origin} has transactions worth {least:g}, of which {value} has no logarithm; take "
            f"{value.removeprefix('log-')!r} for the value, or leave returns out."
        )
    order = [TIMESTAMP] if TIMESTAMP in rows.columns else []
    sorted_rows = rows.with_row_index("row").sort([*_PAIR, *order], maintain_order=True)
    upto = pl.col(VALUE).cum_sum().over(_PAIR)
    added = upto.log1p() - (upto - pl.col(VALUE)).log1p()
    return sorted_rows.with_columns(added.cast(pl.Float32).alias(VALUE)).sort("row").drop("row")


def _number(rows: pl.DataFrame, role: str, value: str, origin: Origin) -> pl.Expr:
    if role not in rows.columns:
        raise TableError(f"The {origin} has no {role} for the value {value!r}; name its column, or take 'count'.")
    nulls = rows[role].null_count()
    if nulls:
        raise TableError(
            f"The {origin} has null in column {origin.column(role)!r} in {nulls:,} rows, which the value {value!r} "
            "needs; fill them in, or take 'count'."
        )
    wrong = rows.filter(~pl.col(role).cast(pl.Float64).is_finite())
    if len(wrong):
        raise TableError(
            f"The {origin} has {wrong[role][0]} in column {origin.column(role)!r} in {len(wrong):,} rows, and the "
            f"value {value!r} needs numbers; correct them, or take 'count'."
        )
    return pl.col(role).cast(pl.Float64)
