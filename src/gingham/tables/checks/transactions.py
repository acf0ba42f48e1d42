"""Checks of the transactions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from gingham.columns import ITEM_ID, ORDER, PRICE, QUANTITY, TIMESTAMP, USER_ID
from gingham.tables.checks.id_texts import HAS_ONE_PRICE
from gingham.tables.checks.ids import check_ids
from gingham.tables.checks.lines import collect
from gingham.tables.finding import EXAMPLES, N_ROWS, NULLS, Finding, Severity, examples_of, is_missing, rename_to_file
from gingham.tables.origin import Origin
from gingham.tables.schema import Tables
from gingham.tables.timestamp import is_possible, likely_unit

# An empty or zero date is often read as a date long ago. No shop has kept single transactions since before this year.
_OLD = datetime(1990, 1, 1)
# Times outside these are more likely to be numbers of another unit.
_FIRST, _LAST = datetime(1900, 1, 1), datetime(2200, 1, 1)
_GUESTS = 'null values; fill them in, or set guests = "drop" or "orders" in [clean]'
_NEGATIVE: Mapping[str, tuple[Severity, str]] = {
    PRICE: ("warning", "negative values; remove these rows unless they are returns"),
    QUANTITY: (
        "warning",
        "negative values, which are returns: they cancel the user's earlier purchases of the item; set returns in "
        "[clean] to 'drop' or 'keep' for another rule",
    ),
}


@dataclass(frozen=True)
class RowCheck:
    """A condition that each transaction is checked for.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        How bad it is if the condition is true.
    role : str
        The column that it is about.
    what : str
        What is wrong, and the remedy.
    condition : polars.Expr
        The condition.
    """

    severity: Severity
    role: str
    what: str
    condition: pl.Expr

    def finding(self, count: int, examples: pl.DataFrame, origin: Origin) -> Finding:
        """Return what was found: the number of rows that meet the condition, and some of them."""
        what = self.what + (likely_unit(examples[TIMESTAMP]) if self.role == TIMESTAMP else "")
        column = origin.column(self.role)
        return Finding(self.severity, "transactions", column, what, count, rename_to_file(examples, origin))


def row_checks(frame: pl.LazyFrame, now: datetime) -> Iterator[RowCheck]:
    """Yield the checks of each transaction for the columns that exist."""
    schema = frame.collect_schema()
    yield RowCheck("error", USER_ID, _GUESTS, pl.col(USER_ID).is_null())
    yield RowCheck("error", ITEM_ID, NULLS, pl.col(ITEM_ID).is_null())
    if TIMESTAMP in schema:
        time = pl.col(TIMESTAMP)
        future = f"times in the future (after {now:%Y-%m-%d %H:%M} UTC); check the date format and the time zone"
        past = f"times before {_OLD:%Y}; check the date format, and whether these rows have a date"
        possible = is_possible(TIMESTAMP, schema[TIMESTAMP])
        yield RowCheck("error", TIMESTAMP, NULLS, time.is_null())
        yield RowCheck("error", TIMESTAMP, "times outside the years 1 to 9999; correct them", ~possible)
        far = "times outside 1900 to 2200; check the date format and the unit of numbers"
        yield RowCheck("warning", TIMESTAMP, far, possible & ((time < _FIRST) | (time >= _LAST)))
        yield RowCheck("warning", TIMESTAMP, future, (time > now) & (time < _LAST))
        yield RowCheck("warning", TIMESTAMP, past, (time < _OLD) & (time >= _FIRST))
    if ORDER in schema:
        yield RowCheck("error", ORDER, NULLS, pl.col(ORDER).is_null())
    for role in (PRICE, QUANTITY):
        if role in schema and schema[role] != pl.Null:
            severity, negative = _NEGATIVE[role]
            yield RowCheck(severity, role, negative, pl.col(role) < 0)
            yield RowCheck("note", role, "null values", is_missing(role, schema[role]))


def check_transactions(
    tables: Tables,
    entities: Mapping[str, pl.DataFrame],
    now: datetime,
    findings: list[Finding],
    is_dropped: bool = False,
) -> Iterator[Finding]:
    """Check the transactions in one pass; a second pass fetches examples of duplicates and unknown ids."""
    origin, frame = tables.origins["transactions"], tables.transactions
    checks = list(row_checks(frame, now))
    has_price = PRICE in (schema := frame.collect_schema()) and schema[PRICE].is_numeric()
    one_price = [(pl.col(PRICE).min() == pl.col(PRICE).max()).alias(HAS_ONE_PRICE)] if has_price else []
    row_hash = pl.struct(pl.all()).hash().alias(N_ROWS)
    results = collect(
        [
            frame.select(pl.len().alias(N_ROWS), *(one.condition.sum().alias(str(i)) for i, one in enumerate(checks))),
            frame.group_by(USER_ID).agg(pl.len().alias(N_ROWS)),
            frame.group_by(ITEM_ID).agg(pl.len().alias(N_ROWS), *one_price),
            frame.select(row_hash).group_by(N_ROWS).len("n").filter(pl.col("n") > 1),
            *(frame.filter(one.condition).head(EXAMPLES) for one in checks),
        ],
        origin,
        findings,
        n_rows=lambda totals: int(totals[N_ROWS][0]),
    )
    if results is None:
        return
    totals, users, items, duplicates, *examples = results
    if not totals[N_ROWS][0]:
        what = "the table has no rows; it needs at least one transaction"
        yield Finding("error", "transactions", None, what, 0, pl.DataFrame())
        return
    for i, (one, rows) in enumerate(zip(checks, examples, strict=True)):
        if count := totals[str(i)][0]:
            yield one.finding(count, rows, origin)
    if ORDER in frame.collect_schema() and TIMESTAMP not in frame.collect_schema():
        what = "order numbers have no durations: windows, half-lives and periods of models have no effect"
        yield Finding("note", "transactions", origin.column(ORDER), what, 0, pl.DataFrame())
    for id_column, counts in ((USER_ID, users), (ITEM_ID, items)):
        yield from check_ids(frame, counts, id_column, entities.get(id_column), tables, is_dropped)
    if duplicates.height:
        rows = examples_of(frame, row_hash.is_in(duplicates[N_ROWS].head(EXAMPLES).implode()), origin)
        # Without a quantity, a user who buys two pieces has two equal rows.
        severity: Severity = "warning" if QUANTITY in frame.collect_schema() else "note"
        what = "duplicate rows; set deduplicate = true in [clean] unless they are separate purchases"
        yield Finding(severity, "transactions", None, what, int((duplicates["n"] - 1).sum()), rows)
