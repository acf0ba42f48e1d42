"""The profile as a page: which finding becomes which chart, and the sentence beside it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from gingham.profiling import prices
from gingham.profiling.demand import Spread
from gingham.profiling.descriptions import Counts, Histogram
from gingham.profiling.findings import Findings
from gingham.profiling.words import count, day, percent, plain, sentence_case
from gingham.report import Page, Section, Table, charts
from gingham.report.charts import COUNT, SHARE, Axis

_NOTE = (
    "A purchase is a row of the transactions. Weeks are seven days, counted back from the last day. The sentences at "
    "the top are, of all the figures that were looked at, the five that are furthest from what is usual in shops, "
    "measured by how much shops differ in them; the first is the furthest."
)
# The gaps between repeats: up to so many days.
_GAPS = (1, 3, 7, 14, 30, 60, 90, 180, 365)
_BEST_SELLERS = 15
# What a cleaning step counts, and its column.
_LEFT = {"purchases": "rows", "users": "users", "items": "items"}

PURCHASES = Axis("purchases", COUNT)


def page(found: Findings, sentences: Sequence[str], title: str) -> Page:
    """Draw what was found."""
    parts = (_cleaning, _time, _prices, _spread, _repeats, _best_sellers, _counts, _histograms, _missing)
    return Page(title, sentences, [section for part in parts for section in part(found)], _NOTE)


def _cleaning(found: Findings) -> Iterator[Section]:
    steps = found.steps
    size = (
        f"{count(found.n_transactions, 'purchase')} of {count(found.n_items, 'item')} by {count(found.n_users, 'user')}"
    )
    rows = [(name, *(f"{number:,}" for number in numbers)) for name, *numbers in steps.iter_rows()]
    several = steps.height > 1
    read, left = count(steps["rows"][0], "purchase"), percent(found.n_transactions / steps["rows"][0])
    said = f"{read} were read; {left} are left. Users and items are those with purchases."
    yield Section(
        "Cleaning, step by step" if several else "The size of the shop",
        said if several else f"These are {size} (users and items without a purchase included).",
        Table(("step", "purchases", "users", "items"), rows),
        wide=not several,
    )
    if several:
        parts = {name: (steps[column] / steps[column][0]).to_list() for name, column in _LEFT.items()}
        chart = charts.grouped_bars(steps["step"].to_list(), parts, Axis("of what was read", SHARE), horizontal=True)
        yield Section(
            "What cleaning left", "How much of the purchases, users and items was left after each step.", chart
        )


def _time(found: Findings) -> Iterator[Section]:
    daily = found.days
    if daily is not None and daily.height > 1:
        sold = daily["transactions"]
        best = daily.row(int(sold.arg_max() or 0), named=True)
        mean = sold.rolling_mean(7, center=True) if daily.height >= 14 else None
        lines = {"each day": sold.to_list()} | ({} if mean is None else {"mean of seven days": mean.to_list()})
        chart = charts.line(daily["day"].to_list(), lines, PURCHASES, background="" if mean is None else "each day")
        first, last, rate = daily["day"][0], daily["day"][-1], found.n_transactions / daily.height
        said = (
            f"From {day(first)} to {day(last)} there were {rate:,.{0 if rate >= 10 else 1}f} purchases a day "
            f"on average, and most on {day(best['day'])}: {best['transactions']:,}."
        )
        yield Section("Purchases over time", said, chart, wide=True)
    if found.weekdays is not None:
        week = found.weekdays.sort("transactions", descending=True)
        chart = charts.bars(
            [name[:3] for name in found.weekdays["weekday"]], found.weekdays["transactions"].to_list(), PURCHASES
        )
        said = f"Most is bought on a {week['weekday'][0]}, least on a {week['weekday'][-1]}; means of each weekday."
        yield Section("The week", said, chart)
    if found.cold is not None:
        shares = {f"new {name}": found.cold[name].to_list() for name in ("users", "items")}
        chart = charts.line(found.cold["week"].to_list(), shares, Axis("of the week's purchases", SHARE))
        said = "How much of each week's purchases is by users, and of items, that no earlier week has seen."
        yield Section("New users and new items", said, chart)


def _prices(found: Findings) -> Iterator[Section]:
    price, one_in = Axis("price", ",~g"), prices.one_in(found.n_transactions)
    looked_at = "" if one_in == 1 else f" Prices are those of one purchase in {one_in}."
    periods = found.price_by_period
    if periods is not None:
        names = {"q10": "10%", "q25": "25%", "q50": "half cost less", "q75": "75%", "q90": "90%"}
        quantiles = {name: periods[column].to_list() for column, name in names.items()}
        first, last = periods["q50"][0], periods["q50"][-1]
        said = (
            f"The median price was {first:,.4g} at the start and {last:,.4g} at the end; the bands hold the middle "
            f"half and the middle four fifths.{looked_at}"
        )
        yield Section("Prices over time", said, charts.band(periods["period"].to_list(), quantiles, price))
    channels = found.price_by_channel
    if channels is not None:
        boxes = channels.select("q10", "q25", "q50", "q75", "q90").rows()
        said = "Each box holds the middle half of the prices in a channel, its whiskers all but a tenth at either end."
        said += looked_at
        labels = [f"channel {name}" for name in channels["channel"]]
        yield Section("Prices by channel", said, charts.boxes(labels, boxes, price))
    if found.channels is not None and found.channels.height > 1:
        top = found.channels.head(12)
        share = (top["transactions"] / found.n_transactions).to_list()
        labels = [f"channel {name}" for name in top["channel"]]
        chart = charts.grouped_bars(labels, {"": share}, Axis("of all purchases", SHARE), horizontal=True)
        said = f"Channel {top['channel'][0]} sells most: {percent(share[0])} of all purchases."
        yield Section("Channels", said, chart)


def _spread(found: Findings) -> Iterator[Section]:
    for noun, by, verb, spread in (
        ("user", "by the user", "bought", found.users),
        ("item", "of the item", "was bought", found.items),
    ):
        bins = spread.bins()
        labels = [f"{low:,}" for low in bins["low"]]
        chart = charts.bars(labels, bins["number"].to_list(), Axis(f"{noun}s", COUNT), x_title=f"purchases {by}")
        middle, once = count(spread.median, "time"), percent(spread.share_with(1))
        said = f"The {noun} in the middle {verb} {middle}; {once} of the {noun}s only once."
        said += " A bar goes up to the next number."
        yield Section(f"Purchases per {noun}", said, chart)
    if found.n_transactions > 1:
        curves = {"users": found.users.curve(), "items": found.items.curve()}
        chart = charts.lorenz(curves, Axis("of users or items", SHARE), Axis("of purchases", SHARE))
        said = (
            f"{_half(found.users)} of the users make half of all purchases, {_half(found.items)} of the items get half."
        )
        gini = f" Gini: {found.users.gini:.2f} for users, {found.items.gini:.2f} for items; 0 is all equal. "
        gini += "The line shows what those with the fewest purchases have together."
        yield Section("How unequal purchases are", said + gini, chart)


def _half(spread: Spread) -> str:
    """Give the share of users (items), those with most purchases first, that have half of all."""
    people, held = spread.curve(2001)
    return percent(1 - next(share for share, has in zip(people, held, strict=True) if has >= 0.5))


def _repeats(found: Findings) -> Iterator[Section]:
    gaps, days = found.repeats.gaps, found.repeats.median_days
    if gaps is None or days is None:
        return
    place = np.searchsorted(_GAPS, gaps["days"].to_numpy())
    numbers = np.bincount(place, weights=gaps["number"].to_numpy()).astype(np.int64).tolist()
    lows = [1, *(edge + 1 for edge in _GAPS)]
    labels = [_gap(low, high) for low, high in zip(lows, [*_GAPS, None], strict=True)]
    said = (
        f"{percent(found.repeats.share)} of all purchases are of an item the user had bought on an earlier day; half "
        f"of these repeats come within {count(days, 'day')}."
    )
    chart = charts.bars(
        labels[: len(numbers)], numbers, Axis("repeats", COUNT), x_title="days since the purchase before"
    )
    yield Section("Bought again", said, chart)


def _gap(low: int, high: int | None) -> str:
    if high is None:
        return f"{low}+"
    return str(low) if low == high else f"{low}–{high}"


def _best_sellers(found: Findings) -> Iterator[Section]:
    best = found.best_sellers.head(_BEST_SELLERS)
    dated = "peak_week" in best.columns
    texts = [column for column in ("item_id", "name") if column in best.columns]
    header = [*("item" if column == "item_id" else column for column in texts), "purchases"]
    rows = []
    for row in best.iter_rows(named=True):
        cells = ["" if row[column] is None else str(row[column]) for column in texts]
        cells.append(f"{row['purchases']:,}")
        if dated:
            cells += [f"{row['peak_week']:%Y-%m-%d}", _life(row)]
        rows.append(cells)
    if dated:
        header += ["best week from", "half-life"]
    said = f"The {count(len(rows), 'item')} with the most purchases."
    if dated:
        said += " Half-life: days from the best week to the first later week with at most half of its purchases."
    if found.half_life is not None:
        said += f" Its median over the {found.best_sellers.height} best sellers is {count(found.half_life, 'day')}."
    yield Section("Best sellers", said, Table(header, rows, len(texts)), wide=True)


def _life(row: dict[str, Any]) -> str:
    if not row["telling"]:
        return "too few sales"
    return "not yet" if row["half_life"] is None else f"{row['half_life']:,} days"


def _counts(found: Findings) -> Iterator[Section]:
    for counts in found.counts:
        if counts.within is not None:
            yield _nested(counts, counts.within)
        yield _shares(counts)


def _nested(counts: Counts, within: str) -> Section:
    """Draw how many there are of each inner value, in the colour of its outer one."""
    frame = counts.frame
    groups = {
        outer: [number if place == outer else None for place, number in frame.select("within", "number").iter_rows()]
        for outer in frame["within"].unique(maintain_order=True)
    }
    chart = charts.grouped_bars(
        frame["value"].to_list(), groups, Axis(counts.table, COUNT), horizontal=True, stacked=True
    )
    inner, outer = plain(counts.column), plain(within)
    largest = frame.sort("number", descending=True, maintain_order=True).row(0, named=True)
    said = f"How many {counts.table} each {inner} has, by {outer}; most are {largest['value']}: {largest['number']:,}."
    return Section(f"{sentence_case(counts.table)} by {outer} and {inner}", said, chart)


def _shares(counts: Counts) -> Section:
    """Draw what share of the users or items, and of purchases, each value has; the outer ones of nested values."""
    column = counts.column if counts.within is None else counts.within
    key = "value" if counts.within is None else "within"
    frame = counts.frame.group_by(key, maintain_order=True).agg(pl.col("number", "purchases").sum())
    frame = frame.sort("number", descending=True, maintain_order=True)
    bought = "of purchases"
    shares = {
        f"of {counts.table}": (frame["number"] / frame["number"].sum()).to_list(),
        bought: (frame["purchases"] / max(1, frame["purchases"].sum())).to_list(),
    }
    top = max(zip(frame[key], shares[bought], strict=True), key=lambda pair: pair[1])
    said = (
        f"The share of the {counts.table} and of the purchases by {plain(column)}; {top[0]} has most purchases: "
        f"{percent(top[1])}."
    )
    chart = charts.grouped_bars(frame[key].to_list(), shares, Axis("share", SHARE), horizontal=True)
    return Section(f"{sentence_case(counts.table)} and purchases by {plain(column)}", said, chart)


def _histograms(found: Findings) -> Iterator[Section]:
    for histogram in found.histograms:
        yield _histogram(histogram)


def _histogram(histogram: Histogram) -> Section:
    frame, column = histogram.frame, plain(histogram.column)
    names = frame["group"].unique(maintain_order=True).to_list()
    groups = {name: frame.filter(pl.col("group") == name)["number"].to_list() for name in names}
    lows = frame.filter(pl.col("group") == names[0])["low"].to_list()
    chart = charts.histogram(lows, histogram.width, groups, Axis(histogram.table, COUNT), x_title=column)
    by = "" if histogram.by is None else f" by {plain(histogram.by)}"
    also = "" if histogram.by is None else f" and {plain(histogram.by)}"
    said = f"How many {histogram.table} there are by {column}{also}; the median is {histogram.median:,.6g}."
    return Section(f"{sentence_case(column)}{by}", said, chart)


def _missing(found: Findings) -> Iterator[Section]:
    holes = found.missing.filter(pl.col("missing") > 0)
    full = found.missing.height - holes.height
    if holes.is_empty():
        return
    labels = [f"{column} ({table})" for table, column in holes.select("table", "column").iter_rows()]
    worst = holes.sort("share", descending=True, maintain_order=True).row(0, named=True)
    empty = f"{worst['column']} is empty in {percent(worst['share'])} of the {worst['table']}"
    said = f"{empty}; {count(full, 'other column')} {'has' if full == 1 else 'have'} no gap."
    chart = charts.grouped_bars(labels, {"": holes["share"].to_list()}, Axis("of the rows", SHARE), horizontal=True)
    yield Section("Missing values", said, chart)
