"""Checks of all tables."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from gingham.columns import ITEM_ID, USER_ID
from gingham.errors import TableError
from gingham.forks import require_threads
from gingham.tables.checks.entities import check_entities
from gingham.tables.checks.lines import check_lines, collect
from gingham.tables.checks.transactions import check_transactions
from gingham.tables.cleaning import CleanSpec, clean, with_rows_of
from gingham.tables.finding import Finding, by_severity, failure
from gingham.tables.reading import read
from gingham.tables.schema import FeatureSpec, Tables, check_tables
from gingham.tables.source import ItemsSource, TransactionsSource, UsersSource
from gingham.validation import check_type


def check(tables: Tables, spec: CleanSpec | None = None, now: datetime | None = None) -> tuple[Finding, ...]:
    """Check every row of the tables, and return everything that is wrong or unusual.

    Parameters
    ----------
    tables : Tables
        The tables, not cleaned.
    spec : CleanSpec, optional
        The cleaning to try if there are no errors; none by default. Rows that its `transactions` and `guests` remove
        are not checked.
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
    require_threads("Checking tables")
    check_tables(tables)
    if spec is not None:
        check_type("spec", spec, CleanSpec, "a gingham.CleanSpec")
    now = datetime.now(UTC).replace(tzinfo=None) if now is None else now
    check_type("now", now, datetime, "a datetime.datetime")
    findings = list(check_lines(tables.origins.values()))
    entities: dict[str, pl.DataFrame] = {}
    for id_column, frame, features, origin in (
        (USER_ID, tables.users, tables.user_features, tables.origins["users"]),
        (ITEM_ID, tables.items, tables.item_features, tables.origins["items"]),
    ):
        if frame is not None and (frames := collect([frame], origin, findings)) is not None:
            entities[id_column] = frames[0]
            findings += check_entities(frames[0], id_column, features, origin)
    is_dropped = spec is not None and spec.unknown == "drop"
    try:
        transactions = tables if spec is None else with_rows_of(tables, spec)
    except TableError as error:
        return by_severity([*findings, failure("transactions", error)])
    findings += check_transactions(transactions, entities, now, findings, is_dropped)
    if spec is not None and not any(finding.severity == "error" for finding in findings):
        try:
            clean(tables, spec)
        except TableError as error:
            findings.append(failure("transactions", error))
    return by_severity(findings)


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
            return read(transactions, base=base, condition=None if spec is None else spec.transactions, **sources)
        except TableError as error:
            errors.append(failure(table, error))
            return None

    if (tables := try_read("transactions", *arguments)) is not None:
        return check(tables, spec)
    # At least one table cannot be read. Report each of these, and check the others.
    errors.clear()
    if try_read("transactions") is None:
        return by_severity(errors)
    readable = [name for name in arguments if try_read(name, name) is not None]
    tables = try_read("transactions", *readable)
    return by_severity(errors if tables is None else [*errors, *check(tables)])
