"""Repeat purchases: how often users buy the same item again, and after how many days."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from gingham.arrays import Longs
from gingham.profiling.sales import DAY, ITEM, USER, Sales


@dataclass(frozen=True)
class Repeats:
    """Transactions in which a user buys an item again.

    Attributes
    ----------
    number : int
        The number of transactions whose user bought the same item on an earlier day. Without timestamps, the number of
        transactions beyond the first of each user and item.
    share : float
        Their share of all transactions.
    gaps : polars.DataFrame, optional
        ``days`` between two consecutive days on which a user bought an item, and how often this gap occurs
        (``number``), sorted by days. None without timestamps.
    """

    number: int
    share: float
    gaps: pl.DataFrame | None

    @property
    def median_days(self) -> float | None:
        """The median gap in days; None if there are no gaps."""
        if self.gaps is None or self.gaps.is_empty():
            return None
        days, number = self.gaps["days"].to_numpy(), self.gaps["number"].to_numpy()
        cumulative, total = np.cumsum(number), int(number.sum())
        low, high = np.searchsorted(cumulative, [(total - 1) // 2 + 1, total // 2 + 1])
        return float(days[low] + days[high]) / 2

    @classmethod
    def of(cls, sales: Sales) -> "Repeats":
        """Count the repeats among transactions."""
        day_bits = sales.n_days.bit_length()
        key = _sorted_keys(sales, day_bits)
        # Keys of the same user and item differ only in the bits of the day.
        again = np.flatnonzero((key[1:] ^ key[:-1]) < (1 << day_bits))
        gap = key[again + 1] - key[again]
        if sales.first_day is None:
            return cls(len(again), len(again) / len(key), None)
        # A transaction is a repeat if its user and item have any positive gap up to it. So the second of two
        # transactions on one day is a repeat only if the first one is.
        later = np.cumsum(gap > 0)
        starts = np.diff(again, prepend=-2) > 1
        before = np.maximum.accumulate(np.where(starts, later - (gap > 0), 0))
        number = int(np.count_nonzero(later > before))
        gaps = np.bincount(gap[gap > 0])
        days = np.flatnonzero(gaps)
        frame = pl.DataFrame({"days": days.astype(np.int64), "number": gaps[days].astype(np.int64)})
        return cls(number, number / len(key), frame)


def _sorted_keys(sales: Sales, day_bits: int) -> Longs:
    """Return the sorted keys of the transactions; a key packs user, item and day into one integer.

    Sorting one integer column is much faster than sorting three. 63 bits are enough for ten million users, a million
    items and two thousand years.
    """
    key = sales.array(USER).astype(np.int64)
    key <<= int(sales.array(ITEM).max()).bit_length()
    key |= sales.array(ITEM)
    key <<= day_bits
    if sales.first_day is not None:
        key |= sales.array(DAY)
    key.sort()
    return key
