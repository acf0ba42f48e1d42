"""Sentences about what is unusual in the tables of a shop.

Each candidate sentence contains one value and knows what is typical for shops and how much shops vary. The sentences
whose values are furthest from typical, in units of this variation, are shown: first one per subject, then, if there are
too few subjects, the next ones of any subject.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from gingham.profiling.descriptions import UNKNOWN, Counts
from gingham.profiling.findings import Findings
from gingham.profiling.timeline import open_weekdays
from gingham.profiling.words import PLURAL, SINGULAR, column_words, count, day, difference, percent, sentence_case

N_SENTENCES = 5

_TYPICAL_PEAK = 1.8  # the busiest week of a typical shop, relative to its mean week
_MONTH, _YEAR = 28, 364  # full weeks, so that each weekday occurs equally often in what is compared
_MOSTLY = 0.5  # a weekday is one on which the shop is open if at least this share of its days have transactions
_MIN_SHARE = 0.02  # a category value needs this share of the rows or of the transactions


@dataclass(frozen=True)
class Candidate:
    """A sentence that may be shown.

    Attributes
    ----------
    subject : str
        The subject. A second sentence on a subject is only used when there are too few subjects.
    text : str
        The sentence.
    value : float
        The value in the sentence; ratios as logarithms.
    typical : float
        The value in a typical shop, by the judgement of the authors.
    spread : float
        How much the value commonly varies between shops.
    """

    subject: str
    text: str
    value: float
    typical: float
    spread: float

    @property
    def surprise(self) -> float:
        """The distance of the value from the typical one, in units of the spread."""
        return abs(self.value - self.typical) / self.spread


def top_sentences(findings: Findings) -> tuple[str, ...]:
    """Return the five sentences, the most surprising one first."""
    ranked = sorted(candidates(findings), key=lambda candidate: -candidate.surprise)
    subjects: set[str] = set()
    first: list[Candidate] = []
    later: list[Candidate] = []
    for candidate in ranked:
        (later if candidate.subject in subjects else first).append(candidate)
        subjects.add(candidate.subject)
    top = sorted((first + later)[:N_SENTENCES], key=lambda candidate: -candidate.surprise)
    return tuple(candidate.text for candidate in top)


def candidates(findings: Findings) -> list[Candidate]:
    """Return all sentences that the tables allow."""
    return [candidate for topic in _TOPICS for candidate in topic(findings)]


def _top(findings: Findings) -> Iterator[Candidate]:
    line, items, users = findings.line, findings.items, findings.users
    part, typical = (0.01, 0.2) if items.number >= 200 else (0.1, 0.4)
    n_top, share = max(1, round(items.number * part)), items.share_of_top(part)
    text = f"{_leaders(n_top, items.number, 'best-selling item')} {percent(share)} of all {line}s."
    yield Candidate("items", text, share, typical, 0.12)
    n_top, share = max(1, round(users.number * 0.1)), users.share_of_top(0.1)
    text = f"{_leaders(n_top, users.number, 'most active customer')} {percent(share)} of all {line}s."
    yield Candidate("users", text, share, 0.4, 0.12)


def _leaders(number: int, total: int, noun: str) -> str:
    if number == 1:
        return f"The {noun} (of {total:,}) accounts for"
    return f"The {number:,} {noun}s (of {total:,}) account for"


def _once(findings: Findings) -> Iterator[Candidate]:
    line = findings.line
    share, median = findings.users.share_with(1), count(findings.users.median, line)
    once = f"{percent(share)} of the active customers have" if share else "No customer has"
    text = f"{once} only one {line}; the median customer has {median}."
    yield Candidate("users", text, share, 0.25, 0.15)
    share = findings.items.share_with(1)
    once = f"{percent(share)} of the items that were sold were" if share else "No item was"
    yield Candidate("items", f"{once} sold only once.", share, 0.1, 0.15)


def _orders(findings: Findings) -> Iterator[Candidate]:
    orders = findings.orders
    if orders is None or orders.number == findings.n_transactions:
        return
    share, median = orders.share_with_one, count(orders.median, "order")
    once = f"{percent(share)} of the active customers" if share else "No customer"
    meaning = "" if orders.has_ids else " (an order is everything that a customer bought on one day)"
    text = f"{once} placed only one order; the median customer placed {median}{meaning}."
    yield Candidate("orders", text, share, 0.4, 0.15)
    lines = count(orders.median_lines, findings.line)
    meaning = "" if orders.has_ids else ", if an order is everything that a customer bought on one day"
    text = f"The median order has {lines}{meaning}."
    yield Candidate("baskets", text, math.log(orders.median_lines), math.log(3), 0.7)


def _repeats(findings: Findings) -> Iterator[Candidate]:
    share, days = findings.repeats.share, findings.repeats.median_days
    gap = "" if days is None else f", typically {count(days, 'day')} earlier"
    text = f"In {percent(share)} of all {findings.line}s the customer had bought the same item before{gap}."
    if not findings.repeats.number:
        text = "No customer bought the same item again."
    yield Candidate("repeats", text, share, 0.15, 0.15)


def _inactive(findings: Findings) -> Iterator[Candidate]:
    for table, total, spread in (
        ("users", findings.n_users, findings.users),
        ("items", findings.n_items, findings.items),
    ):
        inactive = total - spread.number
        if inactive:
            text = f"{percent(inactive / total)} of the {count(total, SINGULAR[table])} have no {findings.line}s."
            yield Candidate(f"inactive {table}", text, inactive / total, 0.1, 0.2)


def _cleaning(findings: Findings) -> Iterator[Candidate]:
    if findings.steps.height > 1:
        n_read, n_kept = findings.steps["rows"][0], findings.n_transactions
        text = f"Cleaning kept {percent(n_kept / n_read)} of the {count(n_read, findings.line)} that were read."
        yield Candidate("cleaning", text, n_kept / n_read, 0.7, 0.3)


def _weekdays(findings: Findings) -> Iterator[Candidate]:
    if findings.weekdays is None or findings.days is None:
        return
    line, weekdays = findings.line, open_weekdays(findings.days).sort("mean", descending=True, maintain_order=True)
    is_open = weekdays["open"] >= _MOSTLY * weekdays["days"]
    is_open = is_open if is_open.any() else weekdays["open"] > 0
    opened, closed = weekdays.filter(is_open), weekdays.filter(~is_open).sort("open", maintain_order=True)
    best, worst = opened.row(0, named=True), (closed if closed.height else opened.reverse()).row(0, named=True)
    # A weekday on which the shop is closed counts as a difference of a factor of 100.
    ratio = 100.0 if closed.height else best["mean"] / worst["mean"]
    if not closed.height:
        text = f"its number of {line}s is {difference(ratio, 'on ' + worst['weekday'])}, the quietest one"
        text += "" if (weekdays["open"] == weekdays["days"]).all() else f" (days without {line}s are not counted)"
    elif worst["open"]:
        text = f"there are {line}s on only {worst['open']:,} of {worst['days']:,} {worst['weekday']}s"
    else:
        text = f"there are no {line}s on {worst['weekday']}s"
    text = f"{best['weekday']} is the busiest weekday; {text}."
    yield Candidate("week", text, math.log(ratio), math.log(1.4), 0.3)


def _peak(findings: Findings) -> Iterator[Candidate]:
    if findings.days is not None and findings.days.height >= _MONTH:
        weeks = findings.days.with_columns(pl.col("transactions").rolling_sum(7).alias("sum")).drop_nulls()
        best = weeks.sort("sum", descending=True, maintain_order=True).row(0, named=True)
        ratio = best["sum"] / (findings.days["transactions"].sum() / findings.days.height * 7)
        times = f"{'only ' if ratio < _TYPICAL_PEAK else ''}{ratio:.1f} times"
        text = f"The busiest seven days, up to {day(best['day'])}, had {times} the {findings.line}s of an average week."
        yield Candidate("peak", text, math.log(ratio), math.log(_TYPICAL_PEAK), 0.35)


def _growth(findings: Findings) -> Iterator[Candidate]:
    if findings.days is None or findings.days.height < 2 * _MONTH:
        return
    daily = findings.days["transactions"]
    if len(daily) >= _MONTH + _YEAR:
        before, when = int(daily.slice(len(daily) - _MONTH - _YEAR, _MONTH).sum()), "a year earlier"
    else:
        before, when = int(daily.head(_MONTH).sum()), "in the first four weeks"
    now = int(daily.tail(_MONTH).sum())
    if before and now:
        text = f"In the last four weeks the number of {findings.line}s was {difference(now / before, when)}."
        yield Candidate("growth", text, math.log(now / before), 0.0, 0.3)


def _new(findings: Findings) -> Iterator[Candidate]:
    if findings.cold is None:
        return
    weeks = findings.cold.tail(8)
    period = "In the last week" if weeks.height == 1 else f"In an average week of the last {weeks.height}"
    for table, source, typical in (
        ("users", "came from customers who were new in that week", 0.1),
        ("items", "were of items that were new in that week", 0.05),
    ):
        share = weeks[table].mean()
        if isinstance(share, float):
            text = f"{period}, {percent(share)} of the {findings.line}s {source}."
            yield Candidate(f"new {table}", text, share, typical, 0.1)


def _half_life(findings: Findings) -> Iterator[Candidate]:
    if findings.half_life is not None:
        days = count(findings.half_life, "day")
        text = f"The median best seller lost half of its weekly sales within {days} of its best week."
        yield Candidate("half-life", text, math.log(findings.half_life), math.log(28), 0.7)


def _missing(findings: Findings) -> Iterator[Candidate]:
    worst = findings.missing.sort("share", descending=True, maintain_order=True).row(0, named=True)
    if worst["missing"]:
        share = percent(worst["share"])
        text = f"In the {worst['table']} table, {share} of the values in column {worst['column']} are missing."
        yield Candidate("missing", text, worst["share"], 0.05, 0.25)


def _prices(findings: Findings) -> Iterator[Candidate]:
    periods = findings.price_by_period
    if periods is not None and periods["q50"][0] > 0 and periods["q50"][-1] > 0:
        first, last = periods.row(0, named=True), periods.row(-1, named=True)
        ratio = last["q50"] / first["q50"]
        months = (periods["period"].dt.day() == 1).all()
        start, end = (
            f"in {row['period']:%B %Y}" if months else f"in the week from {day(row['period'])}" for row in (first, last)
        )
        text = f"The median price {end} is {difference(ratio, start)}."
        yield Candidate("prices", text, math.log(ratio), 0.0, 0.15)


def _channels(findings: Findings) -> Iterator[Candidate]:
    if findings.channels is not None and findings.channels.height > 1:
        name, number = findings.channels.row(0)
        share = number / findings.n_transactions
        text = f"Channel {name} accounts for {percent(share)} of all {findings.line}s."
        yield Candidate("channels", text, share, 0.65, 0.2)
    prices = findings.price_by_channel
    if prices is not None and prices["q50"][0] > 0 and prices["q50"][1] > 0:
        first, second = prices.row(0, named=True), prices.row(1, named=True)
        ratio = first["q50"] / second["q50"]
        reference = f"in channel {second['channel']}"
        text = f"The median price in channel {first['channel']} is {difference(ratio, reference)}."
        yield Candidate("channels", text, math.log(ratio), 0.0, 0.25)


def _categories(findings: Findings) -> Iterator[Candidate]:
    """Yield, for users and for items, the category value with the most disproportionate share of transactions."""
    for table in ("users", "items"):
        sentences = [
            candidate
            for counts in findings.counts
            if counts.table == table
            for candidate in _disproportionate(counts, findings.line)
        ]
        if sentences:
            # Of two values that differ equally, prefer the one with more than its share.
            yield max(sentences, key=lambda candidate: (round(candidate.surprise, 6), candidate.value))


def _disproportionate(counts: Counts, line: str) -> Iterator[Candidate]:
    total, transactions = counts.frame["number"].sum(), counts.frame["purchases"].sum()
    for row in counts.frame.iter_rows(named=True):
        share, weight = row["number"] / total, row["purchases"] / max(1, transactions)
        if row["value"] not in (UNKNOWN, counts.rest) and max(share, weight) >= _MIN_SHARE and weight > 0:
            plural = PLURAL[counts.table]
            group = f'{sentence_case(plural)} with {column_words(counts.column)} "{row["value"]}"'
            shares = f"{percent(share)} of all {plural} and account for {percent(weight)} of the {line}s"
            text = f"{group} are {shares}."
            yield Candidate(f"categories of {counts.table}", text, math.log(weight / share), 0.0, 0.6)


_TOPICS: tuple[Callable[[Findings], Iterator[Candidate]], ...] = (
    _top,
    _once,
    _orders,
    _repeats,
    _inactive,
    _cleaning,
    _weekdays,
    _peak,
    _growth,
    _new,
    _half_life,
    _missing,
    _prices,
    _channels,
    _categories,
)
