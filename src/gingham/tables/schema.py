"""The three tables, with the columns that have a role and their types, and the specification of their features."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, get_args

import polars as pl
from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from gingham.columns import ITEM_ID, ORDER, ORDER_ID, PRICE, QUANTITY, ROLES, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.frames import to_frame
from gingham.section import Flag, Integer, Section
from gingham.tables.finding import Finding, html_table
from gingham.tables.id_types import IdTable, IdType
from gingham.tables.order_numbers import to_order_numbers
from gingham.tables.origin import Origin
from gingham.tables.timestamp import Unit, to_naive_utc
from gingham.validation import check_choice, check_text, check_type, optional


class FeatureSpec(Section):
    """Which columns of the users or items table become features, and how they are encoded.

    Each column also has a feature for null.

    Attributes
    ----------
    categorical : list of str
        One feature per distinct value.
    quantile : dict of str to int
        Numeric column to number of bins, at least 2: one feature per bin. Bins contain about equally many rows.
    scaled : list of str
        Numeric columns: one feature whose weight is the standardized value (mean 0, standard deviation 1). A column may
        also be in `quantile`.
    multi : dict of str to str
        Text column to separator: one feature per distinct part of the text.
    date : dict of str to int
        Column of dates to number of bins, at least 2: one feature per day of the week, per month, and per bin of the
        age in days, counted from the latest date in the column.
    text : dict of str to int
        Text column to number of features, at least 2: lower-case words and pairs of adjacent words, hashed to this
        many features.
    min_count : int
        Values and parts that fewer rows have share one feature. 1 (default) means that each has its own.
    normalize : bool
        Whether the weights of each row, including its identity feature, are divided by the sum of their absolute
        values; False by default.

    Examples
    --------
    >>> import gingham as gg
    >>> spec = gg.FeatureSpec(categorical=["club"], quantile={"age": 4})
    >>> spec.columns
    ['club', 'age']
    """

    # Keys of other encodings are allowed once their class is defined; see `gingham.dataset.encodings.Encoding`.
    model_config = ConfigDict(extra="allow")
    extra_keys: ClassVar[set[str]] = set()

    categorical: list[str] = Field(default_factory=list)
    quantile: dict[str, Integer] = Field(default_factory=dict)
    scaled: list[str] = Field(default_factory=list)
    multi: dict[str, str] = Field(default_factory=dict)
    date: dict[str, Integer] = Field(default_factory=dict)
    text: dict[str, Integer] = Field(default_factory=dict)
    min_count: Integer = Field(default=1, ge=1)
    normalize: Flag = False

    @property
    def columns(self) -> list[str]:
        """The columns that are used, in the order of their features."""
        binned = self.quantile
        return [column for key, column, _ in self.encodings() if not (key == "scaled" and column in binned)]

    def encodings(self) -> Iterator[tuple[str, str, Any]]:
        """Yield the key, column and option of each encoding in the order of their features; None without an option."""
        for key in ("categorical", "quantile", "scaled", "multi", "date", "text", *(self.model_extra or ())):
            columns: list[str] | dict[str, Any] = getattr(self, key)
            for column in columns:
                yield key, column, columns[column] if isinstance(columns, dict) else None

    def __bool__(self) -> bool:
        return bool(self.columns)

    @model_validator(mode="after")
    def _extra_keys_are_valid(self) -> Self:
        for key, columns in (self.model_extra or {}).items():
            if key not in self.extra_keys:
                unknown = InitErrorDetails(type="extra_forbidden", loc=(key,), input=columns)
                raise ValidationError.from_exception_data(type(self).__name__, [unknown])
            if not isinstance(columns, list | dict) or not all(isinstance(column, str) for column in columns):
                raise ValueError(f"{key} must be a list of columns, or map columns to options, not {columns!r}")
        return self

    @model_validator(mode="after")
    def _is_valid(self) -> Self:
        duplicates = [column for column in self.columns if self.columns.count(column) > 1]
        if duplicates:
            raise ValueError(
                f"column {duplicates[0]!r} is listed twice; use one encoding per column, or quantile and scaled"
            )
        for numbers, what in ((self.quantile, "bins"), (self.date, "bins"), (self.text, "features")):
            for column, number in numbers.items():
                if number < 2:
                    raise ValueError(f"the number of {what} of column {column!r} must be at least 2, not {number}")
        for column, separator in self.multi.items():
            if not separator:
                raise ValueError(f"column {column!r} has an empty separator; use the text between parts, such as '|'")
        return self


@dataclass(frozen=True)
class Step:
    """The number of transactions after one step of cleaning, and of the distinct users and items in them.

    Attributes
    ----------
    name : str
        What the step keeps, such as "users with at least 5 transactions"; "read" for the tables as read.
    rows : int
        The number of transactions.
    users, items : int or None
        The number of distinct users and items; None if they were not counted.
    """

    name: str
    rows: int
    users: int | None
    items: int | None


@dataclass(frozen=True, init=False, repr=False)
class Tables:
    """The tables of a shop: transactions and, if it has them, users and items.

    Parameters
    ----------
    transactions : data frame
        One row per transaction, with columns ``user_id`` and ``item_id`` and, optionally, ``timestamp``, ``price``,
        ``quantity``, ``channel``, ``order_id`` and ``order``. Any eager or lazy frame that narwhals supports: pandas,
        Polars, PyArrow, DuckDB and others.
    users, items : data frame, optional
        One row per user (``user_id``) or item (``item_id``); the other columns describe them. None: the users and items
        in the transactions, without a description.
    timestamp_format : str, optional
        The strftime format of timestamps that are text other than ISO 8601, such as ``"%m/%d/%Y"``.
    timestamp_unit : {"s", "ms", "us", "ns", "d", "excel"}, optional
        The unit of timestamps that are numbers; by default it is detected, as for `TransactionsSource`.
    id_type : {"text", "integer"}, optional
        The type of the ids in all tables. By default, integers (also floats that are whole numbers) and text keep their
        type, and text becomes integers if another table has integers and no id changes.
    user_features, item_features : FeatureSpec
        The columns of `users` and `items` that become features; none by default.
    item_name, item_type : str, optional
        The columns of `items` with an item's display name and type.
    steps : tuple of Step
        The steps of cleaning so far; empty if the tables are not cleaned.
    findings : tuple of Finding
        What cleaning found in the tables that is probably a mistake; empty if they are not cleaned.
    origins : mapping of str to Origin, optional
        Where each table was read from, by its name; for error messages only.

    Attributes
    ----------
    transactions, users, items : polars.LazyFrame
        The tables. Ids are Int64 or text (String; Categorical in cleaned transactions). ``timestamp`` is a naive
        ``Datetime("us")`` in UTC; dates stay Date until the tables are cleaned.

    Raises
    ------
    TableError
        If a column is missing or has the wrong type, or an id is text in one table and an integer in another. Only
        schemas are checked here; rows are checked when the tables are cleaned.

    Examples
    --------
    >>> import gingham as gg
    >>> import polars as pl
    >>> transactions = pl.DataFrame({"user_id": ["ann", "ann", "bob"], "item_id": ["tea", "milk", "tea"]})
    >>> tables = gg.Tables(transactions)
    >>> tables
    Tables(transactions: user_id, item_id)
    >>> tables.transactions.collect().shape
    (3, 2)

    A column that is missing is an error:

    >>> gg.Tables(transactions.rename({"item_id": "item"}))
    Traceback (most recent call last):
        ...
    gingham.errors.TableError: The transactions table has no column 'item_id'; did you mean 'item'?
    """

    transactions: pl.LazyFrame
    users: pl.LazyFrame | None
    items: pl.LazyFrame | None
    user_features: FeatureSpec
    item_features: FeatureSpec
    item_name: str | None
    item_type: str | None
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]
    origins: Mapping[str, Origin]

    def __init__(
        self,
        transactions: Any,
        users: Any = None,
        items: Any = None,
        *,
        timestamp_format: str | None = None,
        timestamp_unit: Unit | None = None,
        id_type: IdType | None = None,
        user_features: FeatureSpec | None = None,
        item_features: FeatureSpec | None = None,
        item_name: str | None = None,
        item_type: str | None = None,
        steps: tuple[Step, ...] = (),
        findings: tuple[Finding, ...] = (),
        origins: Mapping[str, Origin] | None = None,
    ) -> None:
        user_features = FeatureSpec() if user_features is None else user_features
        item_features = FeatureSpec() if item_features is None else item_features
        for name, spec in (("user_features", user_features), ("item_features", item_features)):
            check_type(name, spec, FeatureSpec, "a gingham.FeatureSpec, such as FeatureSpec(categorical=['colour'])")
        for name, column in (("item_name", item_name), ("item_type", item_type)):
            optional(check_text)(name, column)
        optional(check_text)("timestamp_format", timestamp_format)
        for name, choice, choices in (("timestamp_unit", timestamp_unit, Unit), ("id_type", id_type, IdType)):
            if choice is not None:
                check_choice(name, choice, get_args(choices))
        check_type("steps", steps, tuple, "a tuple of steps")
        if origins is not None:
            check_type("origins", origins, Mapping, "a mapping of tables to their origins")
        origins = {name: (origins or {}).get(name, Origin(name)) for name in ("transactions", "users", "items")}
        rows, origin = _transactions(transactions, origins["transactions"], timestamp_format, timestamp_unit, id_type)
        labels = [label for label in (item_name, item_type) if label is not None]
        entities: dict[str, pl.LazyFrame | None] = {}
        for name, table, id_column, columns in (
            ("users", users, USER_ID, user_features.columns),
            ("items", items, ITEM_ID, [*item_features.columns, *labels]),
        ):
            ids = _entities(table, id_column, columns, origins[name], id_type)
            if ids is not None:
                ids, (rows, _, origin) = ids.like(IdTable(rows, id_column, origin))
                origins[name] = ids.origin
            entities[name] = None if ids is None else ids.rows
        origins["transactions"] = origin
        values = {
            "transactions": rows,
            **entities,
            "user_features": user_features,
            "item_features": item_features,
            "item_name": item_name,
            "item_type": item_type,
            "steps": steps,
            "findings": findings,
            "origins": origins,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen

    def __repr__(self) -> str:
        parts = []
        for name in ("transactions", "users", "items"):
            table: pl.LazyFrame | None = getattr(self, name)
            if table is not None:
                parts.append(f"{name}: {', '.join(table.collect_schema())}")
        rows = f"{self.steps[-1].rows:,} transactions after cleaning; " if self.steps else ""
        return f"Tables({rows}{'; '.join(parts)})"

    def _repr_html_(self) -> str:
        rows = []
        for name in ("transactions", "users", "items"):
            table: pl.LazyFrame | None = getattr(self, name)
            for column, dtype in () if table is None else table.collect_schema().items():
                rows.append((name, self.origins[name].column(column), column, str(dtype)))
        return html_table(pl.DataFrame(rows, ["table", "column", "role or name", "type"], orient="row"))


def check_tables(tables: Any) -> None:
    """Check that a value is `Tables`; a data frame, for example, must be made into them first."""
    check_type("tables", tables, Tables, "a gingham.Tables, such as gg.Tables(transactions)")


def _to_lazy(frame: Any, origin: Origin, used: Collection[str]) -> pl.LazyFrame:
    """Convert any frame to Polars; decimals, which databases use for prices, become floats, except for ids."""
    ids = pl.selectors.by_name(USER_ID, ITEM_ID, ORDER_ID, require_all=False)
    return to_frame(frame, str(origin), used).with_columns((pl.selectors.decimal() - ids).cast(pl.Float64))


def _schema(frame: pl.LazyFrame, origin: Origin, required: Iterable[str]) -> pl.Schema:
    with origin.wrap_errors():
        schema = frame.collect_schema()
    for role in required:
        if role not in schema:
            raise origin.missing_column(origin.column(role), schema)
    return schema


def _transactions(
    frame: Any,
    origin: Origin,
    timestamp_format: str | None,
    timestamp_unit: Unit | None,
    id_type: IdType | None,
) -> tuple[pl.LazyFrame, Origin]:
    """Check the columns of the transactions, and convert their types; the origin says what was detected."""
    rows = _to_lazy(frame, origin, ROLES)
    schema = _schema(rows, origin, (USER_ID, ITEM_ID))
    for role in (PRICE, QUANTITY):
        if role in schema and not (schema[role].is_numeric() or schema[role] == pl.Null):
            raise TableError(
                f"The {origin} has {schema[role]} in column {origin.column(role)!r}, but the {role} must be numeric; "
                "convert the column to numbers."
            )
    for role in (USER_ID, ITEM_ID, ORDER_ID):
        if role in schema:
            rows, _, origin = IdTable(rows, role, origin).typed(None if role == ORDER_ID else id_type)
    if ORDER in schema:
        rows = to_order_numbers(rows, origin)
    if TIMESTAMP in schema:
        times, detected = to_naive_utc(rows, TIMESTAMP, origin, timestamp_format, timestamp_unit)
        rows, origin = rows.with_columns(times), origin.with_detected(detected)
    elif timestamp_format is not None or timestamp_unit is not None:
        raise origin.missing_role(TIMESTAMP, "timestamp_format" if timestamp_unit is None else "timestamp_unit")
    return rows, origin


def _entities(frame: Any, id_column: str, columns: list[str], origin: Origin, id_type: IdType | None) -> IdTable | None:
    """Check the columns of the users or items table, if there is one."""
    if frame is None:
        if columns:
            raise TableError(
                f"Column {columns[0]!r} needs the {origin}, which is missing; pass the table, or leave out the column."
            )
        return None
    rows = _to_lazy(frame, origin, [id_column, *columns])
    _schema(rows, origin, [id_column, *columns])
    return IdTable(rows, id_column, origin).typed(id_type)
