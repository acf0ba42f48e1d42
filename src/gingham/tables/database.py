"""SQL databases as tables: what a query answers, in batches, through SQLAlchemy."""

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gingham.errors import TableError
from gingham.tables.origin import Origin, first_line

if TYPE_CHECKING:
    import sqlalchemy

# Rows are Python objects from the driver to Polars; never more of them than these.
_BATCH = 50_000
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_PASSWORD = re.compile(r"(://[^:/@]*:).*(?=@)|((?:password|passwd|pwd|token)=)[^&]*", re.IGNORECASE)


def without_password(url: str) -> str:
    """Hide the password in a database's URL; names of environment variables stay."""
    return _PASSWORD.sub(lambda match: f"{match[1] or match[2]}***", url)


def read(url: str, query: str, base: Path, origin: Origin) -> pl.LazyFrame:
    """Ask a database once, and keep its answer in memory.

    Parameters
    ----------
    url : str
        An SQLAlchemy URL; ``${NAME}`` stands for an environment variable. A SQLite file is one relative to `base`.
    query : str
        What to ask it: SQL.
    base : Path
        The folder that the recipe's relative paths start from.
    origin : Origin
        What errors call the table; never with the password.

    Raises
    ------
    TableError
        If the database can't be reached or doesn't answer, or a driver is missing.
    """
    try:
        import sqlalchemy
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    except ModuleNotFoundError:
        raise TableError(
            f"The {origin} is in a database, and SQLAlchemy is not installed; run: pip install 'gingham[sql]'."
        ) from None
    try:
        address = _with_file(sqlalchemy.make_url(_with_variables(url, origin)), base, origin)
    except ArgumentError:
        raise TableError(
            f"The {origin} has a url that is none; write it as postgresql+psycopg://user@host/database."
        ) from None
    try:
        engine = sqlalchemy.create_engine(address)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise TableError(
            f"The {origin} needs a driver that is not installed: {first_line(error)}; install it, "
            "or use postgresql+psycopg, which comes with gingham[sql]."
        ) from None
    try:
        return _together(_batches(engine, query, origin), origin)
    except SQLAlchemyError as error:
        said = first_line(getattr(error, "orig", None) or error)
        raise TableError(f"The {origin} cannot be read: {hidden(said, address)}.") from None
    finally:
        engine.dispose()


def _with_variables(url: str, origin: Origin) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise TableError(f"The {origin} needs the environment variable {name!r}, which is not set; set it.")
        return os.environ[name]

    return _VARIABLE.sub(value, url)


def _with_file(address: "sqlalchemy.URL", base: Path, origin: Origin) -> "sqlalchemy.URL":
    """Find SQLite's file beside the recipe; SQLite would make one that is missing."""
    file = file_of(address, base)
    if file is None:
        return address
    if not file.is_file():
        raise TableError(f"The {origin} does not exist: there is no file {file}; check the url in the recipe.")
    return address.set(database=str(file))


def file_of(address: "sqlalchemy.URL", base: Path) -> Path | None:
    """Give the file that an SQLite database is, from the recipe's folder; None for what is no file."""
    name = address.database
    if address.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return None
    return base / name


def _batches(engine: "sqlalchemy.Engine", query: str, origin: Origin) -> Iterator[pl.DataFrame]:
    """Give the answer piece by piece, and first a piece without rows."""
    with engine.connect() as plain:
        # The server keeps the answer until it is fetched. Nothing is committed, whatever the query does.
        connection = plain.execution_options(stream_results=True, max_row_buffer=_BATCH)
        with connection.execute(_statement(query)) as result:
            if not result.returns_rows:
                raise TableError(f"The {origin} has a query that answers no table: {query!r}; write a SELECT.")
            names = list(result.keys())
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise TableError(f"The {origin} has column {twice!r} more than once; name its columns apart with AS.")
            yield pl.DataFrame(schema=dict.fromkeys(names, pl.Null()))
            for rows in result.partitions(_BATCH):
                columns = zip(names, zip(*rows, strict=True), strict=True)
                yield pl.DataFrame([_column(name, values, origin) for name, values in columns])


def _statement(query: str) -> "sqlalchemy.TextClause":
    """Take a query as it is: neither a colon nor a percent sign in it stands for a parameter."""
    import sqlalchemy

    return sqlalchemy.text(query.replace(":", r"\:"))


def _column(name: str, values: tuple[Any, ...], origin: Origin) -> pl.Series:
    kinds = {type(value) for value in values} - {type(None)}
    if len(kinds) > 1 and kinds <= {int, float, Decimal}:
        values = tuple(None if value is None else float(value) for value in values)
    try:
        column = pl.Series(name, values)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise _mixed(name, sorted(kind.__name__ for kind in kinds), origin) from error
    if column.dtype == pl.Object:
        # Such as a UUID, for which Polars has no type.
        return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)
    return column


def _together(batches: Iterator[pl.DataFrame], origin: Origin) -> pl.LazyFrame:
    """Make the batches one frame; a column without a value in one of them has its type from the others."""
    whole = list(batches)
    for name in whole[0].columns:
        dtypes = {batch.schema[name] for batch in whole} - {pl.Null()}
        if len(dtypes) > 1 and not all(dtype.is_numeric() for dtype in dtypes):
            raise _mixed(name, sorted(map(str, dtypes)), origin)
    return pl.concat(whole, how="vertical_relaxed").lazy()


def _mixed(name: str, types: list[str], origin: Origin) -> TableError:
    return TableError(
        f"The {origin} mixes types in column {name!r}: {' and '.join(types)}; CAST it to one type in the query."
    )


def hidden(said: str, address: "sqlalchemy.URL") -> str:
    """Take the password out of what a driver says."""
    return said.replace(str(address.password), "***") if address.password else said
