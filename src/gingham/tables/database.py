"""Tables from SQL databases: the result of a query, read in batches through SQLAlchemy."""

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

# Rows are Python objects until they are in Polars. This many at a time limits the memory that they take.
_BATCH = 50_000
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_PASSWORD = re.compile(r"(://[^:/@]*:).*(?=@)|((?:password|passwd|pwd|token)=)[^&]*", re.IGNORECASE)


def without_password(url: str) -> str:
    """Return a database URL with its password replaced by ``***``; environment variables stay."""
    return _PASSWORD.sub(lambda match: f"{match[1] or match[2]}***", url)


def hide_password(text: str, address: "sqlalchemy.URL") -> str:
    """Return a driver's message with the password of `address` replaced by ``***``."""
    return text.replace(str(address.password), "***") if address.password else text


def read_query(url: str, query: str, base: Path, origin: Origin) -> pl.LazyFrame:
    """Run a query once and return its result, which is in memory.

    Parameters
    ----------
    url : str
        An SQLAlchemy URL; ``${NAME}`` is replaced by an environment variable. The path of an SQLite file is relative to
        `base`.
    query : str
        A SELECT statement. Nothing is committed.
    base : Path
        The folder of the recipe.
    origin : Origin
        The table's name in error messages, which never contain the password.

    Raises
    ------
    TableError
        If the database cannot be reached, the query fails, or SQLAlchemy or a driver is not installed.
    """
    try:
        import sqlalchemy
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    except ModuleNotFoundError:
        raise TableError(
            f"The {origin} is in a database, but SQLAlchemy is not installed; run: pip install 'gingham[sql]'."
        ) from None
    try:
        address = _resolve_file(sqlalchemy.make_url(_replace_variables(url, origin)), base, origin)
    except ArgumentError:
        raise TableError(
            f"The {origin} has an invalid url; write it as postgresql+psycopg://user@host/database."
        ) from None
    try:
        engine = sqlalchemy.create_engine(address)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise TableError(
            f"The {origin} needs a database driver that is not installed: {first_line(error)}; install it, "
            "or use postgresql+psycopg, which gingham[sql] installs."
        ) from None
    try:
        return _concatenate(_read_batches(engine, query, origin), origin)
    except SQLAlchemyError as error:
        reason = first_line(getattr(error, "orig", None) or error)
        raise TableError(f"The {origin} cannot be read: {hide_password(reason, address)}.") from None
    finally:
        engine.dispose()


def _replace_variables(url: str, origin: Origin) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise TableError(f"The {origin} needs the environment variable {name!r}, which is not set; set it.")
        return os.environ[name]

    return _VARIABLE.sub(value, url)


def _resolve_file(address: "sqlalchemy.URL", base: Path, origin: Origin) -> "sqlalchemy.URL":
    """Make the path of an SQLite file absolute. It must exist, because SQLite would create a missing one."""
    file = sqlite_file(address, base)
    if file is None:
        return address
    if not file.is_file():
        raise TableError(f"The {origin} does not exist: there is no file {file}; check the url in the recipe.")
    return address.set(database=str(file))


def sqlite_file(address: "sqlalchemy.URL", base: Path) -> Path | None:
    """Return the file of an SQLite database, relative to `base`; None for any other database."""
    name = address.database
    if address.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return None
    return base / name


def _read_batches(engine: "sqlalchemy.Engine", query: str, origin: Origin) -> Iterator[pl.DataFrame]:
    """Yield the result of a query in batches, after an empty frame with its columns."""
    with engine.connect() as connection:
        # The server keeps the result until it is fetched.
        stream = connection.execution_options(stream_results=True, max_row_buffer=_BATCH)
        with stream.execute(_statement(query)) as result:
            if not result.returns_rows:
                raise TableError(f"The {origin} has a query that returns no table: {query!r}; use a SELECT statement.")
            names = list(result.keys())
            duplicates = [name for name in names if names.count(name) > 1]
            if duplicates:
                raise TableError(
                    f"The {origin} has column {duplicates[0]!r} more than once; rename columns with AS in the query."
                )
            yield pl.DataFrame(schema=dict.fromkeys(names, pl.Null()))
            for rows in result.partitions(_BATCH):
                columns = zip(names, zip(*rows, strict=True), strict=True)
                yield pl.DataFrame([_series(name, values, origin) for name, values in columns])


def _statement(query: str) -> "sqlalchemy.TextClause":
    """Return a query without parameters: colons and percent signs in it have no special meaning."""
    import sqlalchemy

    return sqlalchemy.text(query.replace(":", r"\:"))


def _series(name: str, values: tuple[Any, ...], origin: Origin) -> pl.Series:
    types = {type(value) for value in values} - {type(None)}
    if len(types) > 1 and types <= {int, float, Decimal}:
        values = tuple(None if value is None else float(value) for value in values)
    try:
        series = pl.Series(name, values)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise _mixed_types(name, sorted(kind.__name__ for kind in types), origin) from error
    if series.dtype == pl.Object:
        # Polars has no type for these values; UUIDs, for example.
        return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)
    return series


def _concatenate(batches: Iterator[pl.DataFrame], origin: Origin) -> pl.LazyFrame:
    """Concatenate batches; a column that is all null in one batch has the type of the others."""
    frames = list(batches)
    for name in frames[0].columns:
        dtypes = {frame.schema[name] for frame in frames} - {pl.Null()}
        if len(dtypes) > 1 and not all(dtype.is_numeric() for dtype in dtypes):
            raise _mixed_types(name, sorted(map(str, dtypes)), origin)
    return pl.concat(frames, how="vertical_relaxed").lazy()


def _mixed_types(name: str, types: list[str], origin: Origin) -> TableError:
    return TableError(
        f"The {origin} mixes types in column {name!r}: {' and '.join(types)}; CAST it to one type in the query."
    )
