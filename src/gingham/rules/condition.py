"""SQL conditions on item columns and values of a request: which words they may use, and for which items they are true.

A condition is checked word by word before Polars parses it. Only columns, the operators and functions listed here, and
literals are allowed, so a condition cannot read files. The values of a request are columns of the table on which the
condition is evaluated, and never become text of the condition.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from gingham.arrays import Bools
from gingham.columns import ITEM_ID
from gingham.errors import ParameterError
from gingham.tables.origin import first_line
from gingham.validation import shown

# The values of a request.
Value: TypeAlias = bool | int | float | str | date | datetime
Request: TypeAlias = Mapping[str, Any]

FUNCTIONS = (
    *("abs", "ceil", "coalesce", "day", "ends_with", "floor", "greatest", "least", "length", "lower", "mod", "month"),
    *("nullif", "round", "starts_with", "upper", "year"),
)
_TO_NUMBERS = ("day", "length", "month", "year")
# Integers of 64 bits are smaller.
_LARGEST = 2.0**63
_KEYWORDS = frozenset(
    "AND OR NOT IN IS NULL TRUE FALSE BETWEEN LIKE ILIKE CASE WHEN THEN ELSE END".split()  # noqa: SIM905
)
# Words that are keywords before a text, as in DATE '2024-01-31', and otherwise names of columns.
_TYPES = ("DATE", "TIMESTAMP")
_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<text>'(?:[^'\\]|'')*')
    | (?P<quoted>"(?:[^"\\]|"")+")
    | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<value>:[A-Za-z_]\w*)
    | (?P<word>[^\W\d]\w*)
    | (?P<operator><=|>=|<>|!=|\|\||-(?!-)|/(?!\*)|[+*%=<>(),])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Condition:
    """A condition that uses only what is allowed.

    Attributes
    ----------
    text : str
        The condition as it was written.
    sql : str
        The condition for Polars: values of the request are quoted names, such as ``":budget"``.
    columns : tuple of str
        The item columns that it uses; at least one.
    values : tuple of str
        The values of the request that it uses, without the colon.
    has_numbers : bool
        Whether it calls a function that makes a number of a text or a date.

    Examples
    --------
    >>> condition = Condition.parse("price <= :budget AND stock > 0")
    >>> condition.columns, condition.values
    (('price', 'stock'), ('budget',))
    >>> items = pl.DataFrame({"item_id": [1, 2, 3], "price": [5.0, 20.0, None], "stock": [1, 1, 1]})
    >>> condition.matches(items, {"budget": 10}).tolist()
    [True, False, False]
    """

    text: str
    sql: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    has_numbers: bool = False

    @staticmethod
    def parse(text: str) -> "Condition":
        """Check the words of a condition.

        Raises
        ------
        ParameterError
            If it uses anything that is not allowed, or no column.
        """
        return _parse(text)

    def matches(self, items: pl.DataFrame, request: Request) -> Bools:
        """Return for which items the condition is true; where it is null, or the item's id is null, it is not.

        Parameters
        ----------
        items : polars.DataFrame
            One row per item: ``item_id`` and the columns of the condition.
        request : mapping of str to value
            The values of the request; others than those of the condition are ignored.

        Returns
        -------
        bool array, shape (n_items,)

        Raises
        ------
        ParameterError
            If a value is missing or has the wrong type, or the condition does not fit the columns.
        """
        values = [pl.lit(self._value(name, request, items)).alias(f":{name}") for name in self.values]
        with self._explained():
            column = items.with_columns(values).select(pl.sql_expr(self.sql).alias("matches"))["matches"]
        if column.dtype != pl.Boolean:
            raise ParameterError(
                f"The condition {self.text!r} is a value of type {column.dtype}, not true or false; "
                "compare it with something, as in price <= 10."
            )
        return np.asarray((column.fill_null(False) & items[ITEM_ID].is_not_null()).to_numpy(), bool)

    def _value(self, name: str, request: Request, items: pl.DataFrame) -> Value:
        if name not in request:
            raise ParameterError(
                f"The request has no value {name!r}, which the condition {self.text!r} needs; "
                f"pass request={{{name!r}: ...}}."
            )
        value = request[name]
        value = value.item() if isinstance(value, np.generic) else value
        if not isinstance(value, Value) or (isinstance(value, int | float) and not abs(value) < _LARGEST):
            raise ParameterError(
                f"The request value {name!r} is {shown(value)}; pass a number of at most 64 bits, a text, a date, a "
                "time, true or false."
            )
        # Polars would compare a date with a number.
        types = {column: items.schema[column] for column in self.columns if column in items.columns}
        kinds = {_kind(dtype) for dtype in types.values()} | ({"number"} if self.has_numbers else set())
        if types and _kind(pl.Series([value]).dtype) not in kinds:
            columns = ", ".join(f"{column!r} ({dtype})" for column, dtype in types.items())
            raise ParameterError(
                f"The request value {name!r} is {shown(value)}, which cannot be compared with the columns of the "
                f"condition {self.text!r}, {columns}; pass a value of such a type."
            )
        return value

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (pl.exceptions.PolarsError, OverflowError) as error:
            reason = first_line(error).partition(" (create native")[0]
            reason = reason.partition("; valid columns")[0]
            names = f" and the request values {', '.join(self.values)}" if self.values else ""
            dates = "; write dates as DATE '2024-01-31'" if "date" in reason else ""
            raise ParameterError(
                f"The condition {self.text!r} does not fit the columns {', '.join(map(repr, self.columns))}{names}: "
                f"{reason}{dates}."
            ) from error


@lru_cache(maxsize=256)
def _parse(text: str) -> Condition:
    tokens = list(_tokens(text))
    columns: dict[str, None] = {}
    values: dict[str, None] = {}
    sql = []
    for place, (kind, word) in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else ("end", "")
        if kind == "value":
            values[word[1:]] = None
            word = f'"{word}"'
        elif kind in ("word", "quoted") and following == ("operator", "("):
            _require_function(text, kind, word)
        elif kind == "quoted":
            columns[word[1:-1].replace('""', '"')] = None
        elif kind == "word" and not _is_keyword(word, following[0]):
            columns[word] = None
            word = f'"{word}"'
        sql.append(word)
    if not columns:
        raise ParameterError(f"The condition {text!r} names no item column; compare one, as in price <= 10.")
    has_numbers = any(word.lower() in _TO_NUMBERS for kind, word in tokens if kind == "word")
    condition = Condition(text, " ".join(sql), tuple(columns), tuple(values), has_numbers)
    with condition._explained():
        pl.sql_expr(condition.sql)
    return condition


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each token except spaces."""
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ParameterError(
                f"The condition {text!r} has {text[place]!r} at character {place + 1}, which conditions can't use; "
                "write comparisons of columns, such as price <= :budget AND stock > 0."
            )
        if match.lastgroup != "space":
            yield str(match.lastgroup), match.group()
        place = match.end()


def _kind(dtype: pl.DataType) -> str:
    """Return which types can be compared: numbers, texts, times, or else the type itself."""
    if dtype.is_numeric():
        return "number"
    return "text" if dtype in (pl.String, pl.Categorical, pl.Enum) else "time" if dtype.is_temporal() else str(dtype)


def _is_keyword(word: str, following: str) -> bool:
    return word.upper() in _KEYWORDS or (word.upper() in _TYPES and following == "text")


def _require_function(text: str, kind: str, word: str) -> None:
    if kind == "quoted" or (word.upper() not in _KEYWORDS and word.lower() not in FUNCTIONS):
        raise ParameterError(
            f"The condition {text!r} calls the function {word}, which is not allowed; use one of "
            f"{', '.join(FUNCTIONS)}."
        )
