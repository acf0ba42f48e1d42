"""Repeats: what users buy again, and after how long."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.profiling.sales import DAY, ITEM, USER, Sales


@dataclass(frozen=True)
class Repeats:
    """What users buy again.

    Attributes
    ----------
    number : int
        How many transactions are of an item that their user had bought on an earlier day; without a timestamp, how many
        follow another of the same user and item.
    share : float
        Their share of all transactions.
    gaps : polars.DataFrame, optional
        ``days`` between one day on which a user bought an item and the next such day, and their ``number``, by rising
        days; None without a timestamp.
    """

    number: int
    share: float
    gaps: pl.DataFrame | None

    @property
    def median_days(self) -> float | None:
        """The median of the days between; None if there are none."""
        if self.gaps is None or self.gaps.is_empty():
            return None
        days, number = self.gaps["days"].to_numpy(), self.gaps["number"].to_numpy()
        upto, total = np.cumsum(number), int(number.sum())
        low, high = np.searchsorted(upto, [(total - 1) // 2 + 1, total // 2 + 1])
        return float(days[low] + days[high]) / 2

    @classmethod
    def of(cls, sales: Sales) -> "Repeats":
        """Find the repeats among transactions."""
        day_bits = sales.n_days.bit_length()
        key = _sorted_keys(sales, day_bits)
        # Two rows of one user and item differ in the bits of the day alone.
        again = np.flatnonzero((key[1:] ^ key[:-1]) < (1 << day_bits))
        gap = key[again + 1] - key[again]
        if sales.first_day is None:
            return cls(len(again), len(again) / len(key), None)
        # A row of the same day as the one before is a repeat if that one is: if any gap of its user and item came yet.
        later = np.cumsum(gap > 0)
        begins = np.diff(again, prepend=-2) > 1
        before = np.maximum.accumulate(np.where(begins, later - (gap > 0), 0))
        number = int(np.count_nonzero(later > before))
        gaps = np.bincount(gap[gap > 0])
        days = np.flatnonzero(gaps)
        frame = pl.DataFrame({"days": days.astype(np.int64), "number": gaps[days].astype(np.int64)})
        return cls(number, number / len(key), frame)


def _sorted_keys(sales: Sales, day_bits: int) -> npt.NDArray[np.int64]:
    """Make one number of each transaction's user, item and day, and sort them.

    Sorting one column of numbers is what machines do best. 63 bits hold ten million users of a million items over
    two thousand years.
    """
    key = sales.array(USER).astype(np.int64)
    key <<= int(sales.array(ITEM).max()).bit_length()
    key |= sales.array(ITEM)
    key <<= day_bits
    if sales.first_day is not None:
        key |= sales.array(DAY)
    key.sort()
    return key
