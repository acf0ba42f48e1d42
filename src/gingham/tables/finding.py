"""What a check finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import polars as pl

from gingham.columns import TIMESTAMP
from gingham.errors import GinghamError
from gingham.tables.csv_problems import LinesError
from gingham.tables.origin import Origin
from gingham.tables.timestamp import is_possible

EXAMPLES = 5
# The column with the number of rows in which an id occurs.
N_ROWS = "gingham_rows"
NULLS = "null values; fill them in, or remove these rows"
UNTIDY = "ids that are empty, or start or end with a space; correct them in all tables, or they may not match"

Severity: TypeAlias = Literal["error", "warning", "note"]
_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """Something in a table that is wrong or unusual.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        "error": the table cannot be read or cleaned; "warning": probably a mistake; "note": unusual, but may be
        intended.
    table : str
        ``"transactions"``, ``"users"`` or ``"items"``; ``"recipe"`` if it does not fit the tables.
    column : str or None
        The column, with its name in the file; None if the finding is about whole rows or the whole table.
    what : str
        What is wrong and, if there is something to do about it, what to do.
    count : int
        The number of rows with the problem; 0 if the table cannot be read or cleaned.
    examples : polars.DataFrame
        Up to 5 of these rows.

    Examples
    --------
    >>> import gingham as gg
    >>> import polars as pl
    >>> transactions = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["tea", "tea"], "price": [2.5, -1.0]})
    >>> (finding,) = gg.check(gg.Tables(transactions))
    >>> finding.severity, finding.column, finding.count
    ('warning', 'price', 1)
    >>> finding.what
    'negative values; remove these rows unless they are returns'
    """

    severity: Severity
    table: str
    column: str | None
    what: str
    count: int
    examples: pl.DataFrame

    def __str__(self) -> str:
        """Return the finding in one line, with one example."""
        where = self.table if self.column is None else f"{self.table}, {self.column}"
        number = f" ({self.count:,} row{'' if self.count == 1 else 's'}{self._example()})" if self.count else ""
        return f"{self.severity}: {where}{number}: {self.what}"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON values, except for times in the examples."""
        fields = {name: getattr(self, name) for name in ("severity", "table", "column", "what", "count")}
        return {**fields, "examples": self.examples.to_dicts()}

    def _example(self) -> str:
        if self.column not in self.examples.columns or self.examples.is_empty():
            return ""
        value = self.examples[self.column][0]
        return f", such as {str(value) if not isinstance(value, str) else repr(value)}"


def failure(table: str, error: GinghamError) -> Finding:
    """Return the finding for a table that cannot be read or cleaned, or a recipe that cannot be run."""
    lines = error.__cause__
    if isinstance(lines, LinesError):
        return Finding("error", table, None, str(error), lines.count, lines.examples)
    return Finding("error", table, None, str(error), 0, pl.DataFrame())


class FindingList(tuple[Finding, ...]):
    """Findings; a notebook shows them as a table, and a terminal one a line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) if self else "No findings."

    def _repr_html_(self) -> str:
        columns = ("severity", "table", "column", "what", "count")
        rows = [tuple(getattr(finding, column) for column in columns) for finding in self]
        return html_table(
            pl.DataFrame(rows, dict.fromkeys(columns[:-1], pl.String) | {"count": pl.Int64}, orient="row")
        )


def by_severity(findings: Sequence[Finding]) -> FindingList:
    """Sort findings: errors first, then warnings, then notes."""
    return FindingList(sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity)))


def html_table(rows: pl.DataFrame) -> str:
    """Return all rows of a table as HTML for a notebook, without types."""
    with pl.Config(tbl_rows=-1, fmt_str_lengths=1000, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        return rows._repr_html_()


def rename_to_file(rows: pl.DataFrame, origin: Origin) -> pl.DataFrame:
    """Rename role columns to their names in the file; times that Python has no dates for become text."""
    dtype = rows.schema.get(TIMESTAMP)
    if dtype is not None and dtype.is_temporal() and not rows.select(is_possible(TIMESTAMP, dtype).all()).item():
        rows = rows.with_columns(pl.col(TIMESTAMP).cast(pl.String))
    return rows.rename({role: column for role, column in origin.columns.items() if role in rows.columns})


def is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return whether a value is null or NaN."""
    value = pl.col(column)
    return value.is_null() | value.is_nan() if dtype.is_float() else value.is_null()


def is_untidy(ids: pl.Expr) -> pl.Expr:
    """Return whether a text id is empty, or starts or ends with a blank."""
    return (ids.str.strip_chars() != ids) | (ids == "")


def examples_of(frame: pl.LazyFrame, condition: pl.Expr, origin: Origin) -> pl.DataFrame:
    """Return up to 5 rows that meet a condition, with the column names of the file."""
    with origin.wrap_errors():
        return rename_to_file(frame.filter(condition).head(EXAMPLES).collect(engine="streaming"), origin)
