"""Where a table came from; what error messages name."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl

from gingham.errors import TableError


@dataclass(frozen=True)
class Origin:
    """Where a table came from, in the shop's own words; what error messages name.

    Attributes
    ----------
    table : str
        ``"transactions"``, ``"users"`` or ``"items"``.
    file : str, optional
        The file it was read from; None for a data frame.
    columns : mapping of str to str
        Role to the file's own column name, where the two differ.
    """

    table: str
    file: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.table} table ({self.file})" if self.file else f"{self.table} table"

    def column(self, role: str) -> str:
        """Call the column what it is called where the table came from."""
        return self.columns.get(role, role)

    def missing(self, column: str, columns: Iterable[str]) -> TableError:
        """Make the error for a column that is not among `columns`; it names near ones."""
        names = list(columns)
        near = difflib.get_close_matches(column, names, n=3, cutoff=0.5) or names[:20]
        return TableError(f"The {self} has no column {column!r}; use one it has, such as {', '.join(map(repr, near))}.")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what Polars and the system say about unreadable data into a `TableError` about this table."""
        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            said = first_line(error)
            for role, column in self.columns.items():
                said = said.replace(repr(role), repr(column))
            raise TableError(f"The {self} cannot be read: {said}.") from error


def first_line(error: Exception) -> str:
    """Cut off the advice on Polars' own parameters that follows what `error` says."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
