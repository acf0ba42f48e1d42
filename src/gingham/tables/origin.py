"""The origin of a table: the file and column names that error messages use."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import polars as pl

from gingham.errors import TableError
from gingham.tables.content import ContentError
from gingham.tables.csv_file import CsvFile
from gingham.tables.read_errors import explain_error

# How many columns a message lists.
_LISTED = 20
# How many characters of a name are shown.
_LONG = 60


@dataclass(frozen=True)
class Origin:
    """Where a table was read from; error messages use its names.

    Attributes
    ----------
    table : str
        ``"transactions"``, ``"users"`` or ``"items"``.
    file : str, optional
        The file, files or database as the recipe writes them; None for a data frame.
    columns : mapping of str to str
        Role to the column's name in the file, where the two differ.
    files : tuple of str
        The files; empty for a data frame or a database.
    text_files : tuple of CsvFile
        The same, and how they are written, if they are text.
    detected : tuple of str
        How they and their columns are written, as far as that was detected and is not usual, such as "separator ';'".
    n_rows : int or None
        The number of rows, counted independently of reading; None if they were not counted, or rows were removed.
    """

    table: str
    file: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    text_files: tuple[CsvFile, ...] = ()
    detected: tuple[str, ...] = ()
    n_rows: int | None = None

    def __str__(self) -> str:
        return f"{self.table} table ({self.file})" if self.file else f"{self.table} table"

    def with_detected(self, what: str | None) -> "Origin":
        """Return this origin with something else that was detected, if it is not None."""
        return self if what is None else replace(self, detected=(*self.detected, what))

    def column(self, role: str) -> str:
        """Return the name that a role's column has in the file."""
        return self.columns.get(role, role)

    def require_all_rows(self, n_rows: int) -> None:
        """Compare the number of rows that were read with the number of records that were counted.

        Raises
        ------
        TableError
            If they differ.
        """
        if self.n_rows is not None and n_rows != self.n_rows:
            raise TableError(
                f"The {self} has {format_rows(self.n_rows)}, but {n_rows:,} were read; if the file did not change "
                "meanwhile, convert it to Parquet, and report this."
            )

    def missing_column(self, column: str, columns: Iterable[str]) -> TableError:
        """Return the error for a column that is not one of `columns`; it names similar ones, or else lists them."""
        names = list(columns)
        hint = self._header_hint(names)
        similar = [name for name in names if name.strip().casefold() == column.strip().casefold()]
        similar = similar or difflib.get_close_matches(column, names, n=3, cutoff=0.6)
        if similar:
            return TableError(f"The {self} has no column {column!r}; did you mean {' or '.join(map(_short, similar))}?")
        more = ", ..." if len(names) > _LISTED else ""
        listed = ", ".join(map(_short, names[:_LISTED])) + more
        return TableError(f"The {self} has no column {column!r}; use one of its columns: {listed}{hint}.")

    def _header_hint(self, names: list[str]) -> str:
        """Return what to do if the first line of a text file is not a header."""
        is_data = any(name.strip().replace(".", "", 1).isdigit() for name in names)
        return "; if the file has no header, set column_names" if self.text_files and is_data else ""

    def missing_role(self, role: str, needed_by: str) -> TableError:
        """Return the error for a role without a column, such as the timestamp that ``last="7d"`` needs."""
        remedy = f"add a column {role!r}" if self.file is None else f"set {role} in the recipe's [{self.table}]"
        return TableError(f"The {self} has no {role}, but {needed_by} needs it; {remedy}.")

    @contextmanager
    def wrap_errors(self) -> Iterator[None]:
        """Raise errors of Polars, the operating system and the content of files as a `TableError` about this table."""
        try:
            yield
        except ContentError as error:
            raise TableError(f"The {self} {error}.") from error
        except MemoryError as error:
            raise TableError(f"The {self} does not fit in memory; use fewer columns or rows, or Parquet.") from error
        except (pl.exceptions.PolarsError, OSError) as error:
            explanation = explain_error(error, self.text_files, self.columns)
            reason = explanation or f"cannot be read: {self._rename_roles(first_line(error))}"
            raise TableError(f"The {self} {reason}.") from error

    def _rename_roles(self, text: str) -> str:
        """Replace quoted role names in a message by the names of their columns in the file."""
        for role, column in self.columns.items():
            text = text.replace(f"'{role}'", f"'{column}'").replace(f'"{role}"', f"'{column}'")
        return text


def _short(name: str) -> str:
    return repr(name if len(name) <= _LONG else f"{name[:_LONG]} …")


def first_line(error: Exception) -> str:
    """Return the first line of an error's message; Polars adds lines of advice about its own parameters."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")


def format_rows(number: int) -> str:
    """Return a number of rows as text: "1 row" or "2,000 rows"."""
    return "1 row" if number == 1 else f"{number:,} rows"
