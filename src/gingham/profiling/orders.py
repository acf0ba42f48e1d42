"""Orders: how many each user placed, and how many lines they have."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from gingham.arrays import Longs
from gingham.columns import ORDER, ORDER_ID
from gingham.profiling.sales import DAY, USER, Integers, Sales


@dataclass(frozen=True)
class Orders:
    """The orders of the transactions, which are their lines.

    An order has an id in the column ``order_id`` or, in tables without times, a number in the column ``order``. Without
    these columns, and for transactions without an id, an order is everything that a user bought on one day.

    Attributes
    ----------
    has_ids : bool
        Whether the transactions have a column of order ids or numbers.
    per_user : polars.DataFrame
        ``orders`` and the ``number`` of users with this many orders, sorted by orders.
    lines : polars.DataFrame
        ``lines`` and the ``number`` of orders with this many transactions, sorted by lines.
    """

    has_ids: bool
    per_user: pl.DataFrame
    lines: pl.DataFrame

    @classmethod
    def of(cls, sales: Sales) -> "Orders | None":
        """Count the orders of transactions; None without order ids and timestamps."""
        id_column = _id_column(sales)
        if id_column is None and sales.first_day is None:
            return None
        # Sorting one integer column is much faster than sorting two.
        keys = sales.array(USER).astype(np.int64)
        keys <<= 32
        keys |= _order_codes(sales, id_column)
        keys.sort()
        starts = np.append(0, 1 + np.flatnonzero(keys[1:] != keys[:-1]))
        lines = np.diff(np.append(starts, len(keys)))
        per_user = np.bincount(keys[starts] >> 32)
        return cls(id_column is not None, _frequencies("orders", per_user[per_user > 0]), _frequencies("lines", lines))

    @property
    def number(self) -> int:
        """The number of orders."""
        return int(self.lines["number"].sum())

    @property
    def median(self) -> float:
        """The median number of orders per user with orders."""
        return _median(self.per_user["orders"], self.per_user["number"])

    @property
    def median_lines(self) -> float:
        """The median number of lines per order."""
        return _median(self.lines["lines"], self.lines["number"])

    @property
    def share_with_one(self) -> float:
        """The share of users with orders who placed exactly one."""
        one, every = (
            int(rows["number"].sum()) for rows in (self.per_user.filter(pl.col("orders") == 1), self.per_user)
        )
        return one / every


def _id_column(sales: Sales) -> str | None:
    """Return the column that tells the orders of a user apart: order ids or, without times, order numbers."""
    if ORDER_ID in sales.rows.columns:
        return ORDER_ID
    return ORDER if ORDER in sales.rows.columns and sales.first_day is None else None


def _order_codes(sales: Sales, id_column: str | None) -> Integers:
    """Return a number below 2**32 for each transaction, which differs between the orders of a user."""
    days: Integers = np.zeros(sales.rows.height, np.int32) if sales.first_day is None else sales.array(DAY)
    if id_column is None:
        return days
    order_ids = sales.rows[id_column]
    if order_ids.dtype.is_integer():
        codes = order_ids.rank("dense") - 1
    else:
        codes = order_ids.cast(pl.Categorical(pl.Categories.random())).to_physical()
    codes = codes.cast(pl.Int64)
    highest = codes.max()
    n_codes = highest + 1 if isinstance(highest, int) else 0
    return codes.zip_with(codes.is_not_null(), pl.Series(n_codes + days.astype(np.int64))).to_numpy()


def _frequencies(name: str, values: Longs) -> pl.DataFrame:
    numbers = np.bincount(values)
    occurring = np.flatnonzero(numbers)
    return pl.DataFrame({name: occurring.astype(np.int64), "number": numbers[occurring].astype(np.int64)})


def _median(values: pl.Series, numbers: pl.Series) -> float:
    cumulative = np.cumsum(numbers.to_numpy())
    total = int(cumulative[-1])
    low, high = np.searchsorted(cumulative, [(total - 1) // 2 + 1, total // 2 + 1])
    return float(values[int(low)] + values[int(high)]) / 2
