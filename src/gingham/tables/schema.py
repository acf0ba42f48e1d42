"""What the three tables are: the columns that play a role, and their types."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import narwhals as nw
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gingham.columns import ITEM_ID, PRICE, QUANTITY, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.tables.origin import Origin, first_line
from gingham.tables.timestamp import naive_utc


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeatureSpec(_Section):
    """Which columns of the users or items table become features, and how; each has a feature of its own for null.

    Attributes
    ----------
    categorical : list of str
        One feature a distinct value.
    quantile : dict of str to int
        Numeric column to number of bins, at least 2: one feature a bin, bins holding about equally many rows.
    scaled : list of str
        Numeric columns: one feature, whose weight is the value less the mean, in standard deviations. A column may be
        in `quantile` as well.
    multi : dict of str to str
        Text column to separator: one feature a distinct part.
    date : dict of str to int
        Column of dates to number of bins, at least 2: one feature a day of the week, a month, and a bin of the age in
        days on the latest date in the column.
    text : dict of str to int
        Text column to number of features, at least 2: words and pairs of neighbouring words, in lower case, spread over
        so many by a hash.
    min_count : int
        Values and parts that fewer rows have share one feature; 1 (default) gives each its own.
    normalize : bool
        Whether each row's weights, the identity's among them, are divided by their sum, signs left out; False by
        default.
    """

    categorical: list[str] = Field(default_factory=list)
    quantile: dict[str, int] = Field(default_factory=dict)
    scaled: list[str] = Field(default_factory=list)
    multi: dict[str, str] = Field(default_factory=dict)
    date: dict[str, int] = Field(default_factory=dict)
    text: dict[str, int] = Field(default_factory=dict)
    min_count: int = Field(default=1, ge=1)
    normalize: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns used, in the order of their features."""
        scaled_alone = [column for column in self.scaled if column not in self.quantile]
        return [*self.categorical, *self.quantile, *scaled_alone, *self.multi, *self.date, *self.text]

    def __bool__(self) -> bool:
        return bool(self.columns)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        twice = [column for column in self.columns if self.columns.count(column) > 1]
        if twice:
            raise ValueError(
                f"column {twice[0]!r} is named twice; a column is encoded in one way, or in quantile and scaled"
            )
        for numbers, what in ((self.quantile, "bins"), (self.date, "bins"), (self.text, "features for its words")):
            for column, number in numbers.items():
                if number < 2:
                    raise ValueError(f"column {column!r} has {number} {what}; give 2 or more")
        for column, separator in self.multi.items():
            if not separator:
                raise ValueError(f"column {column!r} has an empty separator; give the text that stands between parts")
        return self


@dataclass(frozen=True)
class Step:
    """What one step of cleaning left: `rows` transactions of so many distinct `users` and `items`.

    The latter are None where nobody asked to count them.
    """

    name: str
    rows: int
    users: int | None
    items: int | None


@dataclass(frozen=True, init=False)
class Tables:
    """A shop's transactions and, if it has them, its users and items.

    Parameters
    ----------
    transactions : data frame
        One row a transaction: columns ``user_id`` and ``item_id`` and, optionally, ``timestamp``, ``price``,
        ``quantity``. Any frame narwhals knows, eager or lazy: pandas, Polars, PyArrow, DuckDB and others.
    users, items : data frame, optional
        One row a user (``user_id``) or item (``item_id``); the other columns describe them. None: whoever is in the
        transactions.
    user_features, item_features : FeatureSpec
        The columns of these to make features of; none by default.
    item_name, item_type : str, optional
        The columns of `items` that hold an item's display name and type.
    steps : tuple of Step
        What cleaning did so far; empty if these tables were not cleaned.
    origins : mapping of str to Origin, optional
        Where each table came from, by its name; for error messages only.

    Attributes
    ----------
    transactions, users, items : polars.LazyFrame
        The tables. Ids are Int64 or text (String; Categorical in transactions that were cleaned), ``timestamp`` is a
        naive ``Datetime("us")`` in UTC (a Date, if it came as one and was not cleaned).

    Raises
    ------
    TableError
        If a column is missing or has the wrong type, or an id is text in one table and a number in another. Only
        schemas are looked at here; rows are checked when the tables are cleaned.
    """

    transactions: pl.LazyFrame
    users: pl.LazyFrame | None
    items: pl.LazyFrame | None
    user_features: FeatureSpec
    item_features: FeatureSpec
    item_name: str | None
    item_type: str | None
    steps: tuple[Step, ...]
    origins: Mapping[str, Origin]

    def __init__(
        self,
        transactions: Any,
        users: Any = None,
        items: Any = None,
        *,
        user_features: FeatureSpec | None = None,
        item_features: FeatureSpec | None = None,
        item_name: str | None = None,
        item_type: str | None = None,
        steps: tuple[Step, ...] = (),
        origins: Mapping[str, Origin] | None = None,
    ) -> None:
        user_features = user_features or FeatureSpec()
        item_features = item_features or FeatureSpec()
        origins = {name: (origins or {}).get(name, Origin(name)) for name in ("transactions", "users", "items")}
        transactions = _transactions(transactions, origins["transactions"])
        labels = [label for label in (item_name, item_type) if label is not None]
        values = {
            "transactions": transactions,
            "users": _described(users, USER_ID, user_features.columns, transactions, origins),
            "items": _described(items, ITEM_ID, [*item_features.columns, *labels], transactions, origins),
            "user_features": user_features,
            "item_features": item_features,
            "item_name": item_name,
            "item_type": item_type,
            "steps": steps,
            "origins": origins,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen


def _lazy(frame: Any, origin: Origin) -> pl.LazyFrame:
    """Take any frame; decimals, which databases write prices in, become floats."""
    if not isinstance(frame, pl.LazyFrame):
        known: Any = None
        try:
            known = nw.from_native(frame)
            known = known.collect("polars") if isinstance(known, nw.LazyFrame) else known
            frame = known.to_polars().lazy()
        except Exception as error:  # every engine behind narwhals has errors of its own
            column = _mixed_column(known)
            said = first_line(error) if column is None else f"column {column!r} mixes types: {first_line(error)}"
            raise TableError(f"The {origin} cannot be taken as a data frame: {said}.") from error
    lazy: pl.LazyFrame = frame
    return lazy.with_columns(pl.selectors.decimal().cast(pl.Float64))


def _mixed_column(frame: Any) -> str | None:
    """Find the first column of a frame that has no type of its own."""
    for column in frame.columns if isinstance(frame, nw.DataFrame) else ():
        try:
            frame.select(column).to_polars()
        except Exception:
            return str(column)
    return None


def _schema(frame: pl.LazyFrame, origin: Origin, required: Iterable[str]) -> pl.Schema:
    with origin.reading():
        schema = frame.collect_schema()
    for role in required:
        if role not in schema:
            raise origin.missing(origin.column(role), schema)
    return schema


def _transactions(frame: Any, origin: Origin) -> pl.LazyFrame:
    rows = _lazy(frame, origin)
    schema = _schema(rows, origin, (USER_ID, ITEM_ID))
    for role in (PRICE, QUANTITY):
        if role in schema and not (schema[role].is_numeric() or schema[role] == pl.Null):
            raise TableError(
                f"The {origin} has {schema[role]} in column {origin.column(role)!r}; "
                f"give a column of numbers as the {role}."
            )
    rows = _with_id(_with_id(rows, USER_ID, schema, origin), ITEM_ID, schema, origin)
    if TIMESTAMP in schema and schema[TIMESTAMP] not in (pl.Date, pl.Datetime("us")):
        rows = rows.with_columns(naive_utc(rows, TIMESTAMP, origin))
    return rows


def _described(
    frame: Any, id_column: str, columns: list[str], transactions: pl.LazyFrame, origins: Mapping[str, Origin]
) -> pl.LazyFrame | None:
    """Check the users or items table, if there is one; its id has the transactions' type."""
    origin = origins["users" if id_column == USER_ID else "items"]
    if frame is None:
        if columns:
            raise TableError(f"Column {columns[0]!r} describes {origin.table}, but there is no {origin}; give one.")
        return None
    rows = _lazy(frame, origin)
    rows = _with_id(rows, id_column, _schema(rows, origin, [id_column, *columns]), origin)
    ours, theirs = (_kind(table.collect_schema()[id_column]) for table in (rows, transactions))
    if ours != theirs:
        raise TableError(
            f"The {origin} has {ours} in column {origin.column(id_column)!r}, the {origins['transactions']} has "
            f"{theirs} in column {origins['transactions'].column(id_column)!r}; give both the same type."
        )
    return rows


def _kind(dtype: pl.DataType) -> pl.DataType:
    """Take categories for the text that they are."""
    return pl.String() if isinstance(dtype, pl.Categorical) else dtype


def _with_id(frame: pl.LazyFrame, column: str, schema: pl.Schema, origin: Origin) -> pl.LazyFrame:
    dtype = schema[column]
    if dtype.is_integer():
        return frame if dtype == pl.Int64 else frame.with_columns(pl.col(column).cast(pl.Int64))
    if dtype == pl.String or isinstance(dtype, pl.Categorical):
        return frame
    # pandas gives a column without any value no type; that it is empty is said when its rows are read.
    if dtype in (pl.Enum, pl.Null):
        return frame.with_columns(pl.col(column).cast(pl.String))
    raise TableError(f"The {origin} has {dtype} in column {origin.column(column)!r}; ids are whole numbers or text.")
