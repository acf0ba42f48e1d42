"""How purchases spread over users and items: long tails, and how fast best sellers fade."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.columns import ITEM_ID, NAME, USER_ID
from gingham.profiling.sales import ITEM, USER, WEEK, Sales

BEST_SELLERS = 50

# A best seller's half-life is looked for only if its best week is no accident.
_ENOUGH = 5


@dataclass(frozen=True)
class Spread:
    """How purchases spread over users, or over items.

    Attributes
    ----------
    codes : polars.DataFrame
        One row a user (item) with purchases: its code, its id, its ``purchases``.
    counts : polars.DataFrame
        ``purchases`` and how many (``number``) users (items) have so many, by rising purchases.
    gini : float
        The Gini coefficient of these purchases: 0 if all have equally many, near 1 if one has nearly all.
    """

    codes: pl.DataFrame
    counts: pl.DataFrame
    gini: float

    @classmethod
    def of(cls, sales: Sales, column: str) -> "Spread":
        """Count the purchases of each user or item."""
        role, places = USER_ID if column == USER else ITEM_ID, sales.array(column)
        purchases = np.bincount(places)
        there = np.flatnonzero(purchases)
        # Where each last stands in the transactions; its id is read there.
        row = np.zeros(len(purchases), np.uint32)
        row[places] = np.arange(len(places), dtype=np.uint32)
        ids = sales.rows[role].gather(row[there])
        codes = pl.DataFrame(
            {
                column: there,
                role: ids if ids.dtype.is_integer() else ids.cast(pl.String),
                "purchases": purchases[there],
            }
        )
        counts = codes.group_by("purchases").agg(pl.len().cast(pl.Int64).alias("number")).sort("purchases")
        people, held = _lorenz(counts)
        # One less twice the area under the curve.
        area = np.sum(np.diff(people) * (held[1:] + held[:-1]))
        return cls(codes, counts, float(max(0.0, 1 - area)))

    @property
    def number(self) -> int:
        """How many users (items) have purchases."""
        return self.codes.height

    @property
    def median(self) -> float:
        """How many purchases the user (item) in the middle has."""
        return float(np.median(self.codes["purchases"].to_numpy()))

    def curve(self, points: int = 200) -> tuple[list[float], list[float]]:
        """Give a Lorenz curve: rising shares of users (items), those with few purchases first, and of purchases."""
        people, held = _lorenz(self.counts)
        places = np.linspace(0, 1, points)
        return places.tolist(), np.interp(places, people, held).tolist()

    def share_of_top(self, part: float) -> float:
        """Give the share of all purchases that the `part` with the most purchases has, of at least one."""
        top = max(1, round(self.number * part))
        return float(self.codes["purchases"].top_k(top).sum()) / float(self.codes["purchases"].sum())

    def share_with(self, purchases: int) -> float:
        """Give the share of users (items) that have so many purchases."""
        return float(self.counts.filter(pl.col("purchases") == purchases)["number"].sum()) / self.number

    def bins(self) -> pl.DataFrame:
        """Count users (items) in bins that double: ``low`` and ``high`` (both counted) purchases, ``number``."""
        power = pl.col("purchases").log(2).add(1e-9).floor().cast(pl.Int64)
        binned = self.counts.group_by(power.alias("power")).agg(pl.col("number").sum())
        every = pl.DataFrame({"power": range(int(binned["power"].to_numpy().max()) + 1)})
        low = pl.lit(2).pow("power").cast(pl.Int64)
        return every.join(binned, "power", how="left", maintain_order="left").select(
            low.alias("low"), (2 * low - 1).alias("high"), pl.col("number").fill_null(0)
        )


def best_sellers(sales: Sales, items: Spread, names: pl.DataFrame | None) -> pl.DataFrame:
    """List the items with the most purchases, and how long each took to fade.

    Returns
    -------
    polars.DataFrame
        At most `BEST_SELLERS` rows, the most sold first: ``item_id``, ``name`` (if `names` has them: ``item_id`` and
        ``name``), ``purchases`` and, with a timestamp, ``peak_week`` (its first day), ``half_life`` (days from the
        start of the peak week to that of the first later week with at most half of its purchases; null if none came)
        and ``telling`` (whether the peak week has enough purchases to speak of).
    """
    top = items.codes.sort("purchases", ITEM, descending=[True, False]).head(BEST_SELLERS)
    codes = top[ITEM].to_list()
    frame = top.select(ITEM_ID, "purchases")
    if names is not None:
        known = names.with_columns(pl.col(ITEM_ID).cast(frame.schema[ITEM_ID]))
        frame = frame.join(known, ITEM_ID, how="left", maintain_order="left").select(ITEM_ID, NAME, "purchases")
    if sales.first_day is None:
        return frame
    weekly = _weekly(sales, codes)
    peaks = weekly.argmax(axis=1)
    half_lives: list[int | None] = []
    for sold, peak in zip(weekly, peaks, strict=True):
        fallen = np.flatnonzero(sold[peak:] <= sold[peak] / 2)
        half_lives.append(int(fallen[0]) * WEEK if fallen.size else None)
    return frame.with_columns(
        pl.Series("peak_week", [sales.week_start(int(peak)) for peak in peaks], pl.Date),
        pl.Series("half_life", half_lives, pl.Int64),
        pl.Series("telling", weekly.max(axis=1) >= _ENOUGH, pl.Boolean),
    )


def median_half_life(best: pl.DataFrame) -> float | None:
    """Give the median half-life of best sellers whose peak is telling, those that never fell counted as the longest.

    None if there are none, or at least half of them never fell.
    """
    if "half_life" not in best.columns:
        return None
    lives = best.filter("telling")["half_life"].cast(pl.Float64).fill_null(math.inf)
    middle = lives.median()
    return middle if isinstance(middle, float) and math.isfinite(middle) else None


def _weekly(sales: Sales, codes: list[int]) -> npt.NDArray[np.int64]:
    """Count the purchases of items by week, shape (n_codes, n_weeks)."""
    items = sales.array(ITEM)
    place = np.full(int(items.max()) + 1, -1)
    place[codes] = np.arange(len(codes))
    row = place[items]
    sold = row >= 0
    cell = row[sold] * sales.n_weeks + sales.week[sold]
    return np.bincount(cell, minlength=len(codes) * sales.n_weeks).reshape(len(codes), sales.n_weeks)


def _lorenz(counts: pl.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    number, purchases = counts["number"].to_numpy(), counts["purchases"].to_numpy()
    people = np.concatenate([[0.0], np.cumsum(number)])
    held = np.concatenate([[0.0], np.cumsum(number * purchases)])
    return people / people[-1], held / held[-1]
