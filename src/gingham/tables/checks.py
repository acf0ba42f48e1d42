"""All that is wrong, or merely odd, in a shop's tables, with counts and examples."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl

from gingham.columns import ITEM_ID, PRICE, QUANTITY, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.tables import lines
from gingham.tables.cleaning import CleanSpec, clean
from gingham.tables.files import is_csv
from gingham.tables.origin import Origin
from gingham.tables.reading import read
from gingham.tables.schema import FeatureSpec, Tables
from gingham.tables.source import ItemsSource, TransactionsSource, UsersSource

EXAMPLES = 5
# An empty or zero date often becomes one long ago; no shop has kept single purchases since then.
_OLD = datetime(1990, 1, 1)
# A feature that so many rows lack says little.
_NEARLY_ALL = 0.95
_LONG_LINES = "has lines with more fields than columns"
_SHORT_LINES = "has lines with fewer fields than columns; the missing ones are taken for null"
_N = "gingham_rows"

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something in a table that is wrong or odd.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        "error": the table cannot be read, or cleaning refuses it; "warning": hardly what the shop meant; "note": may
        well be meant.
    table : str
        ``"transactions"``, ``"users"`` or ``"items"``.
    column : str or None
        The column, as it is called where the table came from; None for whole rows or the whole table.
    what : str
        What is found there.
    count : int
        In how many rows; 0 if the table cannot be read or cleaned.
    examples : polars.DataFrame
        Up to 5 of these rows.
    """

    severity: Severity
    table: str
    column: str | None
    what: str
    count: int
    examples: pl.DataFrame


@dataclass(frozen=True)
class _Test:
    """What is looked for in every transaction."""

    severity: Severity
    role: str
    what: str
    where: pl.Expr


def check(tables: Tables, spec: CleanSpec | None = None, now: datetime | None = None) -> tuple[Finding, ...]:
    """Look at every row of the tables, and list all that is wrong or odd.

    Parameters
    ----------
    tables : Tables
        As read.
    spec : CleanSpec, optional
        How they are to be cleaned; tried if nothing else stands in its way. By default it is not.
    now : datetime, optional
        A naive time in UTC; a transaction after it lies in the future. By default the time of the call.

    Returns
    -------
    tuple of Finding
        Errors first, then warnings, then notes; none if there is nothing to say.
    """
    findings = list(_of_files(tables.origins.values()))
    known: dict[str, pl.DataFrame] = {}
    for id_column, frame, features, origin in (
        (USER_ID, tables.users, tables.user_features, tables.origins["users"]),
        (ITEM_ID, tables.items, tables.item_features, tables.origins["items"]),
    ):
        if frame is not None and (rows := _collected([frame], origin, findings)) is not None:
            known[id_column] = rows[0]
            findings += _of_described(rows[0], id_column, features, origin)
    findings += _of_transactions(tables, known, now or datetime.now(UTC).replace(tzinfo=None), findings)
    if spec is not None and not any(finding.severity == "error" for finding in findings):
        try:
            clean(tables, spec)
        except TableError as error:
            findings.append(_refused("transactions", error))
    return _in_order(findings)


def check_sources(
    transactions: TransactionsSource,
    users: UsersSource | None = None,
    items: ItemsSource | None = None,
    base: Path | str = ".",
    *,
    user_features: FeatureSpec | None = None,
    item_features: FeatureSpec | None = None,
    spec: CleanSpec | None = None,
) -> tuple[Finding, ...]:
    """Check the tables that `read` opens with these arguments; that it refuses one is a finding, too."""
    wanted: dict[str, dict[str, Any]] = {
        "users": {"users": users, "user_features": user_features},
        "items": {"items": items, "item_features": item_features},
    }
    refused: list[Finding] = []

    def opened(table: str, *described: str) -> Tables | None:
        sources = {key: value for name in described for key, value in wanted[name].items()}
        try:
            return read(transactions, base=base, **sources)
        except TableError as error:
            refused.append(_refused(table, error))
            return None

    if (tables := opened("transactions", *wanted)) is not None:
        return check(tables, spec)
    # One of them is refused; the others may have something to tell.
    refused.clear()
    readable = [] if opened("transactions") is None else [name for name in wanted if opened(name, name) is not None]
    tables = opened("transactions", *readable)
    if tables is None:
        return _in_order(refused[:1])
    return _in_order([*refused, *check(tables)])


def _refused(table: str, error: TableError) -> Finding:
    return Finding("error", table, None, str(error), 0, pl.DataFrame())


def _in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    order = ("error", "warning", "note")
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def _collected(frames: list[pl.LazyFrame], origin: Origin, findings: list[Finding]) -> list[pl.DataFrame] | None:
    """Read a table in one pass; if it cannot be read, that is a finding."""
    try:
        with origin.reading():
            return pl.collect_all(frames, engine="streaming")
    except TableError as error:
        told = any(finding.table == origin.table and finding.what.startswith(_LONG_LINES) for finding in findings)
        if not (told and "more fields" in str(error)):
            findings.append(_refused(origin.table, error))
        return None


def _of_files(origins: Iterable[Origin]) -> Iterator[Finding]:
    """Look for lines of CSV files that have more or fewer fields than columns."""
    whose = {file: origin for origin in reversed(list(origins)) for file in origin.files if is_csv(file)}
    for file, origin in whose.items():
        if "://" in file:
            continue
        try:
            with origin.reading():
                uneven = lines.irregular(file)
        except TableError:
            continue  # that it cannot be read is said by whoever reads its columns
        name = "" if len(origin.files) == 1 else f", in {Path(file).name}"
        kinds: tuple[tuple[Severity, str, pl.Expr], ...] = (
            ("error", _LONG_LINES, pl.col(lines.MORE) > 0),
            ("warning", _SHORT_LINES, pl.col(lines.MORE) < 0),
        )
        for severity, what, where in kinds:
            found = uneven.filter(where)
            if found.height:
                examples = found.select(lines.LINE, lines.TEXT).head(EXAMPLES)
                yield Finding(severity, origin.table, None, f"{what}{name}", found.height, examples)


def _of_described(rows: pl.DataFrame, id_column: str, spec: FeatureSpec, origin: Origin) -> Iterator[Finding]:
    """Look at a users or items table."""
    own = _renamed(rows, origin)
    column = origin.column(id_column)

    def found(severity: Severity, column: str | None, what: str, where: pl.Expr) -> Iterator[Finding]:
        some = own.filter(where)
        if some.height:
            yield Finding(severity, origin.table, column, what, some.height, some.head(EXAMPLES))

    if rows.is_empty():
        yield Finding("error", origin.table, None, "has no rows", 0, own)
        return
    ids = pl.col(column)
    yield from found("error", column, "is null", ids.is_null())
    twice = own.filter(ids.is_not_null() & ids.is_duplicated()).sort(column, maintain_order=True)
    if twice.height:
        yield Finding("error", origin.table, column, "is not unique", twice.height, twice.head(EXAMPLES))
    if own.schema[column] == pl.String:
        yield from found("warning", column, "begins or ends with a space, or is empty", _is_untidy(ids))
    for feature in spec.columns:
        missing = _is_missing(feature, own.schema[feature])
        share = float(own.select(missing.mean()).item())
        if share >= _NEARLY_ALL:
            yield from found("warning", feature, f"is a feature, and {share:.0%} of it is null", missing)
        elif not share and own[feature].n_unique() == 1:
            yield from found("warning", feature, "is a feature, and has a single value", pl.lit(True))


def _is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    return value.is_null() | value.is_nan() if dtype.is_float() else value.is_null()


def _is_untidy(ids: pl.Expr) -> pl.Expr:
    return (ids.str.strip_chars() != ids) | (ids == "")


def _renamed(rows: pl.DataFrame, origin: Origin) -> pl.DataFrame:
    """Give columns the names that they have where the table came from."""
    return rows.rename({role: column for role, column in origin.columns.items() if role in rows.columns})


def _tests(frame: pl.LazyFrame, now: datetime) -> Iterator[_Test]:
    """List what is looked for in every transaction, as far as there are columns for it."""
    schema = frame.collect_schema()
    yield _Test("error", USER_ID, "is null", pl.col(USER_ID).is_null())
    yield _Test("error", ITEM_ID, "is null", pl.col(ITEM_ID).is_null())
    if TIMESTAMP in schema:
        when = pl.col(TIMESTAMP)
        yield _Test("error", TIMESTAMP, "is null", when.is_null())
        yield _Test("warning", TIMESTAMP, f"lies in the future (after {now:%Y-%m-%d %H:%M})", when > now)
        yield _Test("warning", TIMESTAMP, f"lies before {_OLD:%Y}", when < _OLD)
    for role in (PRICE, QUANTITY):
        if role in schema and schema[role] != pl.Null:
            yield _Test("warning", role, "is negative", pl.col(role) < 0)
            yield _Test("note", role, "is null", _is_missing(role, schema[role]))


def _of_transactions(
    tables: Tables, known: Mapping[str, pl.DataFrame], now: datetime, findings: list[Finding]
) -> Iterator[Finding]:
    """Look at the transactions, in one pass; a second one fetches examples of what only all of them show."""
    origin, frame = tables.origins["transactions"], tables.transactions
    tests = list(_tests(frame, now))
    fingerprint = pl.struct(pl.all()).hash().alias(_N)
    parts = _collected(
        [
            frame.select(pl.len().alias(_N), *(test.where.sum().alias(str(i)) for i, test in enumerate(tests))),
            *(frame.group_by(id_column).agg(pl.len().alias(_N)) for id_column in (USER_ID, ITEM_ID)),
            frame.select(fingerprint).group_by(_N).len("n").filter(pl.col("n") > 1),
            *(frame.filter(test.where).head(EXAMPLES) for test in tests),
        ],
        origin,
        findings,
    )
    if parts is None:
        return
    totals, users, items, repeated, *examples = parts
    if not totals[_N][0]:
        yield Finding("error", "transactions", None, "has no rows", 0, pl.DataFrame())
        return
    for i, (test, rows) in enumerate(zip(tests, examples, strict=True)):
        if count := totals[str(i)][0]:
            yield Finding(
                test.severity, "transactions", origin.column(test.role), test.what, count, _renamed(rows, origin)
            )
    for id_column, counts in ((USER_ID, users), (ITEM_ID, items)):
        yield from _of_ids(frame, counts, id_column, known.get(id_column), tables)
    if repeated.height:
        rows = _some(frame, fingerprint.is_in(repeated[_N].head(EXAMPLES).implode()), origin)
        severity: Severity = "warning" if QUANTITY in frame.collect_schema() else "note"
        what = "has rows that repeat another one in every column"
        yield Finding(severity, "transactions", None, what, int((repeated["n"] - 1).sum()), rows)


def _of_ids(
    frame: pl.LazyFrame, counts: pl.DataFrame, id_column: str, table: pl.DataFrame | None, tables: Tables
) -> Iterator[Finding]:
    """Compare the ids of the transactions, and how often they are there, with those of the users or items table."""
    origin = tables.origins["transactions"]
    ids = pl.col(id_column)
    counts = counts.filter(ids.is_not_null())
    if not counts.schema[id_column].is_integer():
        counts = counts.with_columns(ids.cast(pl.String))
        untidy = counts.filter(_is_untidy(ids))
        yield from _having(frame, untidy, id_column, "begins or ends with a space, or is empty", origin)
    if table is None:
        return
    described = tables.origins["users" if id_column == USER_ID else "items"]
    own = table.select(ids.cast(counts.schema[id_column]))
    unknown = counts.join(own, on=id_column, how="anti")
    different = f"{unknown.height:,} different id{'' if unknown.height == 1 else 's'}"
    what = f"is not in the {described.table} table, {different}"
    if unknown.height and unknown.schema[id_column] == pl.String:
        bare = ids.str.strip_chars_start("0")
        zeros = unknown.with_columns(bare).join(own.with_columns(bare), on=id_column, how="semi").height
        what += f"; {zeros:,} of them would be without leading zeros" if zeros else ""
    yield from _having(frame, unknown, id_column, what, origin)
    unseen = table.filter(ids.is_not_null() & ~ids.cast(own.schema[id_column]).is_in(counts[id_column].implode()))
    if unseen.height:
        rows = _renamed(unseen.head(EXAMPLES), described)
        what = "is in no transaction"
        yield Finding("note", described.table, described.column(id_column), what, unseen.height, rows)


def _having(frame: pl.LazyFrame, counts: pl.DataFrame, id_column: str, what: str, origin: Origin) -> Iterator[Finding]:
    """Make a warning of transactions that have any of these ids."""
    if counts.height:
        some = counts[id_column].sort().head(EXAMPLES).implode()
        dtype = frame.collect_schema()[id_column]
        ids = pl.col(id_column) if dtype.is_integer() else pl.col(id_column).cast(pl.String)
        rows = _some(frame, ids.is_in(some), origin)
        yield Finding("warning", "transactions", origin.column(id_column), what, int(counts[_N].sum()), rows)


def _some(frame: pl.LazyFrame, where: pl.Expr, origin: Origin) -> pl.DataFrame:
    with origin.reading():
        return _renamed(frame.filter(where).head(EXAMPLES).collect(engine="streaming"), origin)
