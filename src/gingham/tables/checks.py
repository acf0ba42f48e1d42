"""Checks of the shop's tables: errors, and values that are unusual, with counts and examples."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import polars as pl

from gingham.columns import ITEM_ID, PRICE, QUANTITY, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.tables.cleaning import CleanSpec, clean
from gingham.tables.csv_rows import LINE, SURPLUS, TEXT, uneven_rows
from gingham.tables.files import is_csv
from gingham.tables.origin import Origin
from gingham.tables.reading import read
from gingham.tables.schema import FeatureSpec, Tables
from gingham.tables.source import ItemsSource, TransactionsSource, UsersSource

EXAMPLES = 5
# An empty or zero date is often read as a date long ago. No shop has kept single transactions since before this year.
_OLD = datetime(1990, 1, 1)
# A feature carries little information if at least this share of its values is null.
_NEARLY_ALL = 0.95
_LONG_LINES = "lines with more fields than columns"
_QUOTE_FIELDS = "quote fields that contain a comma, or correct the lines"
_SHORT_LINES = "lines with fewer fields than columns"
_FILL_FIELDS = "correct them unless the missing fields are empty (they are read as null)"
_UNTIDY = "ids that are empty, or start or end with a space; correct them in all tables, or they may not match"
_NULLS = "null values; fill them in, or remove these rows"
_N = "gingham_rows"

Severity: TypeAlias = Literal["error", "warning", "note"]
_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """Something in a table that is wrong or unusual.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        "error": the table cannot be read or cleaned; "warning": probably a mistake; "note": unusual, but may be
        intended.
    table : str
        ``"transactions"``, ``"users"`` or ``"items"``.
    column : str or None
        The column, with its name in the file; None if the finding is about whole rows or the whole table.
    what : str
        What is wrong and, if there is something to do about it, what to do.
    count : int
        The number of rows with the problem; 0 if the table cannot be read or cleaned.
    examples : polars.DataFrame
        Up to 5 of these rows.

    Examples
    --------
    >>> import gingham as gg
    >>> import polars as pl
    >>> transactions = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["tea", "tea"], "price": [2.5, -1.0]})
    >>> (finding,) = gg.check(gg.Tables(transactions))
    >>> finding.severity, finding.column, finding.count
    ('warning', 'price', 1)
    >>> finding.what
    'negative values; remove these rows unless they are returns'
    """

    severity: Severity
    table: str
    column: str | None
    what: str
    count: int
    examples: pl.DataFrame


@dataclass(frozen=True)
class _RowCheck:
    """A condition that each transaction is checked for."""

    severity: Severity
    role: str
    what: str
    condition: pl.Expr


def check(tables: Tables, spec: CleanSpec | None = None, now: datetime | None = None) -> tuple[Finding, ...]:
    """Check every row of the tables, and return everything that is wrong or unusual.

    Parameters
    ----------
    tables : Tables
        The tables, not cleaned.
    spec : CleanSpec, optional
        The cleaning to try if there are no errors; none by default.
    now : datetime, optional
        The naive time in UTC after which a timestamp is in the future; by default the current time.

    Returns
    -------
    tuple of Finding
        Errors first, then warnings, then notes; empty if there is nothing to report.

    Examples
    --------
    >>> import gingham as gg
    >>> import polars as pl
    >>> transactions = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["tea", "tea"]})
    >>> users = pl.DataFrame({"user_id": ["ann", "ann", "bob"], "age": [31, 32, 45]})
    >>> for finding in gg.check(gg.Tables(transactions, users)):
    ...     print(f"{finding.severity}: {finding.table}, {finding.column}: {finding.what}")
    error: users, user_id: ids that appear more than once; keep one row per user
    """
    findings = list(_check_lines(tables.origins.values()))
    entities: dict[str, pl.DataFrame] = {}
    for id_column, frame, features, origin in (
        (USER_ID, tables.users, tables.user_features, tables.origins["users"]),
        (ITEM_ID, tables.items, tables.item_features, tables.origins["items"]),
    ):
        if frame is not None and (frames := _collect([frame], origin, findings)) is not None:
            entities[id_column] = frames[0]
            findings += _check_entities(frames[0], id_column, features, origin)
    findings += _check_transactions(tables, entities, now or datetime.now(UTC).replace(tzinfo=None), findings)
    if spec is not None and not any(finding.severity == "error" for finding in findings):
        try:
            clean(tables, spec)
        except TableError as error:
            findings.append(_to_finding("transactions", error))
    return _sort(findings)


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
    """Read tables as `read` does, and check them; a table that cannot be read is a finding, too."""
    arguments: dict[str, dict[str, Any]] = {
        "users": {"users": users, "user_features": user_features},
        "items": {"items": items, "item_features": item_features},
    }
    errors: list[Finding] = []

    def try_read(table: str, *entities: str) -> Tables | None:
        sources = {key: value for name in entities for key, value in arguments[name].items()}
        try:
            return read(transactions, base=base, **sources)
        except TableError as error:
            errors.append(_to_finding(table, error))
            return None

    if (tables := try_read("transactions", *arguments)) is not None:
        return check(tables, spec)
    # At least one table cannot be read. Report each of these, and check the others.
    errors.clear()
    if try_read("transactions") is None:
        return _sort(errors)
    readable = [name for name in arguments if try_read(name, name) is not None]
    tables = try_read("transactions", *readable)
    return _sort(errors if tables is None else [*errors, *check(tables)])


def _to_finding(table: str, error: TableError) -> Finding:
    return Finding("error", table, None, str(error), 0, pl.DataFrame())


def _sort(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity)))


def _collect(frames: list[pl.LazyFrame], origin: Origin, findings: list[Finding]) -> list[pl.DataFrame] | None:
    """Read a table in one pass; if it cannot be read, add a finding and return None."""
    try:
        with origin.wrap_errors():
            return pl.collect_all(frames, engine="streaming")
    except TableError as error:
        long_lines = any(finding.table == origin.table and finding.what.startswith(_LONG_LINES) for finding in findings)
        if not (long_lines and "more fields than columns" in str(error)):
            findings.append(_to_finding(origin.table, error))
        return None


def _check_lines(origins: Iterable[Origin]) -> Iterator[Finding]:
    """Find lines of local CSV files that have more or fewer fields than columns."""
    # Users or items may come from the files of the transactions; these are checked once, as transactions.
    owners = {file: origin for origin in reversed(list(origins)) for file in origin.files if is_csv(file)}
    for file, origin in owners.items():
        if "://" in file:
            continue
        try:
            with origin.wrap_errors():
                rows = uneven_rows(file)
        except TableError:
            continue  # reading its columns reports the same error
        name = "" if len(origin.files) == 1 else f" in {Path(file).name}"
        kinds: tuple[tuple[Severity, str, str, pl.Expr], ...] = (
            ("error", _LONG_LINES, _QUOTE_FIELDS, pl.col(SURPLUS) > 0),
            ("warning", _SHORT_LINES, _FILL_FIELDS, pl.col(SURPLUS) < 0),
        )
        for severity, problem, remedy, condition in kinds:
            matches = rows.filter(condition)
            if matches.height:
                examples = matches.select(LINE, TEXT).head(EXAMPLES)
                yield Finding(severity, origin.table, None, f"{problem}{name}; {remedy}", matches.height, examples)


def _check_entities(rows: pl.DataFrame, id_column: str, spec: FeatureSpec, origin: Origin) -> Iterator[Finding]:
    """Check a users or items table."""
    renamed = _rename_to_file(rows, origin)
    id_name = origin.column(id_column)

    def find(severity: Severity, column: str, what: str, condition: pl.Expr) -> Iterator[Finding]:
        matches = renamed.filter(condition)
        if matches.height:
            yield Finding(severity, origin.table, column, what, matches.height, matches.head(EXAMPLES))

    if rows.is_empty():
        yield Finding("error", origin.table, None, "the table has no rows; add rows, or leave it out", 0, renamed)
        return
    ids = pl.col(id_name)
    yield from find("error", id_name, _NULLS, ids.is_null())
    duplicates = renamed.filter(ids.is_not_null() & ids.is_duplicated()).sort(id_name, maintain_order=True)
    if duplicates.height:
        what = f"ids that appear more than once; keep one row per {id_column.removesuffix('_id')}"
        yield Finding("error", origin.table, id_name, what, duplicates.height, duplicates.head(EXAMPLES))
    if renamed.schema[id_name] == pl.String:
        yield from find("warning", id_name, _UNTIDY, _is_untidy(ids))
    for feature in spec.columns:
        missing = _is_missing(feature, renamed.schema[feature])
        share = float(renamed.select(missing.mean()).item())
        if share >= _NEARLY_ALL:
            what = f"null in {share:.0%} of the rows; it adds little as a feature"
            yield from find("warning", feature, what, missing)
        elif not share and renamed[feature].n_unique() == 1:
            what = "the same value in all rows; it adds nothing as a feature"
            yield from find("warning", feature, what, pl.lit(True))


def _is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    return value.is_null() | value.is_nan() if dtype.is_float() else value.is_null()


def _is_untidy(ids: pl.Expr) -> pl.Expr:
    return (ids.str.strip_chars() != ids) | (ids == "")


def _rename_to_file(rows: pl.DataFrame, origin: Origin) -> pl.DataFrame:
    """Rename role columns to their names in the file."""
    return rows.rename({role: column for role, column in origin.columns.items() if role in rows.columns})


def _row_checks(frame: pl.LazyFrame, now: datetime) -> Iterator[_RowCheck]:
    """Yield the checks of each transaction for the columns that exist."""
    schema = frame.collect_schema()
    yield _RowCheck("error", USER_ID, _NULLS, pl.col(USER_ID).is_null())
    yield _RowCheck("error", ITEM_ID, _NULLS, pl.col(ITEM_ID).is_null())
    if TIMESTAMP in schema:
        time = pl.col(TIMESTAMP)
        future = f"times in the future (after {now:%Y-%m-%d %H:%M} UTC); check the date format and the time zone"
        past = f"times before {_OLD:%Y}; check the date format, and whether these rows have a date"
        yield _RowCheck("error", TIMESTAMP, _NULLS, time.is_null())
        yield _RowCheck("warning", TIMESTAMP, future, time > now)
        yield _RowCheck("warning", TIMESTAMP, past, time < _OLD)
    for role in (PRICE, QUANTITY):
        if role in schema and schema[role] != pl.Null:
            negative = "negative values; remove these rows unless they are returns"
            yield _RowCheck("warning", role, negative, pl.col(role) < 0)
            yield _RowCheck("note", role, "null values", _is_missing(role, schema[role]))


def _check_transactions(
    tables: Tables, entities: Mapping[str, pl.DataFrame], now: datetime, findings: list[Finding]
) -> Iterator[Finding]:
    """Check the transactions in one pass; a second pass fetches examples of duplicates and unknown ids."""
    origin, frame = tables.origins["transactions"], tables.transactions
    checks = list(_row_checks(frame, now))
    row_hash = pl.struct(pl.all()).hash().alias(_N)
    results = _collect(
        [
            frame.select(pl.len().alias(_N), *(one.condition.sum().alias(str(i)) for i, one in enumerate(checks))),
            *(frame.group_by(id_column).agg(pl.len().alias(_N)) for id_column in (USER_ID, ITEM_ID)),
            frame.select(row_hash).group_by(_N).len("n").filter(pl.col("n") > 1),
            *(frame.filter(one.condition).head(EXAMPLES) for one in checks),
        ],
        origin,
        findings,
    )
    if results is None:
        return
    totals, users, items, duplicates, *examples = results
    if not totals[_N][0]:
        what = "the table has no rows; it needs at least one transaction"
        yield Finding("error", "transactions", None, what, 0, pl.DataFrame())
        return
    for i, (one, rows) in enumerate(zip(checks, examples, strict=True)):
        if count := totals[str(i)][0]:
            column = origin.column(one.role)
            yield Finding(one.severity, "transactions", column, one.what, count, _rename_to_file(rows, origin))
    for id_column, counts in ((USER_ID, users), (ITEM_ID, items)):
        yield from _check_ids(frame, counts, id_column, entities.get(id_column), tables)
    if duplicates.height:
        rows = _examples(frame, row_hash.is_in(duplicates[_N].head(EXAMPLES).implode()), origin)
        # Without a quantity, a user who buys two pieces has two equal rows.
        severity: Severity = "warning" if QUANTITY in frame.collect_schema() else "note"
        what = "duplicate rows; set deduplicate = true in [clean] unless they are separate purchases"
        yield Finding(severity, "transactions", None, what, int((duplicates["n"] - 1).sum()), rows)


def _check_ids(
    frame: pl.LazyFrame, counts: pl.DataFrame, id_column: str, entities: pl.DataFrame | None, tables: Tables
) -> Iterator[Finding]:
    """Compare the ids of the transactions, and their counts, with those of the users or items table."""
    ids = pl.col(id_column)
    counts = counts.filter(ids.is_not_null())
    if not counts.schema[id_column].is_integer():
        counts = counts.with_columns(ids.cast(pl.String))
        yield from _warn_of_ids(frame, counts.filter(_is_untidy(ids)), id_column, _UNTIDY, tables)
    if entities is None:
        return
    origin = tables.origins["users" if id_column == USER_ID else "items"]
    table_ids = entities.select(ids.cast(counts.schema[id_column]))
    unknown = counts.join(table_ids, on=id_column, how="anti")
    number = "1 id that is" if unknown.height == 1 else f"{unknown.height:,} different ids that are"
    what = f"{number} not in the {origin.table} table"
    if unknown.height and unknown.schema[id_column] == pl.String:
        bare = ids.str.strip_chars_start("0")
        n_zeros = unknown.with_columns(bare).join(table_ids.with_columns(bare), on=id_column, how="semi").height
        what += f", {n_zeros:,} of them only because of leading zeros" if n_zeros else ""
    what += f'; add them to the {origin.table} table, or set unknown = "drop" in [clean]'
    yield from _warn_of_ids(frame, unknown, id_column, what, tables)
    unused = entities.filter(
        ids.is_not_null() & ~ids.cast(table_ids.schema[id_column]).is_in(counts[id_column].implode())
    )
    if unused.height:
        rows = _rename_to_file(unused.head(EXAMPLES), origin)
        yield Finding("note", origin.table, origin.column(id_column), "ids without transactions", unused.height, rows)


def _warn_of_ids(
    frame: pl.LazyFrame, counts: pl.DataFrame, id_column: str, what: str, tables: Tables
) -> Iterator[Finding]:
    """Yield a warning about the transactions that have any of the ids in `counts`, if there are any."""
    if counts.height:
        origin = tables.origins["transactions"]
        examples = counts[id_column].sort().head(EXAMPLES).implode()
        dtype = frame.collect_schema()[id_column]
        ids = pl.col(id_column) if dtype.is_integer() else pl.col(id_column).cast(pl.String)
        rows = _examples(frame, ids.is_in(examples), origin)
        yield Finding("warning", "transactions", origin.column(id_column), what, int(counts[_N].sum()), rows)


def _examples(frame: pl.LazyFrame, condition: pl.Expr, origin: Origin) -> pl.DataFrame:
    with origin.wrap_errors():
        return _rename_to_file(frame.filter(condition).head(EXAMPLES).collect(engine="streaming"), origin)
