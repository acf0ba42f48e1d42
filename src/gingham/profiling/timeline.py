"""Transactions over time: by day, by weekday, and the weekly shares of new users and new items."""

import numpy as np
import polars as pl

from gingham.arrays import Doubles
from gingham.profiling.sales import DAY, ITEM, USER, WEEK, Integers, Sales

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def days(sales: Sales) -> pl.DataFrame:
    """Return ``day`` (Date) and its number of ``transactions`` for every day from the first to the last."""
    counts = np.bincount(sales.array(DAY), minlength=sales.n_days)
    dates = pl.date_range(sales.day_of(0), sales.day_of(sales.n_days - 1), eager=True)
    return pl.DataFrame({"day": dates, "transactions": counts.astype(np.int64)})


def weekdays(daily: pl.DataFrame) -> pl.DataFrame | None:
    """Return ``weekday`` and its mean number of ``transactions`` per day; None for less than two weeks."""
    if daily.height < 2 * WEEK:
        return None
    mean = daily.group_by(pl.col("day").dt.weekday().alias("number")).agg(pl.col("transactions").mean()).sort("number")
    return mean.select(pl.Series("weekday", WEEKDAYS), "transactions")


def open_weekdays(daily: pl.DataFrame) -> pl.DataFrame:
    """Return each ``weekday``, its number of ``days``, how many have transactions (``open``), and their ``mean``.

    Holidays do not count in the mean; it is 0 if no day is open. The days must span at least a week.
    """
    transactions = pl.col("transactions")
    is_open = transactions > 0
    by_weekday = daily.group_by(pl.col("day").dt.weekday().alias("number")).agg(
        pl.len().cast(pl.Int64).alias("days"),
        is_open.sum().cast(pl.Int64).alias("open"),
        transactions.filter(is_open).mean().fill_null(0.0).alias("mean"),
    )
    return by_weekday.sort("number").select(pl.Series("weekday", WEEKDAYS), "days", "open", "mean")


def cold(sales: Sales) -> pl.DataFrame | None:
    """Return the share of each week's transactions that belongs to users and items without earlier transactions.

    Returns
    -------
    polars.DataFrame, optional
        ``week`` (its first day), ``users`` and ``items`` (shares of the week's transactions; null in a week without
        transactions). The first week is left out, because all its users and items are new. None if it is the only one.
    """
    if sales.n_weeks < 2:
        return None
    total = np.bincount(sales.week, minlength=sales.n_weeks)
    shares = {
        name: _new_shares(sales.array(column), sales.week, total) for name, column in (("users", USER), ("items", ITEM))
    }
    starts = [sales.week_start(week) for week in range(1, sales.n_weeks)]
    frame = pl.DataFrame(
        {"week": pl.Series(starts, dtype=pl.Date)} | {name: share[1:] for name, share in shares.items()}
    )
    return frame.with_columns(pl.col("users", "items").fill_nan(None))


def _new_shares(codes: Integers, week: Integers, total: Integers) -> Doubles:
    first = np.full(int(codes.max()) + 1, len(total), np.int32)
    np.minimum.at(first, codes, week.astype(np.int32))
    with np.errstate(invalid="ignore"):  # 0 / 0 in a week without transactions
        return np.asarray(np.bincount(week[first[codes] == week], minlength=len(total)) / total, np.float64)
