"""The recipe's filters as ordered, named steps; each says what it left."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gingham.columns import ITEM_ID, TIMESTAMP, USER_ID
from gingham.duration import duration
from gingham.errors import TableError
from gingham.tables.codes import among, ascends, n_distinct, occurring
from gingham.tables.core import k_core
from gingham.tables.origin import Origin, first_line
from gingham.tables.schema import Step, Tables
from gingham.tables.transactions import Transactions, require_no_nulls
from gingham.tables.value import Value, valued

_MOMENT = pl.Datetime("us")


class CleanSpec(BaseModel):
    """The recipe's ``[clean]``: which transactions, users and items to keep; everything by default.

    The steps are taken in the order of this list, whatever the order in the recipe.

    Attributes
    ----------
    start, end : date or datetime, optional
        Keep transactions with ``start <= timestamp < end``. A time with a zone is converted to UTC.
    last : str, optional
        Keep transactions of so long before the latest one of those: ``"26w"``, ``"365d"``, ``"12h"``. Exactly as long
        before it is too old.
    deduplicate : bool
        Keep one of several transactions that are equal in every role; by default all, for who buys two of a thing may
        well have two equal rows.
    min_transactions, max_transactions : int, optional
        Keep transactions of users who have at least and at most so many of those left so far.
    unknown : {"keep", "drop"}
        What becomes of transactions whose user (item) has no row in the users (items) table: "keep" (default), as
        those of users (items) about whom nothing is known; or "drop".
    users, items : str, optional
        SQL expressions over the columns of the users and items tables, such as ``age > 16 AND age < 38``. A row for
        which it is null is not kept, nor is who has no row.
    k_core : int, optional
        Keep users who bought so many different items, and items that so many different users bought, both counted
        among those kept.
    value : {"count", "log-count", "quantity", "log-quantity", "spend", "log-spend"}
        What a user's transactions of an item sum up to: how many there are (default), how many pieces, or price times
        pieces; or the logarithm of one plus that.
    half_life : str, optional
        How long before the latest transaction one counts for half, such as ``"30d"``; by default all count alike.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: date | datetime | None = None
    end: date | datetime | None = None
    last: str | None = None
    deduplicate: bool = False
    min_transactions: int | None = Field(default=None, ge=1)
    max_transactions: int | None = Field(default=None, ge=1)
    unknown: Literal["keep", "drop"] = "keep"
    users: str | None = None
    items: str | None = None
    k_core: int | None = Field(default=None, ge=2)
    value: Value = "count"
    half_life: str | None = None

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.start is not None and self.end is not None and _moment(self.start) >= _moment(self.end):
            raise ValueError(f"start {self.start} is not before end {self.end}; end is exclusive")
        low, high = self.min_transactions, self.max_transactions
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_transactions {low} is greater than max_transactions {high}")
        for length in (self.last, self.half_life):
            if length is not None:
                duration(length)
        return self


def clean(tables: Tables, spec: CleanSpec | None = None, count_ids: bool = True) -> Tables:
    """Read the tables, check their rows, and keep what the recipe asks for.

    The users (items) table keeps whoever passes its expression, with or without transactions: the shop knows them.
    Without such a table it holds every id that was read.

    Parameters
    ----------
    tables : Tables
        As read.
    spec : CleanSpec, optional
        The filters; by default none.
    count_ids : bool
        Whether steps tell how many users and items there were, too; True by default. Counting those whom the dates
        leave out takes longer than anything else.

    Returns
    -------
    Tables
        In memory, the transactions with their role columns alone and, if the recipe asks for any but "count" without
        decay, their ``value``; ids that are text are Categorical in them. `steps` says what each filter left.

    Raises
    ------
    TableError
        If a table is empty or unreadable, an id is null, or is not unique where it should be, an expression cannot be
        applied, a role that a filter needs is not there, or a filter leaves nothing.
    """
    spec = spec or CleanSpec()
    origin = tables.origins["transactions"]
    rows, described, known, read = _read(tables, spec, count_ids)
    wanted = {USER_ID: (spec.users, tables.origins["users"]), ITEM_ID: (spec.items, tables.origins["items"])}
    kept = {
        column: known[column] if expression is None else _where(known[column], expression, whose)
        for column, (expression, whose) in wanted.items()
    }
    steps = [read]
    for name, left in _filtered(rows, spec, described, kept, origin):
        steps.append(_left(name, left, steps[-1].rows, count_ids))
        rows = left
    if spec.value != "count" or spec.half_life is not None:
        rows = valued(rows, spec.value, spec.half_life, origin)
    return replace(
        tables,
        # Dates take half the memory of moments, as long as there are many.
        transactions=rows.with_columns(
            pl.col(column).cast(_MOMENT) for column in rows.columns if column == TIMESTAMP
        ).lazy(),
        users=kept[USER_ID].lazy(),
        items=kept[ITEM_ID].lazy(),
        steps=tuple(steps),
    )


def _read(
    tables: Tables, spec: CleanSpec, count_ids: bool
) -> tuple[pl.DataFrame, dict[str, pl.DataFrame | None], dict[str, pl.DataFrame], Step]:
    """Read the transactions of the dates asked for, what is told of users and items, and who all of them are."""
    origin = tables.origins["transactions"]
    dated = spec.start is not None or spec.end is not None
    within = _within(spec, tables.transactions.collect_schema().names(), origin) if dated else None
    frames = {USER_ID: (tables.users, tables.origins["users"]), ITEM_ID: (tables.items, tables.origins["items"])}
    whole = [column for column, (frame, _) in frames.items() if count_ids or frame is None]
    with ThreadPoolExecutor(1) as meanwhile:
        reading = {
            column: meanwhile.submit(_described, frame, column, whose) for column, (frame, whose) in frames.items()
        }
        told = Transactions.read(tables.transactions, origin, within, whole)
        described = {column: table.result() for column, table in reading.items()}
    known = {
        column: told.ids(column).alias(column).to_frame() if table is None else table
        for column, table in described.items()
    }
    read = Step("read", told.n_rows, *(told.n_ids(column) if count_ids else None for column in frames))
    return told.rows, described, known, read


def _filtered(
    rows: pl.DataFrame,
    spec: CleanSpec,
    described: dict[str, pl.DataFrame | None],
    kept: dict[str, pl.DataFrame],
    origin: Origin,
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Take the steps that a recipe asks for, one after another: each one's name, and the transactions it leaves."""
    if spec.start is not None or spec.end is not None:
        yield f"dates {_dates(spec)}", rows  # no others were kept when they were read
    if spec.last is not None:
        rows = rows.filter(_recent(spec.last, rows.columns, origin))
        yield f"the last {spec.last}", rows
    if spec.deduplicate:
        rows = rows.unique(maintain_order=True)
        yield "no duplicates", rows
    if spec.min_transactions is not None or spec.max_transactions is not None:
        rows = rows.filter(occurring(rows[USER_ID], spec.min_transactions or 1, spec.max_transactions))
        yield f"users with {_bounds(spec)} transactions", rows
    if spec.unknown == "drop":
        for column, table in described.items():
            rows = rows if table is None else _of(rows, table, column)
        yield "known users and items", rows
    for what, column, expression in (("users", USER_ID, spec.users), ("items", ITEM_ID, spec.items)):
        if expression is not None:
            rows = _of(rows, kept[column], column)
            yield f"{what} where {expression}", rows
    if spec.k_core is not None:
        rows = k_core(rows, spec.k_core)
        yield f"{spec.k_core}-core", rows


def _described(frame: pl.LazyFrame | None, id_column: str, origin: Origin) -> pl.DataFrame | None:
    """Read the users or items table, if there is one: one row an id."""
    if frame is None:
        return None
    with origin.reading():
        rows = frame.collect(engine="streaming")
    if rows.is_empty():
        raise TableError(f"The {origin} has no rows; give it some, or leave the table out.")
    if isinstance(rows.schema[id_column], pl.Categorical):
        rows = rows.with_columns(pl.col(id_column).cast(pl.String))
    ids, column = rows[id_column], origin.column(id_column)
    require_no_nulls(ids.null_count(), id_column, origin)
    if not ascends(ids) and ids.n_unique() < rows.height:
        twice = ids.filter(ids.is_duplicated())[0]
        times = int((ids == twice).sum())
        raise TableError(f"The {origin} has {twice!r} {times} times in column {column!r}; keep one row of them.")
    return rows


def _left(name: str, rows: pl.DataFrame, before: int, count_ids: bool) -> Step:
    """Note what a step left, and refuse to go on with nothing."""
    if rows.is_empty():
        raise TableError(
            f"The cleaning step '{name}' leaves none of the {before:,} transactions before it; "
            "loosen it in the recipe's [clean]."
        )
    return Step(name, rows.height, *(n_distinct(rows[column]) if count_ids else None for column in (USER_ID, ITEM_ID)))


def _recent(last: str, roles: list[str], origin: Origin) -> pl.Expr:
    if TIMESTAMP not in roles:
        raise TableError(f"The {origin} has no timestamp to find the last {last} by; name its column.")
    when = pl.col(TIMESTAMP).cast(_MOMENT)
    return when > when.max() - duration(last)


def _within(spec: CleanSpec, roles: list[str], origin: Origin) -> pl.Expr:
    if TIMESTAMP not in roles:
        raise TableError(f"The {origin} has no timestamp to compare with the dates {_dates(spec)}; name its column.")
    keep = pl.lit(True)
    if spec.start is not None:
        keep &= pl.col(TIMESTAMP) >= _moment(spec.start)
    if spec.end is not None:
        keep &= pl.col(TIMESTAMP) < _moment(spec.end)
    return keep


def _of(rows: pl.DataFrame, kept: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """Keep the transactions of the users (items) of a table, in their order."""
    return rows.filter(among(rows[id_column], kept[id_column]))


def _where(frame: pl.DataFrame, expression: str, origin: Origin) -> pl.DataFrame:
    # The recipe speaks of the file's columns, the id's name included.
    own = frame.rename({role: column for role, column in origin.columns.items() if role in frame.columns})
    try:
        kept = own.filter(pl.sql_expr(expression))
    except pl.exceptions.PolarsError as error:
        said = first_line(error).partition("; valid columns")[0]
        raise TableError(
            f"The expression {expression!r} cannot be applied to the {origin}: {said}; "
            f"write SQL over its columns {', '.join(own.columns)}."
        ) from error
    return kept.rename({column: role for role, column in origin.columns.items() if column in kept.columns})


def _moment(value: date | datetime) -> datetime:
    """Take a date's first moment, or a time as a naive one in UTC."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def _dates(spec: CleanSpec) -> str:
    parts = [f"from {spec.start}" if spec.start is not None else "", f"until {spec.end}" if spec.end else ""]
    return " ".join(part for part in parts if part)


def _bounds(spec: CleanSpec) -> str:
    low, high = spec.min_transactions, spec.max_transactions
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"
