"""The transactions in integers: who, what and on which day, as the counting wants them."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.columns import ITEM_ID, TIMESTAMP, USER_ID
from gingham.tables.codes import codes

USER, ITEM, DAY = "user", "item", "day"
WEEK = 7

Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Sales:
    """The transactions as numbers.

    Attributes
    ----------
    rows : polars.DataFrame
        One row a transaction: ``user`` and ``item`` (UInt32 codes, which may have gaps) and, with a timestamp,
        ``day`` (Int32, counted from the first one); then the columns of the transactions as they are.
    first_day : date, optional
        The day that is 0; None without a timestamp.
    n_days : int
        How many days there are from the first to the last, both counted; 1 without a timestamp.
    """

    rows: pl.DataFrame
    first_day: date | None
    n_days: int

    @classmethod
    def of(cls, transactions: pl.DataFrame) -> "Sales":
        """Make numbers of the ids and days of transactions, of which there is at least one."""
        coded = [
            pl.Series(name, codes(transactions[role])).cast(pl.UInt32)
            for role, name in ((USER_ID, USER), (ITEM_ID, ITEM))
        ]
        if TIMESTAMP not in transactions.columns:
            return cls(transactions.with_columns(coded), None, 1)
        days = transactions[TIMESTAMP].dt.date().to_physical()
        first, last = days.min(), days.max()
        assert isinstance(first, int)
        assert isinstance(last, int)
        rows = transactions.with_columns(*coded, (days - first).cast(pl.Int32).alias(DAY))
        return cls(rows, date(1970, 1, 1) + timedelta(days=first), last - first + 1)

    @property
    def n_weeks(self) -> int:
        """How many weeks there are; see `week`."""
        return -(-self.n_days // WEEK)

    @cached_property
    def week(self) -> Integers:
        """The week of each transaction: seven days, counted so that the last week ends on the last day.

        Only the first week may then be short; a short last one would look like sales that fall.
        """
        return (self.array(DAY) + self._padding) // WEEK

    def week_start(self, week: int) -> date:
        """Give the first day of a week."""
        return self.day_of(week * WEEK - self._padding)

    def day_of(self, day: int) -> date:
        """Give the date of a day."""
        assert self.first_day is not None
        return self.first_day + timedelta(days=day)

    def array(self, column: str) -> Integers:
        """Give a column of `rows`, shape (n_transactions,)."""
        return self.rows[column].to_numpy()

    @property
    def _padding(self) -> int:
        return -self.n_days % WEEK
