"""SQL conditions of the recipe's ``[clean]`` on the columns of a table, with the names that they have in the file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import polars as pl

from gingham.errors import TableError
from gingham.tables.origin import Origin, first_line

# Whether a transaction fulfils the condition, until it is read.
IS_KEPT = "gingham_is_kept"


def is_kept(rows: pl.LazyFrame, condition: str, origin: Origin) -> pl.Expr:
    """Return the column `IS_KEPT`: whether each row fulfils a condition; False where the condition is null.

    Parameters
    ----------
    rows : polars.LazyFrame
        A table; its columns have the names that they have in the file.
    condition : str
        An SQL condition on the columns of `rows`.
    origin : Origin
        The table's name in error messages.

    Raises
    ------
    TableError
        If the condition is not valid SQL, or does not fit the columns.
    """
    with origin.wrap_errors():
        columns = rows.collect_schema().names()
    with _explained(condition, columns, origin):
        expression = pl.sql_expr(condition)
        rows.head(0).filter(expression).collect()
        return expression.fill_null(False).alias(IS_KEPT)


def with_is_kept(transactions: pl.LazyFrame, condition: str, origin: Origin) -> pl.LazyFrame:
    """Add the column `IS_KEPT` to transactions with columns named by their roles, unless it was added by reading."""
    columns = transactions.collect_schema().names()
    if IS_KEPT in columns:
        return transactions
    names = {role: column for role, column in origin.columns.items() if role in columns}
    rows = transactions.rename(names)
    return rows.with_columns(is_kept(rows, condition, origin)).rename({name: role for role, name in names.items()})


def filter_entities(entities: pl.DataFrame, condition: str, origin: Origin) -> pl.DataFrame:
    """Return the users or items that fulfil a condition.

    Raises
    ------
    TableError
        If the condition is not valid SQL, or does not fit the columns.
    """
    # The condition uses the column names of the file, also for the id.
    renamed = entities.rename({role: column for role, column in origin.columns.items() if role in entities.columns})
    with _explained(condition, renamed.columns, origin):
        rows = renamed.filter(pl.sql_expr(condition))
    return rows.rename({column: role for role, column in origin.columns.items() if column in rows.columns})


@contextmanager
def _explained(condition: str, columns: Sequence[str], origin: Origin) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.PolarsError as error:
        reason = first_line(error).partition("; valid columns")[0].partition(" (create native")[0]
        dates = ", with dates such as DATE '2024-01-31'" if "date" in reason else ""
        raise TableError(
            f"The condition {condition!r} cannot be applied to the {origin}: {reason}; "
            f"use an SQL condition on its columns {', '.join(columns)}{dates}."
        ) from error
