"""Five plain sentences on what stands out in a shop's tables.

Each candidate compares one figure with what is usual in shops, and knows by how much shops differ in it. The five that
are furthest from the usual, measured so, are told: at first one on a subject, then, if there are too few subjects, the
next on any.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from gingham.profiling.descriptions import NOT_KNOWN, Counts
from gingham.profiling.findings import Findings
from gingham.profiling.words import compared, count, day, percent, plain

HOW_MANY = 5

_PEAK = 1.8  # the busiest week of a usual shop, in mean weeks
_MONTH, _YEAR = 28, 364  # whole weeks, so that weekdays are compared with their like


@dataclass(frozen=True)
class Candidate:
    """A sentence that may be told.

    Attributes
    ----------
    subject : str
        What it is about; one sentence on a subject is told before a second one.
    text : str
        The sentence.
    figure, usual, spread : float
        Its figure, the one that is usual in shops, and by how much shops commonly differ from that. Ratios are given
        as logarithms. The usual ones are judgements, written down here alone.
    """

    subject: str
    text: str
    figure: float
    usual: float
    spread: float

    @property
    def surprise(self) -> float:
        """How far the figure is from the usual one, in spreads."""
        return abs(self.figure - self.usual) / self.spread


def standing_out(found: Findings) -> tuple[str, ...]:
    """Tell the five sentences, the most surprising first."""
    ranked = sorted(candidates(found), key=lambda candidate: -candidate.surprise)
    subjects: set[str] = set()
    first: list[Candidate] = []
    later: list[Candidate] = []
    for candidate in ranked:
        (later if candidate.subject in subjects else first).append(candidate)
        subjects.add(candidate.subject)
    told = sorted((first + later)[:HOW_MANY], key=lambda candidate: -candidate.surprise)
    return tuple(candidate.text for candidate in told)


def candidates(found: Findings) -> list[Candidate]:
    """Make every sentence that the tables allow."""
    return [candidate for topic in _TOPICS for candidate in topic(found)]


def _top(found: Findings) -> Iterator[Candidate]:
    items, users = found.items, found.users
    part, usual = (0.01, 0.2) if items.number >= 200 else (0.1, 0.4)
    best, share = max(1, round(items.number * part)), items.share_of_top(part)
    text = f"{_leading(best, items.number, 'best-selling item')} {percent(share)} of all purchases."
    yield Candidate("items", text, share, usual, 0.12)
    best, share = max(1, round(users.number * 0.1)), users.share_of_top(0.1)
    text = f"{_leading(best, users.number, 'most active user')} {percent(share)} of all purchases."
    yield Candidate("users", text, share, 0.4, 0.12)


def _leading(number: int, of: int, noun: str) -> str:
    return f"The {noun} (of {of:,}) makes" if number == 1 else f"The {number:,} {noun}s (of {of:,}) make"


def _once(found: Findings) -> Iterator[Candidate]:
    share, middle = found.users.share_with(1), count(found.users.median, "purchase")
    text = f"{percent(share)} of the users who bought did so only once; the user in the middle has {middle}."
    yield Candidate("users", text, share, 0.25, 0.15)
    share = found.items.share_with(1)
    yield Candidate("items", f"{percent(share)} of the items that sold did so only once.", share, 0.1, 0.15)


def _repeats(found: Findings) -> Iterator[Candidate]:
    share, days = found.repeats.share, found.repeats.median_days
    wait = "" if days is None else f", typically {count(days, 'day')} later"
    text = f"{percent(share)} of all purchases are of an item that the user had bought before{wait}."
    if not found.repeats.number:
        text = "Nobody came back for an item that they had bought before."
    yield Candidate("repeats", text, share, 0.15, 0.15)


def _idle(found: Findings) -> Iterator[Candidate]:
    for noun, all_, spread in (("user", found.n_users, found.users), ("item", found.n_items, found.items)):
        idle = all_ - spread.number
        if idle:
            text = f"{percent(idle / all_)} of the {count(all_, noun)} the shop knows have no purchase in this time."
            yield Candidate(f"idle {noun}s", text, idle / all_, 0.1, 0.2)


def _cleaning(found: Findings) -> Iterator[Candidate]:
    if found.steps.height > 1:
        read, kept = found.steps["rows"][0], found.n_transactions
        text = f"Cleaning kept {percent(kept / read)} of the {count(read, 'transaction')} that were read."
        yield Candidate("cleaning", text, kept / read, 0.7, 0.3)


def _week(found: Findings) -> Iterator[Candidate]:
    if found.weekdays is not None:
        week = found.weekdays.sort("transactions", descending=True, maintain_order=True)
        (best, most), (worst, least) = week.row(0), week.row(-1)
        # A shop that is closed on a weekday is as far from the usual as a hundredfold difference.
        ratio = most / max(least, 0.01 * most)
        rest = (
            f"its sales are {compared(most / least, f'on {worst}')}, the weakest"
            if least
            else f"nothing sells on a {worst}"
        )
        text = f"{best} is the strongest weekday; {rest}."
        yield Candidate("week", text, math.log(ratio), math.log(1.4), 0.3)


def _peak(found: Findings) -> Iterator[Candidate]:
    if found.days is not None and found.days.height >= _MONTH:
        week = found.days.with_columns(pl.col("transactions").rolling_sum(7).alias("sum")).drop_nulls()
        best = week.sort("sum", descending=True, maintain_order=True).row(0, named=True)
        ratio = best["sum"] / (found.days["transactions"].sum() / found.days.height * 7)
        much = f"{'only ' if ratio < _PEAK else ''}{ratio:.1f} times"
        text = f"The busiest seven days, up to {day(best['day'])}, brought {much} the purchases of a mean week."
        yield Candidate("peak", text, math.log(ratio), math.log(_PEAK), 0.35)


def _growth(found: Findings) -> Iterator[Candidate]:
    if found.days is None or found.days.height < 2 * _MONTH:
        return
    sold = found.days["transactions"]
    if len(sold) >= _MONTH + _YEAR:
        before, when = int(sold.slice(len(sold) - _MONTH - _YEAR, _MONTH).sum()), "a year before"
    else:
        before, when = int(sold.head(_MONTH).sum()), "in the first four weeks"
    now = int(sold.tail(_MONTH).sum())
    if before and now:
        text = f"In the last four weeks the number of purchases was {compared(now / before, when)}."
        yield Candidate("growth", text, math.log(now / before), 0.0, 0.3)


def _cold(found: Findings) -> Iterator[Candidate]:
    if found.cold is None:
        return
    weeks = found.cold.tail(8)
    for noun, text, usual in (
        ("users", "In the last {} of purchases came from users who were new in that week.", 0.1),
        ("items", "In the last {} of purchases went to items that were new in that week.", 0.05),
    ):
        share = weeks[noun].mean()
        if isinstance(share, float):
            span = "week" if weeks.height == 1 else f"{weeks.height} weeks"
            yield Candidate(f"new {noun}", text.format(f"{span} {percent(share)}"), share, usual, 0.1)


def _fading(found: Findings) -> Iterator[Candidate]:
    if found.half_life is not None:
        days = count(found.half_life, "day")
        text = f"Half of the best sellers had lost half of their weekly sales {days} after their best week."
        yield Candidate("fading", text, math.log(found.half_life), math.log(28), 0.7)


def _missing(found: Findings) -> Iterator[Candidate]:
    worst = found.missing.sort("share", descending=True, maintain_order=True).row(0, named=True)
    if worst["missing"]:
        text = f"The column {worst['column']} is empty in {percent(worst['share'])} of the {worst['table']} table."
        yield Candidate("missing", text, worst["share"], 0.05, 0.25)


def _prices(found: Findings) -> Iterator[Candidate]:
    periods = found.price_by_period
    if periods is not None and periods["q50"][0] > 0 and periods["q50"][-1] > 0:
        first, last = periods.row(0, named=True), periods.row(-1, named=True)
        ratio = last["q50"] / first["q50"]
        months = (periods["period"].dt.day() == 1).all()
        start, end = (f"{row['period']:%B %Y}" if months else f"from {day(row['period'])}" for row in (first, last))
        text = f"The median price at the end ({end}) is {compared(ratio, 'at the start')} ({start})."
        yield Candidate("prices", text, math.log(ratio), 0.0, 0.15)


def _channels(found: Findings) -> Iterator[Candidate]:
    if found.channels is not None and found.channels.height > 1:
        name, number = found.channels.row(0)
        share = number / found.n_transactions
        text = f"Channel {name} makes {percent(share)} of all purchases."
        yield Candidate("channels", text, share, 0.65, 0.2)
    prices = found.price_by_channel
    if prices is not None and prices["q50"][0] > 0 and prices["q50"][1] > 0:
        first, second = prices.row(0, named=True), prices.row(1, named=True)
        ratio = first["q50"] / second["q50"]
        other = f"in channel {second['channel']}"
        text = f"The median price in channel {first['channel']} is {compared(ratio, other)}."
        yield Candidate("channels", text, math.log(ratio), 0.0, 0.25)


def _classes(found: Findings) -> Iterator[Candidate]:
    """Tell, for users and for items, which class buys or sells most out of proportion."""
    for table in ("users", "items"):
        told = [
            candidate for counts in found.counts if counts.table == table for candidate in _out_of_proportion(counts)
        ]
        if told:
            # Of two that differ as much, the one that buys more than its share.
            yield max(told, key=lambda candidate: (round(candidate.surprise, 6), candidate.figure))


def _out_of_proportion(counts: Counts) -> Iterator[Candidate]:
    total, bought = counts.frame["number"].sum(), counts.frame["purchases"].sum()
    for row in counts.frame.iter_rows(named=True):
        share, weight = row["number"] / total, row["purchases"] / max(1, bought)
        # A class of one in fifty is worth a sentence, and so is one of the others that buys as much.
        if row["value"] != NOT_KNOWN and max(share, weight) >= 0.02 and weight > 0:
            what = f"{row['value']} ({plain(counts.column)})"
            text = f"{what} is {percent(share)} of the {counts.table} and {percent(weight)} of the purchases."
            yield Candidate(f"classes of {counts.table}", text, math.log(weight / share), 0.0, 0.6)


_TOPICS: tuple[Callable[[Findings], Iterator[Candidate]], ...] = (
    _top,
    _once,
    _repeats,
    _idle,
    _cleaning,
    _week,
    _peak,
    _growth,
    _cold,
    _fading,
    _missing,
    _prices,
    _channels,
    _classes,
)
