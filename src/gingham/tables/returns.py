"""Returns: transactions with a negative quantity, and the purchases that they cancel."""

from typing import Literal, TypeAlias

import polars as pl

from gingham.columns import ITEM_ID, QUANTITY, USER_ID
from gingham.tables.order_numbers import sequence

Returns: TypeAlias = Literal["drop", "net", "keep"]

_ROW, _LEVEL, _LEFT = "gingham_row", "gingham_level", "gingham_left"
_PAIR = (USER_ID, ITEM_ID)
# What is left of a purchase after returns is nothing below this share of it, because fractions are rounded.
_NOTHING = 1e-6


def has_returns(rows: pl.DataFrame) -> bool:
    """Return whether a transaction has a negative quantity."""
    return QUANTITY in rows.columns and bool(rows.select((pl.col(QUANTITY) < 0).any()).item())


def without_returns(rows: pl.DataFrame, returns: Returns) -> pl.DataFrame | None:
    """Remove returns, which are transactions with a negative quantity, and what they cancel.

    Parameters
    ----------
    rows : polars.DataFrame
        Transactions.
    returns : {"drop", "net", "keep"}
        "drop" removes the transactions with a negative quantity. "net" also cancels what was returned: a return
        reduces the quantity of the latest earlier purchases of the same user and item, and purchases that were
        returned wholly are removed. A return without an earlier purchase has no effect. Of equal times, purchases are
        earlier than returns; without timestamps, all purchases are, and the last row is the latest. "keep" returns the
        rows as they are.

    Returns
    -------
    polars.DataFrame or None
        The remaining rows in their order; None if there are no returns to remove.
    """
    if returns == "keep" or not has_returns(rows):
        return None
    quantity = pl.col(QUANTITY)
    is_purchase = (rows[QUANTITY] >= 0).fill_null(True)
    if returns == "drop":
        return rows.filter(is_purchase)
    # Only users and items with a return take part; these are few.
    returned = rows.lazy().filter(quantity < 0).select(_PAIR).unique()
    involved = rows.lazy().with_row_index(_ROW).filter(quantity.is_finite()).join(returned, on=_PAIR, how="semi")
    left = _left(involved).collect()
    is_kept = is_purchase.scatter(left.filter((pl.col(_LEFT) == 0) & (quantity != 0))[_ROW], False)
    return rows.with_columns(rows[QUANTITY].scatter(left[_ROW], left[_LEFT])).filter(is_kept)


def _left(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return what is left of the quantity of each row, by row number: 0 for returns, and for what was returned.

    Purchases and returns change the number of pieces that the user has, which is never below 0. A purchase added the
    pieces between two levels; those above the lowest later level were returned.
    """
    quantity, level = pl.col(QUANTITY), pl.col(_LEVEL)
    order = [*sequence(rows.collect_schema().names()), quantity < 0, pl.col(_ROW)]
    total = quantity.cast(pl.Float64).cum_sum().over(_PAIR)
    sorted_rows = rows.sort([*_PAIR, *order]).with_columns(total.alias(_LEVEL))
    levels = sorted_rows.with_columns(level - level.cum_min().over(_PAIR).clip(upper_bound=0))
    pieces = level.cum_min(reverse=True).over(_PAIR) - (level - quantity)
    left = (
        pl.when((quantity > 0) & (pieces > quantity * _NOTHING)).then(pl.min_horizontal(pieces, quantity)).otherwise(0)
    )
    dtype = rows.collect_schema()[QUANTITY]
    exact = left.round() if dtype.is_integer() else left
    return levels.select(_ROW, QUANTITY, exact.cast(dtype).alias(_LEFT))
