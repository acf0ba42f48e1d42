"""Timestamps in their various forms, converted to naive datetimes in UTC."""

import re

import polars as pl

from gingham.errors import TableError
from gingham.tables.origin import Origin

# Integer timestamps must be Unix seconds between 1973 and 5138. The lower bound rejects dates such as 20190131, which
# would be a day in August 1970; the upper bound rejects milliseconds.
_UNIX_SECONDS = (100_000_000, 99_999_999_999)
_YEAR_FIRST = re.compile(r"\d{4}\D\d")
_WITH_ZONE = re.compile(r"\d(Z|[+-]\d\d:?\d\d)$|:\d\d(\.\d+)?[+-]\d\d$")


def to_naive_utc(frame: pl.LazyFrame, column: str, origin: Origin) -> pl.Expr:
    """Return the expression that converts a column to a naive ``Datetime("us")`` in UTC.

    Raises
    ------
    TableError
        If the column does not contain dates, datetimes, ISO 8601 text or Unix seconds.
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
        f"The {origin} has {dtype} in column {origin.column(column)!r}, which is not a timestamp; "
        "use dates, datetimes, ISO 8601 text or Unix seconds as integers."
    )


def parse_format(frame: pl.LazyFrame, column: str, format: str, origin: Origin) -> pl.Expr:
    """Return the expression that parses a text column with a strftime format.

    Raises
    ------
    TableError
        If the column is not text.
    """
    dtype = frame.collect_schema()[column]
    if dtype != pl.String:
        raise TableError(
            f"The {origin} has {dtype} in column {origin.column(column)!r}, but timestamp_format is for text only; "
            "remove it from the recipe."
        )
    return pl.col(column).str.to_datetime(format, time_unit="us")


def require_iso(frame: pl.LazyFrame, column: str, origin: Origin) -> str | None:
    """Return the first value of a text column with dates; None if there is none.

    Raises
    ------
    TableError
        If that value does not start with a year. Polars would read ``02/01/2019`` as 2 January without a warning.
    """
    with origin.wrap_errors():
        texts = frame.select(pl.col(column).drop_nulls().head(1)).collect(engine="streaming").to_series()
    if texts.is_empty():
        return None
    first = str(texts[0])
    if not _YEAR_FIRST.match(first):
        raise TableError(
            f"The {origin} has {first!r} in column {origin.column(column)!r}, which is not an ISO 8601 date or time; "
            "set timestamp_format in the recipe, or write it as 2019-01-31 or 2019-01-31T18:30:00."
        )
    return first


def _require_unix_seconds(frame: pl.LazyFrame, column: str, origin: Origin) -> None:
    extremes = pl.col(column).min().alias("min"), pl.col(column).max().alias("max")
    with origin.wrap_errors():
        values = frame.select(extremes).collect(engine="streaming").row(0)
    low, high = _UNIX_SECONDS
    for value in values:
        if value is not None and not low <= value <= high:
            raise TableError(
                f"The {origin} has {value} in column {origin.column(column)!r}, which is not a time in Unix seconds "
                "after 1973; write timestamps as ISO 8601 text, such as 2019-01-31."
            )
