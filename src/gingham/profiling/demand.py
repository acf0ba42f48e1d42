"""How transactions are distributed over users and items, and how fast the demand for best sellers falls."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from gingham.arrays import Doubles, Longs
from gingham.columns import ITEM_ID, NAME, USER_ID
from gingham.profiling.sales import ITEM, USER, WEEK, Sales

BEST_SELLERS = 50

# With fewer transactions in its peak week, an item has no meaningful half-life.
_MIN_PEAK = 5


@dataclass(frozen=True)
class Spread:
    """How transactions are distributed over users or over items.

    Attributes
    ----------
    codes : polars.DataFrame
        One row per user (item) with transactions: its code, its id and ``purchases``, its number of transactions.
    counts : polars.DataFrame
        ``purchases`` and the ``number`` of users (items) with this many transactions, sorted by ``purchases``.
    gini : float
        The Gini coefficient: 0 if all users (items) have equally many transactions, near 1 if one has almost all.
    """

    codes: pl.DataFrame
    counts: pl.DataFrame
    gini: float

    @classmethod
    def of(cls, sales: Sales, column: str) -> "Spread":
        """Count the transactions of each user or item."""
        role, codes = USER_ID if column == USER else ITEM_ID, sales.array(column)
        purchases = np.bincount(codes)
        present = np.flatnonzero(purchases)
        # The last row of each code, from which its id is read.
        row = np.zeros(len(purchases), np.uint32)
        row[codes] = np.arange(len(codes), dtype=np.uint32)
        ids = sales.rows[role].gather(row[present])
        frame = pl.DataFrame(
            {
                column: present,
                role: ids if ids.dtype.is_integer() else ids.cast(pl.String),
                "purchases": purchases[present],
            }
        )
        counts = frame.group_by("purchases").agg(pl.len().cast(pl.Int64).alias("number")).sort("purchases")
        population, share = _lorenz(counts)
        # Twice the area under the Lorenz curve.
        area = np.sum(np.diff(population) * (share[1:] + share[:-1]))
        return cls(frame, counts, float(max(0.0, 1 - area)))

    @property
    def number(self) -> int:
        """The number of users (items) with transactions."""
        return self.codes.height

    @property
    def median(self) -> float:
        """The median number of transactions per user (item)."""
        return float(np.median(self.codes["purchases"].to_numpy()))

    def curve(self, points: int = 200) -> tuple[list[float], list[float]]:
        """Return the Lorenz curve: cumulative shares of users (items), least active first, and of transactions."""
        population, share = _lorenz(self.counts)
        x = np.linspace(0, 1, points)
        return x.tolist(), np.interp(x, population, share).tolist()

    def share_of_top(self, part: float) -> float:
        """Return the share of transactions that belongs to the most active `part` of users (items), at least one."""
        top = max(1, round(self.number * part))
        return float(self.codes["purchases"].top_k(top).sum()) / float(self.codes["purchases"].sum())

    def share_with(self, purchases: int) -> float:
        """Return the share of users (items) that have exactly this many transactions."""
        return float(self.counts.filter(pl.col("purchases") == purchases)["number"].sum()) / self.number

    def bins(self) -> pl.DataFrame:
        """Return the ``number`` of users (items) by transactions, in bins from ``low`` to ``high`` that double."""
        power = pl.col("purchases").log(2).add(1e-9).floor().cast(pl.Int64)
        binned = self.counts.group_by(power.alias("power")).agg(pl.col("number").sum())
        every = pl.DataFrame({"power": range(int(binned["power"].to_numpy().max()) + 1)})
        low = pl.lit(2).pow("power").cast(pl.Int64)
        return every.join(binned, "power", how="left", maintain_order="left").select(
            low.alias("low"), (2 * low - 1).alias("high"), pl.col("number").fill_null(0)
        )


def best_sellers(sales: Sales, items: Spread, names: pl.DataFrame | None) -> pl.DataFrame:
    """Return the items with the most transactions, and how fast their weekly sales fell.

    Parameters
    ----------
    sales : Sales
        The transactions.
    items : Spread
        Their distribution over items.
    names : polars.DataFrame, optional
        ``item_id`` and ``name``.

    Returns
    -------
    polars.DataFrame
        At most `BEST_SELLERS` rows, most transactions first: ``item_id``, ``name`` (with `names`), ``purchases`` (the
        number of transactions) and, with timestamps, ``peak_week`` (the first day of the best week), ``half_life``
        (days from the best week to the first later week with at most half of its transactions; null if there is none)
        and ``telling`` (whether the best week has enough transactions for a meaningful half-life).
    """
    top = items.codes.sort("purchases", ITEM, descending=[True, False]).head(BEST_SELLERS)
    codes = top[ITEM].to_list()
    frame = top.select(ITEM_ID, "purchases")
    if names is not None:
        named = names.with_columns(pl.col(ITEM_ID).cast(frame.schema[ITEM_ID]))
        frame = frame.join(named, ITEM_ID, how="left", maintain_order="left").select(ITEM_ID, NAME, "purchases")
    if sales.first_day is None:
        return frame
    weekly = _weekly_counts(sales, codes)
    peaks = weekly.argmax(axis=1)
    half_lives: list[int | None] = []
    for counts, peak in zip(weekly, peaks, strict=True):
        halved = np.flatnonzero(counts[peak:] <= counts[peak] / 2)
        half_lives.append(int(halved[0]) * WEEK if halved.size else None)
    return frame.with_columns(
        pl.Series("peak_week", [sales.week_start(int(peak)) for peak in peaks], pl.Date),
        pl.Series("half_life", half_lives, pl.Int64),
        pl.Series("telling", weekly.max(axis=1) >= _MIN_PEAK, pl.Boolean),
    )


def median_half_life(best: pl.DataFrame) -> float | None:
    """Return the median half-life in days of the best sellers with enough transactions in their best week.

    An item whose sales have not halved yet counts as infinite. The result is None if there are no half-lives, or if at
    least half of the items have not halved yet.
    """
    if "half_life" not in best.columns:
        return None
    half_lives = best.filter("telling")["half_life"].cast(pl.Float64).fill_null(math.inf)
    median = half_lives.median()
    return median if isinstance(median, float) and math.isfinite(median) else None


def _weekly_counts(sales: Sales, codes: list[int]) -> Longs:
    """Count the transactions of items by week, shape (n_codes, n_weeks)."""
    items = sales.array(ITEM)
    row_of = np.full(int(items.max()) + 1, -1)
    row_of[codes] = np.arange(len(codes))
    row = row_of[items]
    selected = row >= 0
    cell = row[selected] * sales.n_weeks + sales.week[selected]
    return np.bincount(cell, minlength=len(codes) * sales.n_weeks).reshape(len(codes), sales.n_weeks)


def _lorenz(counts: pl.DataFrame) -> tuple[Doubles, Doubles]:
    number, purchases = counts["number"].to_numpy(), counts["purchases"].to_numpy()
    population = np.concatenate([[0.0], np.cumsum(number)])
    share = np.concatenate([[0.0], np.cumsum(number * purchases)])
    return population / population[-1], share / share[-1]
