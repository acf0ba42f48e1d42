"""The transactions with users, items and days as integers, which the statistics count."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.columns import ITEM_ID, TIMESTAMP, USER_ID
from gingham.tables.id_codes import encode_ids

USER, ITEM, DAY = "user", "item", "day"
WEEK = 7

Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Sales:
    """The transactions with integer columns for user, item and day.

    Attributes
    ----------
    rows : polars.DataFrame
        One row per transaction: ``user`` and ``item`` (UInt32 codes, not necessarily consecutive) and, with timestamps,
        ``day`` (Int32, 0 for the first day); then the columns of the transactions.
    first_day : date, optional
        The date of day 0; None without timestamps.
    n_days : int
        The number of days from the first to the last transaction, both included; 1 without timestamps.
    """

    rows: pl.DataFrame
    first_day: date | None
    n_days: int

    @classmethod
    def of(cls, transactions: pl.DataFrame) -> "Sales":
        """Encode the ids and days of at least one transaction as integers."""
        coded = [
            pl.Series(name, encode_ids(transactions[role])).cast(pl.UInt32)
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
        """The number of weeks; see `week`."""
        return -(-self.n_days // WEEK)

    @cached_property
    def week(self) -> Integers:
        """The week of each transaction. Weeks are seven days and are counted back from the last day.

        So only the first week can be shorter. A short last week would look as if sales fell.
        """
        return (self.array(DAY) + self._padding) // WEEK

    def week_start(self, week: int) -> date:
        """Return the first day of a week; the first week can begin before the first day that Python has."""
        assert self.first_day is not None
        return self.day_of(max(week * WEEK - self._padding, (date.min - self.first_day).days))

    def day_of(self, day: int) -> date:
        """Return the date of a day."""
        assert self.first_day is not None
        return self.first_day + timedelta(days=day)

    def array(self, column: str) -> Integers:
        """Return a column of `rows`, shape (n_transactions,)."""
        return self.rows[column].to_numpy()

    @property
    def _padding(self) -> int:
        return -self.n_days % WEEK
