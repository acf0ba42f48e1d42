"""The recipe's filters as ordered, named steps; each says what it left."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gingham.columns import ITEM_ID, ROLES, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.tables.origin import Origin, first_line
from gingham.tables.schema import Step, Tables


class CleanSpec(BaseModel):
    """The recipe's ``[clean]``: which transactions, users and items to keep; everything by default.

    Attributes
    ----------
    start, end : date or datetime, optional
        Keep transactions with ``start <= timestamp < end``. A time with a zone is converted to UTC.
    min_transactions, max_transactions : int, optional
        Keep transactions of users who have at least and at most so many within these dates, counted before the
        filters that follow.
    users, items : str, optional
        SQL expressions over the columns of the users and items tables, such as ``age > 16 AND age < 38``. A row for
        which it is null is not kept, nor is who has no row.
    unknown : {"keep", "drop"}
        What becomes of transactions whose user (item) has no row in the users (items) table: "keep" (default), as
        those of users (items) about whom nothing is known; or "drop".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: date | datetime | None = None
    end: date | datetime | None = None
    min_transactions: int | None = Field(default=None, ge=1)
    max_transactions: int | None = Field(default=None, ge=1)
    users: str | None = None
    items: str | None = None
    unknown: Literal["keep", "drop"] = "keep"

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.start is not None and self.end is not None and _moment(self.start) >= _moment(self.end):
            raise ValueError(f"start {self.start} is not before end {self.end}; end is exclusive")
        low, high = self.min_transactions, self.max_transactions
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_transactions {low} is greater than max_transactions {high}")
        return self


def clean(tables: Tables, spec: CleanSpec | None = None) -> Tables:
    """Read the tables, check their rows, and keep what the recipe asks for.

    The order is: dates; transactions per user; users and items that the tables do not know; the expression over users;
    the one over items. The users table keeps whoever passes the expression over users, with
    or without transactions: the shop knows them. Without a users (items) table it holds every id that was read.

    Parameters
    ----------
    tables : Tables
        As read.
    spec : CleanSpec, optional
        The filters; by default none.

    Returns
    -------
    Tables
        In memory, the transactions with their role columns alone; `steps` says what each filter left.

    Raises
    ------
    TableError
        If a table is empty or unreadable, an id is null, or is not unique where it should be, an expression cannot be
        applied, or a filter leaves nothing.
    """
    spec = spec or CleanSpec()
    users = _described(tables.users, USER_ID, tables.origins["users"])
    items = _described(tables.items, ITEM_ID, tables.origins["items"])
    steps: list[Step] = []
    rows, user_ids, item_ids = _transactions(tables, spec, steps)
    if spec.min_transactions is not None or spec.max_transactions is not None:
        rows = _record(steps, f"users with {_bounds(spec)} transactions", _of_users_with_enough(rows, spec))
    if spec.unknown == "drop":
        known = rows if users is None else _of(rows, users, USER_ID)
        rows = _record(steps, "known users and items", known if items is None else _of(known, items, ITEM_ID))
    users = user_ids if users is None else users
    items = item_ids if items is None else items
    if spec.users is not None:
        users = _where(users, spec.users, tables.origins["users"])
        rows = _record(steps, f"users where {spec.users}", _of(rows, users, USER_ID))
    if spec.items is not None:
        items = _where(items, spec.items, tables.origins["items"])
        rows = _record(steps, f"items where {spec.items}", _of(rows, items, ITEM_ID))
    return replace(tables, transactions=rows.lazy(), users=users.lazy(), items=items.lazy(), steps=tuple(steps))


def _described(frame: pl.LazyFrame | None, id_column: str, origin: Origin) -> pl.DataFrame | None:
    """Read the users or items table, if there is one: one row an id."""
    if frame is None:
        return None
    with origin.reading():
        rows = frame.collect(engine="streaming")
    if rows.is_empty():
        raise TableError(f"The {origin} has no rows; give it some, or leave the table out.")
    ids, column = rows[id_column], origin.column(id_column)
    _require_no_nulls(ids.null_count(), column, origin)
    if ids.n_unique() < rows.height:
        twice = ids.filter(ids.is_duplicated())[0]
        times = int((ids == twice).sum())
        raise TableError(f"The {origin} has {twice!r} {times} times in column {column!r}; keep one row of them.")
    return rows


def _transactions(
    tables: Tables, spec: CleanSpec, steps: list[Step]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Read the transactions within the dates, and all user and item ids there are without them, in one scan."""
    origin, frame = tables.origins["transactions"], tables.transactions
    roles = [role for role in ROLES if role in frame.collect_schema()]
    frame = frame.select(roles)
    dated = frame if spec.start is None and spec.end is None else frame.filter(_within(spec, roles, origin))
    totals = frame.select(pl.len().alias("rows"), pl.col(roles).null_count())
    ids = [frame.select(pl.col(role).unique().sort()) for role in (USER_ID, ITEM_ID)]
    with origin.reading():
        total, users, items, rows = pl.collect_all([totals, *ids, dated], engine="streaming")
    if not total["rows"][0]:
        raise TableError(f"The {origin} has no rows; give at least one transaction.")
    for role in roles[:3] if TIMESTAMP in roles else roles[:2]:
        _require_no_nulls(total[role][0], origin.column(role), origin)
    steps.append(Step("read", total["rows"][0], users.height, items.height))
    if dated is not frame:
        _record(steps, f"dates {_dates(spec)}", rows)
    return rows, users, items


def _require_no_nulls(nulls: int, column: str, origin: Origin) -> None:
    if nulls:
        rows = "1 row" if nulls == 1 else f"{nulls:,} rows"
        raise TableError(f"The {origin} has null in column {column!r} in {rows}; fill them in or leave them out.")


def _record(steps: list[Step], name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Note what a step left, and refuse to go on with nothing."""
    if rows.is_empty():
        raise TableError(
            f"The cleaning step '{name}' leaves none of the {steps[-1].rows:,} transactions before it; "
            "loosen it in the recipe's [clean]."
        )
    steps.append(Step(name, rows.height, rows[USER_ID].n_unique(), rows[ITEM_ID].n_unique()))
    return rows


def _within(spec: CleanSpec, roles: list[str], origin: Origin) -> pl.Expr:
    if TIMESTAMP not in roles:
        raise TableError(f"The {origin} has no timestamp to compare with the dates {_dates(spec)}; name its column.")
    keep = pl.lit(True)
    if spec.start is not None:
        keep &= pl.col(TIMESTAMP) >= _moment(spec.start)
    if spec.end is not None:
        keep &= pl.col(TIMESTAMP) < _moment(spec.end)
    return keep


def _of_users_with_enough(rows: pl.DataFrame, spec: CleanSpec) -> pl.DataFrame:
    count = pl.col("len")
    keep = count >= (spec.min_transactions or 1)
    if spec.max_transactions is not None:
        keep &= count <= spec.max_transactions
    return _of(rows, rows.group_by(USER_ID).len().filter(keep), USER_ID)


def _of(rows: pl.DataFrame, kept: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """Keep the transactions of the users (items) of a table, in their order."""
    return rows.join(kept, on=id_column, how="semi", maintain_order="left")


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
