"""Prices: their distribution over time, and by channel."""

import numpy as np
import polars as pl

from gingham.columns import CHANNEL, PRICE
from gingham.profiling.sales import DAY, Sales

QUANTILES = {"q10": 0.10, "q25": 0.25, "q50": 0.50, "q75": 0.75, "q90": 0.90}

# Quantiles are of so many transactions, or up to twice as many, evenly chosen: more would not move a line on a page.
_LOOKED_AT = 2_000_000
# So many channels are told apart; the smaller ones become one.
_CHANNELS = 8
_OTHER = "other"
# From so many days on, months are told apart; weeks before.
_MONTHS_FROM = 120


def by_period(sales: Sales) -> pl.DataFrame | None:
    """Give the quantiles of prices by month, or by week if there are few months.

    Returns
    -------
    polars.DataFrame, optional
        ``period`` (its first day), ``q10``, ``q25``, ``q50``, ``q75``, ``q90``; None
        without prices or times, or for a single period.
    """
    if PRICE not in sales.rows.columns or sales.first_day is None:
        return None
    dates = pl.date_range(sales.day_of(0), sales.day_of(sales.n_days - 1), eager=True)
    starts = dates.dt.truncate("1mo" if sales.n_days >= _MONTHS_FROM else "1w")
    # A row's period is looked up by its day; there are far fewer days than rows.
    number = starts.rank("dense").cast(pl.UInt32) - 1
    rows = _thinned(sales.rows.select(PRICE, DAY))
    frame = _quantiles(rows.select(PRICE, number.gather(rows[DAY]).alias("period")), "period")
    names = starts.unique().sort()
    frame = frame.with_columns(names.gather(frame["period"]).alias("period"))
    return frame if frame.height > 1 else None


def by_channel(sales: Sales) -> pl.DataFrame | None:
    """Give the quantiles of prices by channel, the channel with the most transactions first.

    Returns
    -------
    polars.DataFrame, optional
        ``channel`` (text), and the quantiles as in `by_period`; None without prices or for a single channel.
    """
    if PRICE not in sales.rows.columns or CHANNEL not in sales.rows.columns:
        return None
    rows = _thinned(sales.rows.select(PRICE, CHANNEL)).drop_nulls().with_columns(pl.col(CHANNEL).cast(pl.String))
    counts = rows[CHANNEL].value_counts(sort=True)
    largest = counts[CHANNEL].head(_CHANNELS)
    if counts.height > _CHANNELS:
        known = pl.col(CHANNEL).is_in(largest.implode())
        rows = rows.with_columns(pl.when(known).then(CHANNEL).otherwise(pl.lit(_OTHER)).alias(CHANNEL))
    frame = _quantiles(rows, CHANNEL)
    order = pl.DataFrame({CHANNEL: [*dict.fromkeys([*largest, _OTHER])]})
    frame = order.join(frame, CHANNEL, maintain_order="left")
    return frame if frame.height > 1 else None


def channels(sales: Sales) -> pl.DataFrame | None:
    """Count the transactions of each channel, most first: ``channel`` (text), ``transactions``; None without one."""
    if CHANNEL not in sales.rows.columns:
        return None
    counts = sales.rows[CHANNEL].value_counts(sort=True).rename({"count": "transactions"})
    return counts.with_columns(
        pl.col(CHANNEL).cast(pl.String).fill_null("not known"), pl.col("transactions").cast(pl.Int64)
    )


def one_in(n_transactions: int) -> int:
    """Give which transactions prices are looked at in: one in so many."""
    return max(1, n_transactions // _LOOKED_AT)


def _thinned(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.gather_every(one_in(rows.height))


def _quantiles(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    """Give the quantiles of prices of each group that has any, by rising `by`."""
    priced = rows.select(by, pl.col(PRICE).cast(pl.Float64)).filter(pl.col(PRICE).is_finite())
    found = [
        (part[by][0], *np.quantile(part[PRICE].to_numpy(), list(QUANTILES.values())).tolist())
        for part in priced.partition_by(by)
    ]
    schema = {by: rows.schema[by]} | dict.fromkeys(QUANTILES, pl.Float64())
    return pl.DataFrame(found, schema=schema, orient="row").sort(by)
