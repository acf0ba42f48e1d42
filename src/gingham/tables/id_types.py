"""The types of id columns: integers of 64 bits or text, the same in all tables."""

from typing import Literal, NamedTuple, TypeAlias

import polars as pl

from gingham.errors import TableError
from gingham.tables.origin import Origin

IdType: TypeAlias = Literal["text", "integer"]

# Floats up to this number are exact integers.
_EXACT = 2**53
# Text that an integer is written as. "007", "+7" and "7.0" are other ids than "7".
_INTEGER = r"^(?:0|-?[1-9]\d{0,18})$"
_REMEDY = 'set id_type = "text"'


class IdTable(NamedTuple):
    """A table with an id column.

    Attributes
    ----------
    rows : polars.LazyFrame
        The rows.
    column : str
        The id column.
    origin : Origin
        The table's name in error messages, and what was detected.
    """

    rows: pl.LazyFrame
    column: str
    origin: Origin

    @property
    def dtype(self) -> pl.DataType:
        """The type of the ids."""
        return self.rows.collect_schema()[self.column]

    def typed(self, id_type: IdType | None) -> "IdTable":
        """Return the table with ids as Int64 or text.

        Floats and decimals that are whole numbers become integers.

        Parameters
        ----------
        id_type : {"text", "integer"}, optional
            The type to convert ids to; by default they stay integers or text.

        Raises
        ------
        TableError
            If the column has another type, or an id would change.
        """
        dtype = self.dtype
        # A column without values has no type in pandas. Cleaning refuses the empty table.
        if dtype == pl.String or isinstance(dtype, pl.Categorical) or dtype in (pl.Enum, pl.Null):
            if id_type == "integer":
                return self._parsed()
            return self._with(pl.col(self.column).cast(pl.String)) if dtype in (pl.Enum, pl.Null) else self
        if id_type == "text" and dtype.is_integer():
            return self._with(pl.col(self.column).cast(pl.String))
        if not dtype.is_numeric():
            raise self._error(str(dtype), "but ids must be integers or text; convert the column")
        integers = self._integers()
        return integers._with(pl.col(self.column).cast(pl.String)) if id_type == "text" else integers

    def like(self, other: "IdTable") -> tuple["IdTable", "IdTable"]:
        """Return both tables with ids of one type: text becomes integers where that changes no id.

        Parameters
        ----------
        other : IdTable
            Another table with the same kind of ids; both are `typed`.

        Raises
        ------
        TableError
            If one table has integers, and the other one text that is not an integer.
        """
        if self.dtype.is_integer() == other.dtype.is_integer():
            return self, other
        text, integers = (other, self) if self.dtype.is_integer() else (self, other)
        first = text._first(~text._is_integer())
        if first is not None:
            raise TableError(
                f"The {text.origin} has String such as {first!r} in column {text.name!r}, but the {integers.origin} "
                f"has {integers.dtype} in column {integers.name!r}; {_REMEDY} to compare them as text."
            )
        parsed = text._with(text._text().cast(pl.Int64), f"integers in {text.name!r}")
        return (self, parsed) if text is other else (parsed, other)

    @property
    def name(self) -> str:
        """The name of the column in the file."""
        return self.origin.column(self.column)

    def _parsed(self) -> "IdTable":
        first = self._first(~self._is_integer())
        if first is not None:
            raise self._error(repr(first), f"which is not written as an integer is; {_REMEDY}")
        return self._with(self._text().cast(pl.Int64))

    def _integers(self) -> "IdTable":
        """Return the table with numbers that are whole as Int64."""
        dtype, value = self.dtype, pl.col(self.column)
        if dtype.is_integer():
            if dtype not in (pl.UInt64, pl.Int128, pl.UInt128):
                return self._with(value.cast(pl.Int64))
            first = self._first(value.cast(pl.Int64, strict=False).is_null())
            if first is not None:
                raise self._error(str(first), f"which does not fit into 64 bits; {_REMEDY}")
            return self._with(value.cast(pl.Int64))
        value = value.fill_nan(None) if dtype.is_float() else value
        whole = value.cast(pl.Int64, strict=False)
        is_exact = (whole.cast(dtype) == value) & whole.is_between(-_EXACT, _EXACT)
        first = self._first(value.is_not_null() & ~is_exact.fill_null(False))
        if first is not None:
            raise self._error(f"{dtype} such as {first}", "but ids must be integers or text; convert the column")
        return self._with(whole, f"whole numbers in {self.name!r} as integers")

    def _text(self) -> pl.Expr:
        return pl.col(self.column).cast(pl.String)

    def _is_integer(self) -> pl.Expr:
        return self._text().str.contains(_INTEGER) & self._text().cast(pl.Int64, strict=False).is_not_null()

    def _first(self, condition: pl.Expr) -> object:
        """Return the first id that meets a condition; None if there is none."""
        with self.origin.wrap_errors():
            rows = self.rows.select(pl.col(self.column).filter(condition).head(1)).collect(engine="streaming")
        return rows.item() if rows.height else None

    def _with(self, ids: pl.Expr, detected: str | None = None) -> "IdTable":
        origin = self.origin.with_detected(detected)
        return IdTable(self.rows.with_columns(ids.alias(self.column)), self.column, origin)

    def _error(self, what: str, problem: str) -> TableError:
        return TableError(f"The {self.origin} has {what} in column {self.name!r}, {problem}.")
