"""Where a table came from; what error messages name."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl

from gingham.errors import TableError
from gingham.tables.fault import explain


@dataclass(frozen=True)
class Origin:
    """Where a table came from, in the shop's own words; what error messages name.

    Attributes
    ----------
    table : str
        ``"transactions"``, ``"users"`` or ``"items"``.
    file : str, optional
        What the recipe calls the file (or files, or database) it was read from; None for a data frame.
    columns : mapping of str to str
        Role to the file's own column name, where the two differ.
    files : tuple of str
        The files themselves; empty for a data frame or a database.
    """

    table: str
    file: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()

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
            said = explain(error, self.files, self.columns) or f"cannot be read: {self._renamed(first_line(error))}"
            raise TableError(f"The {self} {said}.") from error

    def _renamed(self, said: str) -> str:
        for role, column in self.columns.items():
            said = said.replace(f"'{role}'", f"'{column}'").replace(f'"{role}"', f"'{column}'")
        return said


def first_line(error: Exception) -> str:
    """Cut off the advice on Polars' own parameters that follows what `error` says."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
