"""Cleaning: the filters of the recipe's ``[clean]``, applied in a fixed order with the number of rows after each."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Literal, Self

import polars as pl
from pydantic import Field, model_validator

from gingham.columns import ITEM_ID, TIMESTAMP, USER_ID
from gingham.duration import duration
from gingham.errors import TableError
from gingham.forks import require_threads
from gingham.section import Flag, Integer, Moment, Section
from gingham.tables.checks.doubts import doubts, entity_doubts
from gingham.tables.conditions import IS_KEPT, filter_entities, with_is_kept
from gingham.tables.finding import Finding, by_severity
from gingham.tables.guests import Guests, has_user, with_guests_as_users
from gingham.tables.id_codes import count_distinct, has_count, is_among, is_strictly_increasing
from gingham.tables.k_core import keep_k_core, without_removed
from gingham.tables.order_numbers import missing_time
from gingham.tables.origin import Origin
from gingham.tables.returns import Returns, has_returns, without_returns
from gingham.tables.schema import Step, Tables, check_tables
from gingham.tables.transactions import Transactions, require_no_nulls
from gingham.tables.value import Value, add_value
from gingham.validation import check_bool, check_type

_DATETIME = pl.Datetime("us")
# What to do about transactions without a user id, by the setting of `CleanSpec.guests`.
_NULL_USERS = {
    None: 'set guests = "drop" in [clean] to remove these rows, or "orders" to make each order a user of its own',
    "drop": "fill them in, or remove these rows",
    "orders": 'these rows have no order id, either; fill it in, or set guests = "drop" in [clean]',
}


class CleanSpec(Section):
    """The recipe's ``[clean]``: which transactions, users and items to keep; everything by default.

    The filters are applied in the order of this list, independent of their order in the recipe.

    Attributes
    ----------
    transactions : str, optional
        An SQL condition on the columns of the transactions, such as ``quantity > 0 AND event = 'purchase'``. Columns
        have the names that they have in the file, and need no role. Rows for which the condition is null are removed.
    guests : {"drop", "orders"}, optional
        What to do with transactions without a user id (null or empty text): "drop" removes them; "orders" makes each
        order of a guest a user of its own, which needs `order_id`. By default they are refused.
    start, end : date or datetime, optional
        Keep transactions with ``start <= timestamp < end``. A time with a zone is converted to UTC.
    last : str, optional
        Keep transactions of this period before the latest one: ``"26w"``, ``"365d"``, ``"12h"``. A transaction that is
        exactly this old is removed.
    deduplicate : bool
        Keep one of several transactions that are equal in every role column. False by default, because a user who buys
        two pieces of an item may have two equal rows.
    returns : {"net", "drop", "keep"}
        What to do with returns, which are transactions with a negative quantity. "net" (default): a return reduces the
        quantity of the user's latest earlier purchases of the item; what was returned wholly is not a purchase. "drop":
        only the returns are removed. "keep": they stay, with a value of 0 for "count" and a negative value for
        "quantity" and "spend"; an interaction with a value of 0 or less is not a positive. Without a quantity column
        there are no returns; a quantity of 0 is not a return.
    min_transactions, max_transactions : int, optional
        Keep transactions of users with at least and at most this many of the transactions that are left.
    unknown : {"keep", "drop"}
        Whether to keep transactions whose user (item) has no row in the users (items) table; "keep" by default.
    users, items : str, optional
        SQL conditions on the columns of the users and items tables, such as ``age > 16 AND age < 38``. Transactions of
        users (items) without a row, or for which the condition is null, are removed.
    k_core : int, optional
        Keep users with at least this many different items and items with at least this many different users, both
        counted in the transactions that are kept. The items table loses the items that this removes, not those without
        transactions.
    value : {"count", "log-count", "quantity", "log-quantity", "spend", "log-spend"}
        The value of an interaction: the number of transactions of the user and the item (default), their quantity, or
        the sum of price times quantity; or the logarithm of one plus that.
    half_life : str, optional
        A transaction that is this much older than the latest one counts half, such as ``"30d"``; by default all
        transactions count equally.

    Examples
    --------
    >>> import gingham as gg
    >>> spec = gg.CleanSpec(min_transactions=2, users="age > 16")
    >>> spec.min_transactions
    2
    """

    transactions: str | None = None
    guests: Guests | None = None
    start: Moment | None = None
    end: Moment | None = None
    last: str | None = None
    deduplicate: Flag = False
    returns: Returns = "net"
    min_transactions: Integer | None = Field(default=None, ge=1)
    max_transactions: Integer | None = Field(default=None, ge=1)
    unknown: Literal["keep", "drop"] = "keep"
    users: str | None = None
    items: str | None = None
    k_core: Integer | None = Field(default=None, ge=2)
    value: Value = "count"
    half_life: str | None = None

    @model_validator(mode="after")
    def _is_valid(self) -> Self:
        if self.start is not None and self.end is not None and _to_datetime(self.start) >= _to_datetime(self.end):
            raise ValueError(f"start {self.start} is not before end {self.end}; use a later end (it is exclusive)")
        low, high = self.min_transactions, self.max_transactions
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_transactions {low} is greater than max_transactions {high}; lower it")
        for text in (self.last, self.half_life):
            if text is not None:
                duration(text)
        return self


@dataclass(frozen=True)
class _Entities:
    """The users and items that were read. The mappings are by id column.

    Attributes
    ----------
    tables : mapping of str to polars.DataFrame or None
        The users and items tables; None if there is none.
    entities : mapping of str to polars.DataFrame
        The same; instead of a missing table, the ids in all transactions that were read.
    findings : tuple of Finding
        What is probably a mistake in all tables.
    """

    tables: Mapping[str, pl.DataFrame | None]
    entities: Mapping[str, pl.DataFrame]
    findings: tuple[Finding, ...]


def clean(tables: Tables, spec: CleanSpec | None = None, count_ids: bool = True) -> Tables:
    """Read the rows of the tables, check them, and keep those that pass the filters.

    The users (items) table keeps the rows that pass its condition, with or without transactions. Without such a table,
    it contains every id that was read.

    Parameters
    ----------
    tables : Tables
        The tables, as read or constructed.
    spec : CleanSpec, optional
        The filters; none by default.
    count_ids : bool
        Whether to count users and items in each step; True by default. Counting users and items outside the date range
        takes longer than anything else.

    Returns
    -------
    Tables
        The tables in memory. The transactions have their role columns only and, unless the value is "count" without
        half-life and returns, the column ``value``; text ids are Categorical. `steps` contains the number of rows after
        each filter, `findings` what is probably a mistake.

    Raises
    ------
    TableError
        If a table is empty or unreadable, an id is null, an id in the users or items table is not unique, a condition
        is invalid, a column that a filter needs is missing, no id of the transactions is in the users or items table,
        or a filter removes all transactions.

    Examples
    --------
    >>> import gingham as gg
    >>> import polars as pl
    >>> transactions = pl.DataFrame({"user_id": ["ann", "ann", "bob"], "item_id": ["tea", "milk", "tea"]})
    >>> cleaned = gg.clean(gg.Tables(transactions), gg.CleanSpec(min_transactions=2))
    >>> for step in cleaned.steps:
    ...     print(f"{step.name}: {step.rows} transactions")
    read: 3 transactions
    users with at least 2 transactions: 2 transactions
    """
    require_threads("Cleaning tables")
    check_tables(tables)
    spec = CleanSpec() if spec is None else spec
    check_type("spec", spec, CleanSpec, "a gingham.CleanSpec")
    check_bool("count_ids", count_ids)
    origin = tables.origins["transactions"]
    # Nothing else may refer to the transactions as read, so that a filter frees the memory of the rows it removes.
    transactions, steps, read = _read(tables, spec, count_ids)
    entities = dict(read.entities)
    for table, column, condition in (("users", USER_ID, spec.users), ("items", ITEM_ID, spec.items)):
        if condition is not None:
            entities[column] = filter_entities(entities[column], condition, tables.origins[table])
    filters = _apply_filters(transactions, spec, read.tables, entities, origin)
    for name, transactions in filters:
        steps.append(_count(name, transactions, steps[-1].rows, count_ids))
    if spec.value != "count" or spec.half_life is not None or has_returns(transactions):
        transactions = add_value(transactions, spec.value, spec.half_life, origin)
    if TIMESTAMP in transactions.columns:
        # Only now, because dates take half the memory of datetimes.
        transactions = transactions.with_columns(pl.col(TIMESTAMP).cast(_DATETIME))
    return replace(
        tables,
        transactions=transactions.lazy(),
        users=entities[USER_ID].lazy(),
        items=entities[ITEM_ID].lazy(),
        steps=tuple(steps),
        findings=read.findings,
        origins={name: replace(one, n_rows=None) for name, one in tables.origins.items()},
    )


def with_rows_of(tables: Tables, spec: CleanSpec) -> Tables:
    """Return the tables without the rows that `transactions` and `guests` of a cleaning remove; nothing is read yet.

    Raises
    ------
    TableError
        If the condition is invalid, or a column that is needed is missing.
    """
    origin = tables.origins["transactions"]
    rows, filters = _filters_of_rows(tables.transactions, spec, origin)
    if filters:
        rows, origin = rows.filter(*filters.values()), replace(origin, n_rows=None)
    origins = {**tables.origins, "transactions": origin}
    return replace(tables, transactions=rows.drop(IS_KEPT, strict=False), origins=origins)


def _read(tables: Tables, spec: CleanSpec, count_ids: bool) -> tuple[pl.DataFrame, list[Step], _Entities]:
    """Read the transactions between the dates, and the users and items tables at the same time; count what was read."""
    origin = tables.origins["transactions"]
    rows, filters = _filters_of_rows(tables.transactions, spec, origin)
    dates = _between_dates(spec, tables.transactions.collect_schema().names(), origin) if _has_dates(spec) else None
    frames = {USER_ID: (tables.users, tables.origins["users"]), ITEM_ID: (tables.items, tables.origins["items"])}
    count_all = [column for column, (frame, _) in frames.items() if count_ids or frame is None]
    with ThreadPoolExecutor(1) as thread:
        results = {column: thread.submit(_read_entities, frame, column, of) for column, (frame, of) in frames.items()}
        # These tasks wait for the tables; they are ready long before the transactions are.
        doubts_of_tables = [
            thread.submit(lambda column: entity_doubts(tables, results[column].result(), column), column)
            for column in frames
        ]
        transactions = Transactions.read(
            rows, origin, dates, count_all, filters=list(filters.values()), null_users=_NULL_USERS[spec.guests]
        )
        read_tables = {column: result.result() for column, result in results.items()}
    entities = {
        column: transactions.ids(column).alias(column).to_frame() if frame is None else frame
        for column, frame in read_tables.items()
    }
    ids = [transactions.n_ids(column) if count_ids else None for column in frames]
    steps: list[Step] = []
    for name, n_rows in zip((_describe_reading(tables.origins), *filters), transactions.n_rows, strict=True):
        if not n_rows:
            raise _removes_all(name, steps[-1].rows)
        steps.append(Step(name, n_rows, *(ids if len(steps) == len(filters) else (None, None))))
    about_rows = doubts(tables, transactions, read_tables, spec.unknown == "drop")
    findings = by_severity([*about_rows, *(one for task in doubts_of_tables for one in task.result())])
    return transactions.rows, steps, _Entities(read_tables, entities, findings)


def _filters_of_rows(rows: pl.LazyFrame, spec: CleanSpec, origin: Origin) -> tuple[pl.LazyFrame, dict[str, pl.Expr]]:
    """Return the transactions, and the conditions that say by their names in the steps which rows are transactions."""
    filters: dict[str, pl.Expr] = {}
    if spec.transactions is not None:
        rows = with_is_kept(rows, spec.transactions, origin)
        filters[f"transactions where {spec.transactions}"] = pl.col(IS_KEPT)
    if spec.guests == "drop":
        filters["without guests"] = has_user(rows)
    elif spec.guests == "orders":
        rows = with_guests_as_users(rows, origin)
    return rows, filters


def _describe_reading(origins: Mapping[str, Origin]) -> str:
    """Return the name of the first step, with what was detected about the files."""
    detected = [f"{table}: {', '.join(one.detected)}" for table, one in origins.items() if one.detected]
    return f"read ({'; '.join(detected)})" if detected else "read"


def _apply_filters(
    rows: pl.DataFrame,
    spec: CleanSpec,
    tables: Mapping[str, pl.DataFrame | None],
    entities: dict[str, pl.DataFrame],
    origin: Origin,
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Apply the filters one after another, the k-core to `entities`, too; yield each name and the rows left."""
    if _has_dates(spec):
        yield f"dates {_format_dates(spec)}", rows  # applied while the transactions were read
    if spec.last is not None:
        rows = rows.filter(_is_recent(spec.last, rows.columns, origin))
        yield f"last {spec.last}", rows
    if spec.deduplicate:
        rows = rows.unique(maintain_order=True)
        yield "without duplicates", rows
    remaining = without_returns(rows, spec.returns)
    if remaining is not None:
        rows = remaining
        yield "without returns", rows
    if spec.min_transactions is not None or spec.max_transactions is not None:
        rows = rows.filter(has_count(rows[USER_ID], spec.min_transactions or 1, spec.max_transactions))
        yield f"users with {_format_range(spec.min_transactions, spec.max_transactions)}", rows
    if spec.unknown == "drop":
        for column, frame in tables.items():
            rows = rows if frame is None else _keep_known(rows, frame, column)
        yield "users and items in their tables", rows
    for table, column, condition in (("users", USER_ID, spec.users), ("items", ITEM_ID, spec.items)):
        if condition is not None:
            rows = _keep_known(rows, entities[column], column)
            yield f"{table} where {condition}", rows
    if spec.k_core is not None:
        sold = rows[ITEM_ID].unique()
        rows = keep_k_core(rows, spec.k_core)
        entities[ITEM_ID] = without_removed(entities[ITEM_ID], sold, rows[ITEM_ID].unique())
        yield f"{spec.k_core}-core", rows


def _read_entities(frame: pl.LazyFrame | None, id_column: str, origin: Origin) -> pl.DataFrame | None:
    """Read the users or items table, if there is one; refuse it if ids are null or not unique."""
    if frame is None:
        return None
    with origin.wrap_errors():
        rows = frame.collect(engine="streaming")
    origin.require_all_rows(rows.height)
    if rows.is_empty():
        raise TableError(f"The {origin} has no rows; add rows, or leave out the table.")
    if isinstance(rows.schema[id_column], pl.Categorical):
        rows = rows.with_columns(pl.col(id_column).cast(pl.String))
    ids, column = rows[id_column], origin.column(id_column)
    require_no_nulls(ids.null_count(), id_column, origin)
    if not is_strictly_increasing(ids) and ids.n_unique() < rows.height:
        duplicate = ids.filter(ids.is_duplicated())[0]
        count = int((ids == duplicate).sum())
        times = "twice" if count == 2 else f"{count:,} times"
        entity = id_column.removesuffix("_id")
        raise TableError(f"{column} {duplicate!r} appears {times} in the {origin}; keep one row per {entity}.")
    return rows


def _count(name: str, rows: pl.DataFrame, n_before: int, count_ids: bool) -> Step:
    """Count what a filter left; refuse a filter that removes all transactions."""
    if rows.is_empty():
        raise _removes_all(name, n_before)
    counts = (count_distinct(rows[column]) if count_ids else None for column in (USER_ID, ITEM_ID))
    return Step(name, rows.height, *counts)


def _removes_all(name: str, n_before: int) -> TableError:
    number = "the only transaction" if n_before == 1 else f"all {n_before:,} transactions"
    return TableError(f"The cleaning step '{name}' removes {number}; relax it in the recipe's [clean].")


def _is_recent(last: str, columns: list[str], origin: Origin) -> pl.Expr:
    if TIMESTAMP not in columns:
        raise missing_time(columns, f"last={last!r}", origin)
    time = pl.col(TIMESTAMP).cast(_DATETIME)
    return time > time.max() - duration(last)


def _between_dates(spec: CleanSpec, columns: list[str], origin: Origin) -> pl.Expr:
    if TIMESTAMP not in columns:
        raise missing_time(columns, f"the filter of dates {_format_dates(spec)}", origin)
    condition = pl.lit(True)
    if spec.start is not None:
        condition &= pl.col(TIMESTAMP) >= _to_datetime(spec.start)
    if spec.end is not None:
        condition &= pl.col(TIMESTAMP) < _to_datetime(spec.end)
    return condition


def _keep_known(rows: pl.DataFrame, entities: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """Keep the transactions whose user (item) has a row in `entities`."""
    return rows.filter(is_among(rows[id_column], entities[id_column]))


def _to_datetime(value: date | datetime) -> datetime:
    """Return the start of a date, or a time as a naive datetime in UTC."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def _has_dates(spec: CleanSpec) -> bool:
    return spec.start is not None or spec.end is not None


def _format_dates(spec: CleanSpec) -> str:
    parts = [f"from {spec.start}" if spec.start is not None else "", f"until {spec.end}" if spec.end else ""]
    return " ".join(part for part in parts if part)


def _format_range(low: int | None, high: int | None) -> str:
    if low is None:
        number = f"at most {high}"
    elif high is None:
        number = f"at least {low}"
    else:
        number = f"{low} to {high}"
    return f"{number} transaction{'' if (high or low) == 1 else 's'}"
