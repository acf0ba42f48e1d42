"""The distribution of prices over time and by channel."""

import numpy as np
import polars as pl

from gingham.columns import CHANNEL, PRICE
from gingham.profiling.descriptions import UNKNOWN
from gingham.profiling.sales import DAY, Sales

QUANTILES = {"q10": 0.10, "q25": 0.25, "q50": 0.50, "q75": 0.75, "q90": 0.90}

# Quantiles use an evenly spaced sample of at least this many transactions; more would not change a line on the page.
_SAMPLE_SIZE = 2_000_000
# The smaller channels are combined into one.
_MAX_CHANNELS = 8
_OTHER = "other"
# Periods are months if the transactions span at least this many days, else weeks.
_MIN_DAYS_FOR_MONTHS = 120


def by_period(sales: Sales) -> pl.DataFrame | None:
    """Return the quantiles of prices by month, or by week if the transactions span only a few months.

    Returns
    -------
    polars.DataFrame, optional
        ``period`` (its first day), ``q10``, ``q25``, ``q50``, ``q75``, ``q90``. None if there are no prices or
        timestamps, or only one period.
    """
    if PRICE not in sales.rows.columns or sales.first_day is None:
        return None
    dates = pl.date_range(sales.day_of(0), sales.day_of(sales.n_days - 1), eager=True)
    starts = dates.dt.truncate("1mo" if sales.n_days >= _MIN_DAYS_FOR_MONTHS else "1w")
    # The period of a row is looked up by its day, because there are far fewer days than rows.
    number = starts.rank("dense").cast(pl.UInt32) - 1
    rows = _sample(sales.rows.select(PRICE, DAY))
    frame = _quantiles(rows.select(PRICE, number.gather(rows[DAY]).alias("period")), "period")
    periods = starts.unique().sort()
    frame = frame.with_columns(periods.gather(frame["period"]).alias("period"))
    return frame if frame.height > 1 else None


def by_channel(sales: Sales) -> pl.DataFrame | None:
    """Return the quantiles of prices by channel, largest channel first.

    Returns
    -------
    polars.DataFrame, optional
        ``channel`` (text) and the quantiles as in `by_period`. None if there are no prices or only one channel.
    """
    if PRICE not in sales.rows.columns or CHANNEL not in sales.rows.columns:
        return None
    rows = _sample(sales.rows.select(PRICE, CHANNEL)).drop_nulls().with_columns(pl.col(CHANNEL).cast(pl.String))
    counts = rows[CHANNEL].value_counts(sort=True)
    largest = counts[CHANNEL].head(_MAX_CHANNELS)
    if counts.height > _MAX_CHANNELS:
        is_large = pl.col(CHANNEL).is_in(largest.implode())
        rows = rows.with_columns(pl.when(is_large).then(CHANNEL).otherwise(pl.lit(_OTHER)).alias(CHANNEL))
    frame = _quantiles(rows, CHANNEL)
    order = pl.DataFrame({CHANNEL: [*dict.fromkeys([*largest, _OTHER])]})
    frame = order.join(frame, CHANNEL, maintain_order="left")
    return frame if frame.height > 1 else None


def channels(sales: Sales) -> pl.DataFrame | None:
    """Return ``channel`` (text) and its number of ``transactions``, largest first; None without channels."""
    if CHANNEL not in sales.rows.columns:
        return None
    counts = sales.rows[CHANNEL].value_counts(sort=True).rename({"count": "transactions"})
    return counts.with_columns(
        pl.col(CHANNEL).cast(pl.String).fill_null(UNKNOWN), pl.col("transactions").cast(pl.Int64)
    )


def sampling_step(n_transactions: int) -> int:
    """Return n if the quantiles of prices are computed from one in n transactions."""
    return max(1, n_transactions // _SAMPLE_SIZE)


def _sample(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.gather_every(sampling_step(rows.height))


def _quantiles(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    """Return the quantiles of prices of each group that has prices, sorted by group."""
    priced = rows.select(by, pl.col(PRICE).cast(pl.Float64)).filter(pl.col(PRICE).is_finite())
    quantiles = [
        (part[by][0], *np.quantile(part[PRICE].to_numpy(), list(QUANTILES.values())).tolist())
        for part in priced.partition_by(by)
    ]
    schema = {by: rows.schema[by]} | dict.fromkeys(QUANTILES, pl.Float64())
    return pl.DataFrame(quantiles, schema=schema, orient="row").sort(by)
