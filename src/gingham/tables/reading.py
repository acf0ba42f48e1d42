"""Reading of files and databases as tables, with columns renamed to their roles."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from gingham.columns import ITEM_ID, PRICE, QUANTITY, ROLES, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.forks import require_threads
from gingham.tables.conditions import is_kept
from gingham.tables.csv_table import CsvTable
from gingham.tables.database import read_query
from gingham.tables.files import find_files, open_files
from gingham.tables.origin import Origin
from gingham.tables.schema import FeatureSpec, Tables
from gingham.tables.source import ItemsSource, TableSource, TransactionsSource, UsersSource
from gingham.tables.timestamp import to_naive_utc
from gingham.tables.typed_table import TypedTable


def read(
    transactions: TransactionsSource,
    users: UsersSource | None = None,
    items: ItemsSource | None = None,
    base: Path | str = ".",
    *,
    user_features: FeatureSpec | None = None,
    item_features: FeatureSpec | None = None,
    condition: str | None = None,
) -> Tables:
    """Open files or databases as tables; the rows of files are read when the tables are cleaned.

    Ids in CSV files are always text, so leading zeros survive. Parquet files and databases keep their types. Queries
    run at once, and their results stay in memory.

    Parameters
    ----------
    transactions, users, items
        The files or queries, and the columns that have a role.
    base : path
        The folder that relative paths start from; by default the current one.
    user_features, item_features : FeatureSpec
        The columns that become features; none by default.
    condition : str, optional
        The condition of `CleanSpec.transactions`, which may use all columns of the file; `clean` applies it.

    Raises
    ------
    TableError
        If a file is missing, empty or unreadable, a query fails, or a column is missing or has the wrong type.
    """
    require_threads("Reading tables")
    roles = {role: column for role in ROLES if (column := getattr(transactions, role)) is not None}
    base = Path(base)
    described = [column for source in (users, items) if source and not source.place for column in _columns_of(source)]
    opened = _open(transactions, base, Origin("transactions", transactions.place, roles), described)
    rows, unit = _transactions(opened, transactions, roles)
    origins = {"transactions": opened.origin.with_detected(unit)}
    conditions = [] if condition is None else [is_kept(rows, condition, opened.origin)]
    entities: dict[str, pl.LazyFrame] = {}
    for table, source, role in (("users", users, USER_ID), ("items", items, ITEM_ID)):
        if source is None:
            continue
        id_column = getattr(source, role) or roles[role]
        if source.place is None:
            origin, kept_rows = Origin(table, transactions.place, {role: id_column}), rows.filter(*conditions)
            # The orders of one user have a sequence; those of several users have none.
            latest = transactions.timestamp or (transactions.order if role == USER_ID else None)
            frame = _latest_values(kept_rows, id_column, _columns_of(source), latest, opened.origin)
        else:
            features = user_features if table == "users" else item_features
            numbers = [] if features is None else [*features.quantile, *features.scaled]
            own = _open(source, base, Origin(table, source.place, {role: id_column}), _columns_of(source), numbers)
            frame, origin = _entities(own, source, id_column), own.origin
        origins[table] = origin
        entities[table] = _rename_id(frame, id_column, role, origin)
    return Tables(
        rows.select(*(pl.col(column).alias(role) for role, column in roles.items()), *conditions),
        entities.get("users"),
        entities.get("items"),
        id_type=transactions.id_type,
        user_features=user_features,
        item_features=item_features,
        item_name=items.name if items else None,
        item_type=items.type if items else None,
        origins=origins,
    )


def _columns_of(source: UsersSource | ItemsSource) -> list[str]:
    """Return the columns that the recipe names, other than the id."""
    labels = [source.name, source.type] if isinstance(source, ItemsSource) else []
    return [*(source.columns or []), *(label for label in labels if label is not None)]


def _open(
    source: TableSource, base: Path, origin: Origin, columns: Iterable[str], numbers: Iterable[str] = ()
) -> CsvTable | TypedTable:
    """Open the files or run the query of a table.

    Parameters
    ----------
    source : TableSource
        The files or the query.
    base : Path
        The folder that relative paths start from.
    origin : Origin
        The table's name in error messages, and the columns that have a role.
    columns : iterable of str
        Other columns that the recipe names.
    numbers : iterable of str
        Columns of numbers, besides price and quantity.
    """
    if source.url is not None and source.query is not None:
        return TypedTable(origin, read_query(source.url, source.query, base, origin)).with_nulls(source.null_values)
    files = find_files(source.path or [], base, origin)
    amounts = [column for role, column in origin.columns.items() if role in (PRICE, QUANTITY)]
    return open_files(files, source, origin, [*origin.columns.values(), *columns], [*amounts, *numbers])


def _transactions(
    opened: CsvTable | TypedTable, source: TransactionsSource, roles: dict[str, str]
) -> tuple[pl.LazyFrame, str | None]:
    """Return the transactions with times, and what was detected; columns have the names that they have in the file."""
    origin = opened.origin
    texts = [column for role, column in roles.items() if role in (USER_ID, ITEM_ID, TIMESTAMP)]
    numbers = [column for role, column in roles.items() if role in (PRICE, QUANTITY)]
    rows = opened.scan(texts, numbers)
    _require(rows, roles.values(), origin)
    timestamp = roles.get(TIMESTAMP)
    if timestamp is None:
        return rows, None
    times, detected = to_naive_utc(rows, timestamp, origin, source.timestamp_format, source.timestamp_unit)
    return rows.with_columns(times), detected


def _entities(opened: CsvTable | TypedTable, source: UsersSource | ItemsSource, id_column: str) -> pl.LazyFrame:
    """Return a users or items table; columns have the names that they have in the file."""
    columns = list(dict.fromkeys([id_column, *_columns_of(source)]))
    rows = opened.scan_all_rows(id_column, columns if source.columns else None)
    _require(rows, columns, opened.origin)
    return rows.select(columns) if source.columns else rows


def _require(frame: pl.LazyFrame, columns: Iterable[str], origin: Origin) -> None:
    names = frame.collect_schema().names()
    for column in columns:
        if column not in names:
            raise origin.missing_column(column, names)


def _rename_id(frame: pl.LazyFrame, column: str, role: str, origin: Origin) -> pl.LazyFrame:
    if column != role and role in frame.collect_schema():
        raise TableError(
            f"The {origin} has a column {role!r}, but its id is in column {column!r}; rename or remove column {role!r}."
        )
    return frame.rename({column: role})


def _latest_values(
    rows: pl.LazyFrame, id_column: str, columns: list[str], latest: str | None, origin: Origin
) -> pl.LazyFrame:
    """Return one row per id with the values of its latest transaction: by column `latest`, or by position."""
    _require(rows, [id_column, *columns], origin)
    others = [column for column in dict.fromkeys(columns) if column != id_column]
    last = pl.col(others)
    if latest is not None:
        last = last.filter(pl.col(latest) == pl.col(latest).max())
    return rows.filter(pl.col(id_column).is_not_null()).group_by(id_column, maintain_order=True).agg(last.last())
