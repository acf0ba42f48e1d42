"""The ways a shop writes when something happened, made one."""

import re

import polars as pl

from gingham.errors import TableError
from gingham.tables.origin import Origin

# An integer timestamp is unix seconds between 1973 and 5138. The lower bound is there for 20190131, which would
# otherwise be a day in August 1970; the upper one for milliseconds.
_UNIX_SECONDS = (100_000_000, 99_999_999_999)
_YEAR_FIRST = re.compile(r"\d{4}\D\d")
_WITH_ZONE = re.compile(r"\d(Z|[+-]\d\d:?\d\d)$|:\d\d(\.\d+)?[+-]\d\d$")


def naive_utc(frame: pl.LazyFrame, column: str, origin: Origin) -> pl.Expr:
    """Make the expression that turns a column of `frame` into a naive ``Datetime("us")`` in UTC.

    Raises
    ------
    TableError
        If the column is no date, time, ISO 8601 text or whole unix seconds.
    """
    dtype, value = frame.collect_schema()[column], pl.col(column)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            value = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return value.dt.cast_time_unit("us")
    if dtype in (pl.Date, pl.Null):
        return value.cast(pl.Datetime("us"))
    if dtype == pl.String:
        first = require_iso(frame, column, origin)
        zone = "UTC" if first and _WITH_ZONE.search(first) else None
        return value.str.to_datetime(time_unit="us", time_zone=zone).dt.replace_time_zone(None)
    if dtype.is_integer():
        _require_unix_seconds(frame, column, origin)
        return pl.from_epoch(value, time_unit="s").cast(pl.Datetime("us"))
    raise TableError(
        f"The {origin} has {dtype} in column {origin.column(column)!r}; "
        "a timestamp is a date, a time, ISO 8601 text or whole unix seconds."
    )


def formatted(frame: pl.LazyFrame, column: str, format: str, origin: Origin) -> pl.Expr:
    """Make the expression that reads a column of text in a format of the shop's own.

    Raises
    ------
    TableError
        If the column is no text.
    """
    dtype = frame.collect_schema()[column]
    if dtype != pl.String:
        raise TableError(
            f"The {origin} has {dtype} in column {origin.column(column)!r}, which needs no timestamp_format; "
            "leave it out of the recipe."
        )
    return pl.col(column).str.to_datetime(format, time_unit="us")


def require_iso(frame: pl.LazyFrame, column: str, origin: Origin) -> str | None:
    """Return the first text in a column of dates, or refuse it if it does not begin with a year.

    Polars would read ``02/01/2019`` as the second of January without asking.
    """
    with origin.reading():
        texts = frame.select(pl.col(column).drop_nulls().head(1)).collect(engine="streaming").to_series()
    if texts.is_empty():
        return None
    first = str(texts[0])
    if not _YEAR_FIRST.match(first):
        raise TableError(
            f"The {origin} has {first!r} in column {origin.column(column)!r}, which is not an ISO 8601 date or time; "
            "write it as 2019-01-31 or 2019-01-31T18:30:00, or say how to read it by timestamp_format."
        )
    return first


def _require_unix_seconds(frame: pl.LazyFrame, column: str, origin: Origin) -> None:
    ends = pl.col(column).min().alias("min"), pl.col(column).max().alias("max")
    with origin.reading():
        low_high = frame.select(ends).collect(engine="streaming").row(0)
    for value in low_high:
        if value is not None and not _UNIX_SECONDS[0] <= value <= _UNIX_SECONDS[1]:
            raise TableError(
                f"The {origin} has {value} in column {origin.column(column)!r}, which is not unix seconds; "
                "write timestamps as ISO 8601 text, such as 2019-01-31."
            )
