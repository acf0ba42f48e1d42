"""The page of a profile: which statistic becomes which chart, and the sentence next to it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from gingham.profiling import prices
from gingham.profiling.demand import Spread
from gingham.profiling.descriptions import Counts, Histogram
from gingham.profiling.findings import Findings
from gingham.profiling.words import PLURAL, SINGULAR, amount, column_words, count, day, percent, sentence_case
from gingham.report import Page, Section, Table, charts
from gingham.report.charts import COUNT, SHARE, Axis

_NOTE = (
    "{} is one row of the transactions table. Weeks are counted back from the last day of the data. The "
    "sentences at the top contain the five values that differ most from those of a typical shop, relative to how much "
    "shops vary; the largest difference comes first."
)
# Upper ends of the bins of days between repeat purchases.
_GAPS = (1, 3, 7, 14, 30, 60, 90, 180, 365)
_BEST_SELLERS = 15
_MAX_CHANNELS = 12


def build_page(findings: Findings, sentences: Sequence[str], title: str) -> Page:
    """Build the page of a profile."""
    parts = (_cleaning, _time, _prices, _spreads, _repeats, _best_sellers, _counts, _histograms, _missing)
    return Page(title, sentences, [section for part in parts for section in part(findings)], _note(findings.line))


def _note(line: str) -> str:
    return _NOTE.format(f"{'An' if line[0] in 'aeiou' else 'A'} {line}")


def _cleaning(findings: Findings) -> Iterator[Section]:
    steps = findings.steps
    rows = [
        (name, *("–" if number is None else f"{number:,}" for number in numbers))
        for name, *numbers in steps.iter_rows()
    ]
    line = findings.line
    table = Table(("step", f"{line}s", "customers", "items"), rows)
    if steps.height == 1:
        size = (
            f"{count(findings.n_transactions, line)} of {count(findings.n_items, 'item')} by "
            f"{count(findings.n_users, 'customer')}, including items and customers without {line}s."
        )
        yield Section("Size of the shop", size, table, wide=True)
        return
    n_read, kept = count(steps["rows"][0], line), percent(findings.n_transactions / steps["rows"][0])
    sentence = f"{n_read} were read, and {kept} were kept. Customers and items without {line}s are not counted."
    yield Section("Cleaning steps", sentence, table)
    columns = {f"{line}s": "rows", "customers": "users", "items": "items"}
    first = {column: steps[column].drop_nulls().first() for column in columns.values()}
    shares = {name: (steps[column] / first[column]).to_list() for name, column in columns.items()}
    chart = charts.grouped_bars(steps["step"].to_list(), shares, Axis("share of what was read", SHARE), horizontal=True)
    yield Section("Share kept after each step", f"Share of {line}s, customers and items after each step.", chart)


def _time(findings: Findings) -> Iterator[Section]:
    daily, line = findings.days, findings.line
    number = Axis(f"{line}s", COUNT)
    if daily is not None and daily.height > 1:
        transactions = daily["transactions"]
        best = daily.row(int(transactions.arg_max() or 0), named=True)
        mean = transactions.rolling_mean(7, center=True) if daily.height >= 14 else None
        lines = {"each day": transactions.to_list()} | ({} if mean is None else {"7-day mean": mean.to_list()})
        chart = charts.line(daily["day"].to_list(), lines, number, background="" if mean is None else "each day")
        first, last, rate = daily["day"][0], daily["day"][-1], findings.n_transactions / daily.height
        n_closed = int((transactions == 0).sum())
        closed = f", and none on {count(n_closed, 'day')}" if n_closed else ""
        sentence = (
            f"From {day(first)} to {day(last)} there were {rate:,.{0 if rate >= 10 else 1}f} {line}s per day on "
            f"average{closed}. The busiest day was {day(best['day'])} with {best['transactions']:,}."
        )
        yield Section(f"{sentence_case(line)}s over time", sentence, chart, wide=True)
    if findings.weekdays is not None:
        chart = charts.bars(
            [name[:3] for name in findings.weekdays["weekday"]],
            findings.weekdays["transactions"].to_list(),
            number,
        )
        sentence = f"Mean number of {line}s per weekday; days without {line}s are included."
        yield Section("Weekdays", sentence, chart)
    if findings.cold is not None:
        shares = {f"new {PLURAL[table]}": findings.cold[table].to_list() for table in ("users", "items")}
        axis = Axis(f"share of the week's {line}s", SHARE)
        chart = charts.line(findings.cold["week"].to_list(), shares, axis)
        sentence = f"Share of each week's {line}s that belong to customers and items first seen in that week."
        yield Section("New customers and new items", sentence, chart)


def _prices(findings: Findings) -> Iterator[Section]:
    price, step = Axis("price", ",~g"), prices.sampling_step(findings.n_transactions)
    sample = "" if step == 1 else f" Based on one in {step} transactions."
    periods = findings.price_by_period
    if periods is not None:
        names = {"q10": "10%", "q25": "25%", "q50": "median price", "q75": "75%", "q90": "90%"}
        quantiles = {name: periods[column].to_list() for column, name in names.items()}
        first, last = periods["q50"][0], periods["q50"][-1]
        sentence = (
            f"The median price was {amount(first)} at the start and {amount(last)} at the end. The bands show the "
            f"middle 50% and 80% of prices.{sample}"
        )
        yield Section("Prices over time", sentence, charts.band(periods["period"].to_list(), quantiles, price))
    channels = findings.price_by_channel
    if channels is not None:
        boxes = channels.select("q10", "q25", "q50", "q75", "q90").rows()
        sentence = "Each box shows the median and the middle 50% of prices, its whiskers the middle 80%."
        labels = [f"channel {name}" for name in channels["channel"]]
        yield Section("Prices by channel", sentence + sample, charts.boxes(labels, boxes, price))
    if findings.channels is not None and findings.channels.height > 1:
        top = findings.channels.head(_MAX_CHANNELS)
        share = (top["transactions"] / findings.n_transactions).to_list()
        labels = [f"channel {name}" for name in top["channel"]]
        chart = charts.grouped_bars(labels, {"": share}, Axis(f"share of all {findings.line}s", SHARE), horizontal=True)
        sentence = f"Channel {top['channel'][0]} has the most {findings.line}s: {percent(share[0])}."
        yield Section("Channels", sentence, chart)


def _spreads(findings: Findings) -> Iterator[Section]:
    for table, spread in (("users", findings.users), ("items", findings.items)):
        one, many, bins = SINGULAR[table], PLURAL[table], spread.bins()
        labels = [f"{low:,}" for low in bins["low"]]
        line, x_title = findings.line, f"{findings.line}s per {one}"
        chart = charts.bars(labels, bins["number"].to_list(), Axis(many, COUNT), x_title=x_title)
        median, share = count(spread.median, line), spread.share_with(1)
        once = f"{percent(share)} of the {many} have" if share else f"no {one} has"
        sentence = (
            f"The median {one} has {median}; {once} only one. {sentence_case(many)} without "
            f"{line}s are not counted. Each bar ends before the next label."
        )
        yield Section(f"{sentence_case(x_title)}", sentence, chart)
    if findings.n_transactions > 1:
        curves = {"customers": findings.users.curve(), "items": findings.items.curve()}
        x, y = Axis("share of customers or items", SHARE), Axis(f"share of {findings.line}s", SHARE)
        sentence = (
            f"{_top_half(findings.users)} of the customers account for half of all {findings.line}s, and "
            f"{_top_half(findings.items)} of the items. The curves start with the least active customers (items). The "
            f"Gini coefficient is {findings.users.gini:.2f} for customers and {findings.items.gini:.2f} for items; 0 "
            "means that all are equal."
        )
        yield Section(f"Concentration of {findings.line}s", sentence, charts.lorenz(curves, x, y))


def _top_half(spread: Spread) -> str:
    """Return the share of users (items), most active first, that accounts for half of all transactions."""
    population, transactions = spread.curve(2001)
    return percent(1 - next(x for x, share in zip(population, transactions, strict=True) if share >= 0.5))


def _repeats(findings: Findings) -> Iterator[Section]:
    gaps, days = findings.repeats.gaps, findings.repeats.median_days
    if gaps is None or days is None:
        return
    bins = np.searchsorted(_GAPS, gaps["days"].to_numpy())
    numbers = np.bincount(bins, weights=gaps["number"].to_numpy()).astype(np.int64).tolist()
    lows = [1, *(edge + 1 for edge in _GAPS)]
    labels = [_gap_label(low, high) for low, high in zip(lows, [*_GAPS, None], strict=True)]
    sentence = (
        f"In {percent(findings.repeats.share)} of all {findings.line}s the customer had bought the same item on an "
        f"earlier day. The median time since the previous purchase is {count(days, 'day')}."
    )
    chart = charts.bars(
        labels[: len(numbers)], numbers, Axis("repeat purchases", COUNT), x_title="days since the previous purchase"
    )
    yield Section("Repeat purchases", sentence, chart)


def _gap_label(low: int, high: int | None) -> str:
    if high is None:
        return f"{low}+"
    return str(low) if low == high else f"{low}–{high}"


def _best_sellers(findings: Findings) -> Iterator[Section]:
    best = findings.best_sellers.head(_BEST_SELLERS)
    has_weeks = "peak_week" in best.columns
    texts = [column for column in ("item_id", "name") if column in best.columns]
    header = [*("item" if column == "item_id" else column for column in texts), f"{findings.line}s"]
    rows = []
    for row in best.iter_rows(named=True):
        cells = ["" if row[column] is None else str(row[column]) for column in texts]
        cells.append(f"{row['purchases']:,}")
        if has_weeks:
            cells += [f"{row['peak_week']:%Y-%m-%d}", _half_life(row, findings.line)]
        rows.append(cells)
    if has_weeks:
        header += ["best week from", "half-life"]
    sentence = f"The {count(len(rows), 'item')} with the most {findings.line}s."
    if len(rows) == 1:
        sentence = f"The item with the most {findings.line}s."
    if has_weeks:
        sentence += (
            " The half-life is the time from an item's best week to the first later week with at most half as many "
            f"{findings.line}s."
        )
    if findings.half_life is not None:
        n_best = findings.best_sellers.height
        sentence += f" Its median over the top {count(n_best, 'item')} is {count(findings.half_life, 'day')}."
    yield Section("Best sellers", sentence, Table(header, rows, len(texts)), wide=True)


def _half_life(row: dict[str, Any], line: str) -> str:
    if not row["telling"]:
        return f"too few {line}s"
    return "not reached" if row["half_life"] is None else f"{row['half_life']:,} days"


def _counts(findings: Findings) -> Iterator[Section]:
    for counts in findings.counts:
        if counts.within is not None:
            yield _hierarchy(counts, counts.within)
        yield _shares(counts, findings.line)


def _hierarchy(counts: Counts, within: str) -> Section:
    """Draw the number of users or items per inner value, coloured by the outer value."""
    frame, many = counts.frame, PLURAL[counts.table]
    groups = {
        outer: [number if value == outer else None for value, number in frame.select("within", "number").iter_rows()]
        for outer in frame["within"].unique(maintain_order=True)
    }
    labels = frame["value"].to_list()
    chart = charts.grouped_bars(labels, groups, Axis(many, COUNT), horizontal=True, stacked=True)
    inner, outer = column_words(counts.column), column_words(within)
    largest = frame.sort("number", descending=True, maintain_order=True).row(0, named=True)
    sentence = (
        f"Number of {many} per {inner}, coloured by {outer}. The largest is {largest['value']} with "
        f"{count(largest['number'], SINGULAR[counts.table])}."
    )
    return Section(f"{sentence_case(many)} by {outer} and {inner}", sentence, chart)


def _shares(counts: Counts, line: str) -> Section:
    """Draw the shares of rows and of transactions per value; of a hierarchy, per outer value."""
    column = counts.column if counts.within is None else counts.within
    key = "value" if counts.within is None else "within"
    frame = counts.frame.group_by(key, maintain_order=True).agg(pl.col("number", "purchases").sum())
    if not counts.is_ordered and counts.rest is None:
        frame = frame.sort("number", descending=True, maintain_order=True)
    many, name = PLURAL[counts.table], column_words(column)
    rows = (frame["number"] / frame["number"].sum()).to_list()
    transactions = (frame["purchases"] / max(1, frame["purchases"].sum())).to_list()
    values = [pair for pair in zip(frame[key], transactions, strict=True) if pair[0] != counts.rest]
    top, share = max(values, key=lambda pair: pair[1])
    sentence = f"Share of {many} and of {line}s by {name}. {top} has the most {line}s: {percent(share)}."
    groups = {many: rows, f"{line}s": transactions}
    chart = charts.grouped_bars(frame[key].to_list(), groups, Axis("share", SHARE), horizontal=True)
    return Section(f"{sentence_case(many)} and {line}s by {name}", sentence, chart)


def _histograms(findings: Findings) -> Iterator[Section]:
    for histogram in findings.histograms:
        yield _histogram(histogram)


def _histogram(histogram: Histogram) -> Section:
    frame, column, many = histogram.frame, column_words(histogram.column), PLURAL[histogram.table]
    names = frame["group"].unique(maintain_order=True).to_list()
    groups = {name: frame.filter(pl.col("group") == name)["number"].to_list() for name in names}
    lows = frame.filter(pl.col("group") == names[0])["low"].to_list()
    chart = charts.histogram(lows, histogram.width, groups, Axis(many, COUNT), x_title=column)
    heading, grouping = sentence_case(column), ""
    if histogram.by is not None:
        by = column_words(histogram.by)
        heading, grouping = f"{heading} by {by}", f" and {by}"
    sentence = f"Number of {many} by {column}{grouping}. The median {column} is {amount(histogram.median)}."
    return Section(heading, sentence, chart)


def _missing(findings: Findings) -> Iterator[Section]:
    incomplete = findings.missing.filter(pl.col("missing") > 0)
    n_complete = findings.missing.height - incomplete.height
    if incomplete.is_empty():
        return
    labels = [f"{column} ({table})" for table, column in incomplete.select("table", "column").iter_rows()]
    worst = incomplete.sort("share", descending=True, maintain_order=True).row(0, named=True)
    complete = f"{count(n_complete, 'column')} {'is' if n_complete == 1 else 'are'}" if n_complete else "No column is"
    sentence = (
        f"Column {worst['column']} of the {worst['table']} table has the most missing values: "
        f"{percent(worst['share'])}. {complete} complete."
    )
    axis = Axis("share of rows", SHARE)
    chart = charts.grouped_bars(labels, {"": incomplete["share"].to_list()}, axis, horizontal=True)
    yield Section("Missing values", sentence, chart)
