"""Files to tables: CSV and Parquet, scanned lazily, their columns renamed to the roles they play."""

import difflib
import glob
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from gingham.columns import ITEM_ID, PRICE, QUANTITY, ROLES, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.tables.origin import Origin
from gingham.tables.schema import FeatureSpec, ItemsSource, Tables, TransactionsSource, UsersSource
from gingham.tables.timestamp import naive_utc, require_iso

_CSV = (".csv", ".csv.gz")
_PARQUET = (".parquet", ".pq")


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

    Ids in CSV are text whatever they look like, so leading zeros survive; Parquet keeps its own types.

    Parameters
    ----------
    transactions, users, items
        Which files, and which of their columns play which role.
    base : path
        The folder that relative paths start from; by default the current one.
    user_features, item_features : FeatureSpec
        The columns to make features of; none by default.

    Raises
    ------
    TableError
        If a file is missing, empty or unreadable, or a column is missing or has the wrong type.
    """
    roles = {role: column for role in ROLES if (column := getattr(transactions, role)) is not None}
    origins = {"transactions": Origin("transactions", transactions.path, roles)}
    raw = _open_transactions(Path(base) / transactions.path, roles, origins["transactions"])
    described: dict[str, pl.LazyFrame] = {}
    for table, source, role in (("users", users, USER_ID), ("items", items, ITEM_ID)):
        if source is not None:
            id_column = getattr(source, role) or roles[role]
            origins[table] = origin = Origin(table, source.path or transactions.path, {role: id_column})
            if source.path is None:
                rows = _latest(raw, id_column, _wanted(source), transactions.timestamp, origins["transactions"])
            else:
                rows = _open_described(Path(base) / source.path, id_column, source, origin)
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


def _open_transactions(path: Path, roles: dict[str, str], origin: Origin) -> pl.LazyFrame:
    """Scan the transactions under the file's own names."""
    numbers = [column for role, column in roles.items() if role in (PRICE, QUANTITY)]
    raw = _open(path, origin, texts=[roles[USER_ID], roles[ITEM_ID]], numbers=numbers)
    _require(raw, roles.values(), origin)
    if TIMESTAMP in roles and path.name.endswith(_CSV) and raw.collect_schema()[roles[TIMESTAMP]].is_temporal():
        require_iso(_open(path, origin, texts=[roles[TIMESTAMP]]), roles[TIMESTAMP], origin)
    return raw


def _open_described(path: Path, id_column: str, source: UsersSource | ItemsSource, origin: Origin) -> pl.LazyFrame:
    """Scan a users or items table under the file's own names."""
    rows = _open(path, origin, texts=[id_column], infer_rows=None)
    columns = list(dict.fromkeys([id_column, *_wanted(source)]))
    _require(rows, columns, origin)
    return rows.select(columns) if source.columns else rows


def _open(
    path: Path, origin: Origin, texts: list[str], numbers: Iterable[str] = (), infer_rows: int | None = 10_000
) -> pl.LazyFrame:
    """Scan a file; in CSV, columns `texts` are text and `numbers` are floats, the others what `infer_rows` suggest."""
    _require_file(path, origin)
    with origin.reading():
        if path.name.endswith(_PARQUET) or path.is_dir():
            frame = pl.scan_parquet(path)
        else:
            types = dict.fromkeys(texts, pl.String()) | dict.fromkeys(numbers, pl.Float64())
            frame = pl.scan_csv(path, schema_overrides=types, try_parse_dates=True, infer_schema_length=infer_rows)
        frame.collect_schema()
    return frame


def _require_file(path: Path, origin: Origin) -> None:
    if not path.is_dir() and not path.name.endswith(_CSV + _PARQUET):
        raise TableError(f"The {origin} is not a file Gingham reads; give a {', '.join(_CSV + _PARQUET)} file.")
    if not path.exists() and not glob.glob(str(path), recursive=True):  # noqa: PTH207 (any part may be a pattern)
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, siblings, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "check the path in the recipe."
        raise TableError(f"The {origin} does not exist: there is no file {path}; {hint}")
    if path.is_file() and path.stat().st_size == 0:
        raise TableError(f"The {origin} is an empty file: {path} has 0 bytes; export it again.")


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
