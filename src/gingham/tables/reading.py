"""Files and databases to tables, their columns renamed to the roles they play."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from gingham.columns import ITEM_ID, PRICE, QUANTITY, ROLES, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.tables import database, files
from gingham.tables.origin import Origin
from gingham.tables.schema import FeatureSpec, Tables
from gingham.tables.source import ItemsSource, Source, TransactionsSource, UsersSource
from gingham.tables.timestamp import formatted, naive_utc, require_iso


def read(
    transactions: TransactionsSource,
    users: UsersSource | None = None,
    items: ItemsSource | None = None,
    base: Path | str = ".",
    *,
    user_features: FeatureSpec | None = None,
    item_features: FeatureSpec | None = None,
) -> Tables:
    """Open the shop's files as tables; their rows are read when the tables are cleaned.

    Ids in CSV are text whatever they look like, so leading zeros survive; Parquet and databases keep their own types.
    A database is asked at once, and its answer kept in memory.

    Parameters
    ----------
    transactions, users, items
        Which files or queries, and which of their columns play which role.
    base : path
        The folder that relative paths start from; by default the current one.
    user_features, item_features : FeatureSpec
        The columns to make features of; none by default.

    Raises
    ------
    TableError
        If a file is missing, empty or unreadable, a database doesn't answer, or a column is missing or has the wrong
        type.
    """
    roles = {role: column for role in ROLES if (column := getattr(transactions, role)) is not None}
    base = Path(base)
    origins = {"transactions": _origin("transactions", transactions, base, roles)}
    raw = _open_transactions(transactions, base, roles, origins["transactions"])
    described: dict[str, pl.LazyFrame] = {}
    for table, source, role in (("users", users, USER_ID), ("items", items, ITEM_ID)):
        if source is not None:
            id_column = getattr(source, role) or roles[role]
            whence = transactions if source.place is None else source
            origins[table] = origin = _origin(table, whence, base, {role: id_column})
            if source.place is None:
                rows = _latest(raw, id_column, _wanted(source), transactions.timestamp, origins["transactions"])
            else:
                rows = _open_described(source, base, id_column, origin)
            described[table] = _rename(rows, id_column, role, origin)
    return Tables(
        raw.select(pl.col(column).alias(role) for role, column in roles.items()),
        described.get("users"),
        described.get("items"),
        user_features=user_features,
        item_features=item_features,
        item_name=items.name if items else None,
        item_type=items.type if items else None,
        origins=origins,
    )


def _wanted(source: UsersSource | ItemsSource) -> list[str]:
    """List the columns the recipe names besides the id."""
    labels = [source.name, source.type] if isinstance(source, ItemsSource) else []
    return [*(source.columns or []), *(label for label in labels if label is not None)]


def _origin(table: str, source: Source, base: Path, columns: Mapping[str, str]) -> Origin:
    """Find what a source names; the files are there, or a sentence says that they are not."""
    origin = Origin(table, source.place, columns)
    return origin if source.path is None else replace(origin, files=files.find(source.path, base, origin))


def _open_transactions(source: TransactionsSource, base: Path, roles: dict[str, str], origin: Origin) -> pl.LazyFrame:
    """Scan the transactions under the file's own names."""
    texts = [roles[USER_ID], roles[ITEM_ID], *([roles[TIMESTAMP]] if source.timestamp_format else [])]
    numbers = [column for role, column in roles.items() if role in (PRICE, QUANTITY)]
    raw = _open(source, base, origin, texts, numbers)
    _require(raw, roles.values(), origin)
    when = roles.get(TIMESTAMP)
    if when is not None and source.timestamp_format is not None:
        return raw.with_columns(formatted(raw, when, source.timestamp_format, origin))
    if when is not None and origin.files and files.is_csv(origin.files[0]) and raw.collect_schema()[when].is_temporal():
        require_iso(_open(source, base, origin, texts=[when]), when, origin)
    return raw


def _open_described(source: UsersSource | ItemsSource, base: Path, id_column: str, origin: Origin) -> pl.LazyFrame:
    """Scan a users or items table under the file's own names."""
    columns = list(dict.fromkeys([id_column, *_wanted(source)]))
    if source.url is not None and source.query is not None:
        rows = database.read(source.url, source.query, base, origin)
    else:
        rows = files.scan_settled(origin.files, origin, id_column, columns if source.columns else None)
    _require(rows, columns, origin)
    return rows.select(columns) if source.columns else rows


def _open(
    source: Source,
    base: Path,
    origin: Origin,
    texts: list[str],
    numbers: Iterable[str] = (),
) -> pl.LazyFrame:
    if source.url is not None and source.query is not None:
        return database.read(source.url, source.query, base, origin)
    return files.scan(origin.files, origin, texts, numbers)


def _require(frame: pl.LazyFrame, columns: Iterable[str], origin: Origin) -> None:
    names = frame.collect_schema().names()
    for column in columns:
        if column not in names:
            raise origin.missing(column, names)


def _rename(frame: pl.LazyFrame, column: str, role: str, origin: Origin) -> pl.LazyFrame:
    if column != role and role in frame.collect_schema():
        raise TableError(f"The {origin} has a column {role!r} beside its id {column!r}; rename it or leave it out.")
    return frame.rename({column: role})


def _latest(
    raw: pl.LazyFrame, id_column: str, columns: list[str], timestamp: str | None, origin: Origin
) -> pl.LazyFrame:
    """One row an id: what the transactions say of it last, by time if they have one, else by position."""
    _require(raw, [id_column, *columns], origin)
    others = [column for column in dict.fromkeys(columns) if column != id_column]
    last = pl.col(others)
    if timestamp is not None:
        when = naive_utc(raw, timestamp, origin)
        last = last.filter(when == when.max())
    return raw.group_by(id_column, maintain_order=True).agg(last.last())
