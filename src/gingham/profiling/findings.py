"""The statistics of a profile, without charts and sentences."""

from dataclasses import dataclass
from datetime import date
from typing import Self

import polars as pl

from gingham.columns import ITEM_ID, NAME, ROLES, USER_ID
from gingham.profiling import descriptions, prices, timeline
from gingham.profiling.columns import ProfiledTable
from gingham.profiling.demand import Spread, best_sellers, median_half_life
from gingham.profiling.descriptions import Counts, Histogram
from gingham.profiling.orders import Orders
from gingham.profiling.repeats import Repeats
from gingham.profiling.sales import ITEM, USER, Sales
from gingham.tables import Tables


@dataclass(frozen=True)
class Findings:
    """Statistics of the tables. An attribute is None or empty if the tables lack the columns for it.

    Attributes
    ----------
    steps : polars.DataFrame
        What was left after each cleaning step: ``step``, ``rows``, ``users``, ``items``.
    first_day, last_day : date, optional
        The days of the first and the last transaction.
    n_transactions : int
        The number of transactions.
    n_users, n_items : int
        The number of users and items, including those without transactions.
    days, weekdays : polars.DataFrame, optional
        The number of transactions by ``day``; its mean by ``weekday``.
    cold : polars.DataFrame, optional
        By ``week``: the shares of its transactions by new ``users`` and of new ``items``.
    price_by_period, price_by_channel : polars.DataFrame, optional
        Quantiles of prices, ``q10`` to ``q90``, by ``period`` and by ``channel``.
    channels : polars.DataFrame, optional
        The number of ``transactions`` by ``channel``.
    users, items : Spread
        How transactions are distributed over users and items.
    best_sellers : polars.DataFrame
        The items with the most transactions, and how fast their sales fell; see `demand.best_sellers`.
    half_life : float, optional
        The median half-life of the best sellers, in days.
    orders : Orders, optional
        How many orders users placed; None without order ids and timestamps.
    repeats : Repeats
        How often users buy the same item again, and after how many days.
    counts : tuple of Counts
        The number of users and items by category.
    histograms : tuple of Histogram
        Distributions of the numeric columns of users and items.
    missing : polars.DataFrame
        The number of ``missing`` values by ``table`` and ``column``, and their ``share``.
    """

    steps: pl.DataFrame
    first_day: date | None
    last_day: date | None
    n_transactions: int
    n_users: int
    n_items: int
    days: pl.DataFrame | None
    weekdays: pl.DataFrame | None
    cold: pl.DataFrame | None
    price_by_period: pl.DataFrame | None
    price_by_channel: pl.DataFrame | None
    channels: pl.DataFrame | None
    users: Spread
    items: Spread
    best_sellers: pl.DataFrame
    half_life: float | None
    orders: Orders | None
    repeats: Repeats
    counts: tuple[Counts, ...]
    histograms: tuple[Histogram, ...]
    missing: pl.DataFrame

    @property
    def line(self) -> str:
        """What a transaction is called: "order line" if orders have ids, otherwise "transaction"."""
        return "order line" if self.orders is not None and self.orders.has_ids else "transaction"

    @classmethod
    def of(cls, tables: Tables) -> Self:
        """Compute the statistics of cleaned tables."""
        transactions = tables.transactions.collect()
        sales = Sales.of(transactions)
        users, items = Spread.of(sales, USER), Spread.of(sales, ITEM)
        profiled = _profiled_tables(tables)
        has_times = sales.first_day is not None
        daily = timeline.days(sales) if has_times else None
        best = best_sellers(sales, items, _item_names(tables))
        spreads = {"users": users, "items": items}
        counts = [descriptions.counts(table, _purchases(table, spreads[table.table])) for table in profiled]
        histograms = [descriptions.histograms(table) for table in profiled]
        frames = {"transactions": transactions.select(role for role in ROLES if role in transactions.columns)}
        frames |= {table.table: table.rows for table in profiled if table.columns}
        sizes = {table.table: table.rows.height for table in profiled}
        return cls(
            steps=pl.DataFrame(
                [(step.name, step.rows, step.users, step.items) for step in tables.steps],
                schema={"step": pl.String, "rows": pl.Int64, "users": pl.Int64, "items": pl.Int64},
                orient="row",
            ),
            first_day=sales.first_day,
            last_day=sales.day_of(sales.n_days - 1) if has_times else None,
            n_transactions=transactions.height,
            n_users=max(users.number, sizes.get("users", 0)),
            n_items=max(items.number, sizes.get("items", 0)),
            days=daily,
            weekdays=None if daily is None else timeline.weekdays(daily),
            cold=timeline.cold(sales) if has_times else None,
            price_by_period=prices.by_period(sales),
            price_by_channel=prices.by_channel(sales),
            channels=prices.channels(sales),
            users=users,
            items=items,
            best_sellers=best,
            half_life=median_half_life(best),
            orders=Orders.of(sales),
            repeats=Repeats.of(sales),
            counts=tuple(count for table in counts for count in table),
            histograms=tuple(histogram for table in histograms for histogram in table),
            missing=descriptions.missing(frames),
        )


def _profiled_tables(tables: Tables) -> list[ProfiledTable]:
    frames = (("users", tables.users, USER_ID), ("items", tables.items, ITEM_ID))
    return [ProfiledTable(name, frame.collect(), role) for name, frame, role in frames if frame is not None]


def _item_names(tables: Tables) -> pl.DataFrame | None:
    if tables.items is None or tables.item_name is None:
        return None
    return tables.items.select(ITEM_ID, pl.col(tables.item_name).cast(pl.String).alias(NAME)).collect()


def _purchases(table: ProfiledTable, spread: Spread) -> pl.DataFrame:
    id_column = table.id_column
    return spread.codes.select(pl.col(id_column).cast(table.rows.schema[id_column]), "purchases")
