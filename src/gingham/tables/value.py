"""The value of an interaction: the number of transactions, the quantity or the amount spent."""

from typing import Literal, TypeAlias

import polars as pl

from gingham.columns import ITEM_ID, PRICE, QUANTITY, TIMESTAMP, USER_ID, VALUE
from gingham.duration import FADED, duration
from gingham.errors import TableError
from gingham.tables.order_numbers import missing_time, sequence
from gingham.tables.origin import Origin, format_rows

Value: TypeAlias = Literal["count", "log-count", "quantity", "log-quantity", "spend", "log-spend"]

_LOG = "log-"
_PAIR = (USER_ID, ITEM_ID)


def required_roles(value: Value) -> tuple[str, ...]:
    """Return the roles that a value is computed from; ``quantity`` is optional for the amount spent."""
    return {"count": (), "quantity": (QUANTITY,), "spend": (PRICE, QUANTITY)}[value.removeprefix(_LOG)]


def add_value(rows: pl.DataFrame, value: Value, half_life: str | None, origin: Origin) -> pl.DataFrame:
    """Add a column with what each transaction adds to the value of its user's interaction with its item.

    Parameters
    ----------
    rows : polars.DataFrame
        Transactions.
    value : {"count", "log-count", "quantity", "log-quantity", "spend", "log-spend"}
        What the transactions of a user and an item sum up to: their number (without returns), their quantity, or price
        times quantity (1 if there is no quantity column). "log-" is the logarithm of one plus that sum.
    half_life : str or None
        A transaction that is this much older than the latest one counts half. None: all transactions count equally.
    origin : Origin
        The table's name in error messages.

    Returns
    -------
    polars.DataFrame
        `rows` with the column ``value`` (Float32). For "log-", each transaction has the increase of the logarithm over
        the earlier transactions of its user and item. The sum over any earlier part of the transactions is therefore
        the logarithm of that part.

    Raises
    ------
    TableError
        If a column that is needed is missing, or contains nulls or numbers that are not finite, or if the value is
        negative and its logarithm is needed.
    """
    measure = value.removeprefix(_LOG)
    amount = pl.lit(1.0)
    if measure == "count" and QUANTITY in rows.columns:
        amount = pl.when(pl.col(QUANTITY) < 0).then(0.0).otherwise(1.0)
    if measure == "quantity":
        amount = _finite_number(rows, QUANTITY, value, origin)
    elif measure == "spend":
        amount = _finite_number(rows, PRICE, value, origin)
        if QUANTITY in rows.columns:
            amount *= _finite_number(rows, QUANTITY, value, origin)
    if half_life is not None:
        if TIMESTAMP not in rows.columns:
            raise missing_time(rows.columns, f"half_life={half_life!r}", origin)
        age = (pl.col(TIMESTAMP).max() - pl.col(TIMESTAMP)).dt.total_microseconds()
        amount *= (2.0 ** (-age / (duration(half_life).total_seconds() * 1e6))).clip(lower_bound=FADED)
    if value == measure:
        return rows.with_columns(amount.cast(pl.Float32).alias(VALUE))
    return _add_logarithm(rows.with_columns(amount.alias(VALUE)), value, origin)


def _add_logarithm(rows: pl.DataFrame, value: Value, origin: Origin) -> pl.DataFrame:
    least = rows[VALUE].min()
    if isinstance(least, float) and least < 0:
        raise TableError(
            f"The {origin} has a transaction with the value {least:g}, but value={value!r} needs values of at least 0; "
            f"use value={value.removeprefix(_LOG)!r}, or remove returns."
        )
    sorted_rows = rows.with_row_index("row").sort([*_PAIR, *sequence(rows.columns)], maintain_order=True)
    total = pl.col(VALUE).cum_sum().over(_PAIR)
    increase = total.log1p() - (total - pl.col(VALUE)).log1p()
    return sorted_rows.with_columns(increase.cast(pl.Float32).alias(VALUE)).sort("row").drop("row")


def _finite_number(rows: pl.DataFrame, role: str, value: str, origin: Origin) -> pl.Expr:
    """Return a column as floats; refuse it if it is missing or has values that are null or not finite."""
    if role not in rows.columns:
        raise origin.missing_role(role, f"value={value!r}")
    n_nulls = rows[role].null_count()
    if n_nulls:
        raise TableError(
            f"The {origin} has null values in column {origin.column(role)!r} in {format_rows(n_nulls)}, but "
            f"value={value!r} needs all of them; fill them in, or use value='count'."
        )
    number = pl.col(role).cast(pl.Float64)
    invalid = rows.filter(~number.is_finite())
    if len(invalid):
        raise TableError(
            f"The {origin} has {invalid[role][0]} in column {origin.column(role)!r} in {format_rows(len(invalid))}, "
            f"but value={value!r} needs finite numbers; correct them, or use value='count'."
        )
    return number
