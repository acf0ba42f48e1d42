"""What counting finds in a shop's tables; no charts, no words."""

from dataclasses import dataclass
from datetime import date
from typing import Self

import polars as pl

from gingham.columns import ITEM_ID, NAME, ROLES, USER_ID
from gingham.profiling import descriptions, prices, timeline
from gingham.profiling.columns import Described
from gingham.profiling.demand import Spread, best_sellers, median_half_life
from gingham.profiling.descriptions import Counts, Histogram
from gingham.profiling.repeats import Repeats
from gingham.profiling.sales import ITEM, USER, Sales
from gingham.tables import Tables


@dataclass(frozen=True)
class Findings:
    """What counting finds. Whatever a shop's tables have nothing of is None or empty.

    Attributes
    ----------
    steps : polars.DataFrame
        What cleaning left: ``step``, ``rows``, ``users``, ``items``.
    first_day, last_day : date, optional
        Between which the transactions lie.
    n_transactions : int
        How many there are.
    n_users, n_items : int
        How many users and items the shop knows, by its tables or its transactions.
    days, weekdays : polars.DataFrame, optional
        Transactions by ``day``; mean ``transactions`` by ``weekday``.
    cold : polars.DataFrame, optional
        By ``week``: the shares of ``users`` and ``items`` that no earlier week has seen, in its transactions.
    price_by_period, price_by_channel : polars.DataFrame, optional
        Quantiles of prices, ``q10`` to ``q90``, by ``period`` and by ``channel``.
    channels : polars.DataFrame, optional
        ``transactions`` by ``channel``.
    users, items : Spread
        How purchases spread over them.
    best_sellers : polars.DataFrame
        The items with the most purchases, and their half-lives; see `demand.best_sellers`.
    half_life : float, optional
        The median of these, in days.
    repeats : Repeats
        What is bought again, and after how long.
    counts : tuple of Counts
        Users and items by category.
    histograms : tuple of Histogram
        Measures of users and items by category.
    missing : polars.DataFrame
        ``missing`` values by ``table`` and ``column``, and their ``share``.
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
    repeats: Repeats
    counts: tuple[Counts, ...]
    histograms: tuple[Histogram, ...]
    missing: pl.DataFrame

    @classmethod
    def of(cls, tables: Tables) -> Self:
        """Count cleaned tables."""
        transactions = tables.transactions.collect()
        sales = Sales.of(transactions)
        users, items = Spread.of(sales, USER), Spread.of(sales, ITEM)
        described = _described(tables)
        dated = sales.first_day is not None
        daily = timeline.days(sales) if dated else None
        best = best_sellers(sales, items, _names(tables))
        bought = {"users": users.codes, "items": items.codes}
        counted = [descriptions.counts(table, _purchases(table, bought[table.table])) for table in described]
        measured = [descriptions.histograms(table) for table in described]
        holes = {"transactions": transactions.select(role for role in ROLES if role in transactions.columns)}
        holes |= {table.table: table.rows for table in described if table.columns}
        known = {table.table: table.rows.height for table in described}
        return cls(
            steps=pl.DataFrame(
                [(step.name, step.rows, step.users, step.items) for step in tables.steps],
                schema={"step": pl.String, "rows": pl.Int64, "users": pl.Int64, "items": pl.Int64},
                orient="row",
            ),
            first_day=sales.first_day,
            last_day=sales.day_of(sales.n_days - 1) if dated else None,
            n_transactions=transactions.height,
            n_users=max(users.number, known.get("users", 0)),
            n_items=max(items.number, known.get("items", 0)),
            days=daily,
            weekdays=None if daily is None else timeline.weekdays(daily),
            cold=timeline.cold(sales) if dated else None,
            price_by_period=prices.by_period(sales),
            price_by_channel=prices.by_channel(sales),
            channels=prices.channels(sales),
            users=users,
            items=items,
            best_sellers=best,
            half_life=median_half_life(best),
            repeats=Repeats.of(sales),
            counts=tuple(count for table in counted for count in table),
            histograms=tuple(histogram for table in measured for histogram in table),
            missing=descriptions.missing(holes),
        )


def _described(tables: Tables) -> list[Described]:
    frames = (("users", tables.users, USER_ID), ("items", tables.items, ITEM_ID))
    return [Described(name, frame.collect(), role) for name, frame, role in frames if frame is not None]


def _names(tables: Tables) -> pl.DataFrame | None:
    if tables.items is None or tables.item_name is None:
        return None
    return tables.items.select(ITEM_ID, pl.col(tables.item_name).cast(pl.String).alias(NAME)).collect()


def _purchases(table: Described, codes: pl.DataFrame) -> pl.DataFrame:
    id_column = table.id_column
    return codes.select(pl.col(id_column).cast(table.rows.schema[id_column]), "purchases")
