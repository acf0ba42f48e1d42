"""Timestamps in their various forms, converted to naive datetimes in UTC."""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias

import polars as pl

from gingham.checked import TIMES
from gingham.errors import ParameterError, TableError
from gingham.tables.origin import Origin
from gingham.tables.time_formats import iso_format, propose_formats

Unit: TypeAlias = Literal["s", "ms", "us", "ns", "d", "excel"]

# Microseconds per unit; nanoseconds are divided.
_MICROSECONDS = {"s": 10**6, "ms": 10**3, "us": 1, "d": 86_400 * 10**6, "excel": 86_400 * 10**6}
# Days from 30 December 1899, when the serial numbers of spreadsheets begin, to 1 January 1970.
_EXCEL_DAYS = 25_569
_EPOCH = datetime(1970, 1, 1)
# Within these years, a number is a time in exactly one of the units that are detected. Numbers of days are not
# detected: 40,000 is a day in 2009 in a spreadsheet, and a day in 2079 since 1970.
_RECENT = tuple((datetime(year, 1, 1) - _EPOCH) // timedelta(microseconds=1) for year in (1990, 2100))
_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_DAYS = ("d", "excel")
_UNITS = '"s", "ms", "us", "ns", "d" (days) or "excel"'
# No user has this many orders; larger numbers are something else.
_MANY_ORDERS = 1000
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_OFFSET = re.compile(r"%[:#]*z|%\+")
_SAMPLE = 1000


class TimeColumn(NamedTuple):
    """How a column becomes times.

    Attributes
    ----------
    times : polars.Expr
        Dates, or naive ``Datetime("us")`` in UTC.
    detected : str or None
        What was detected; None if there was nothing to detect.
    """

    times: pl.Expr
    detected: str | None = None


def to_naive_utc(
    frame: pl.LazyFrame, column: str, origin: Origin, format: str | None = None, unit: Unit | None = None
) -> TimeColumn:
    """Find out how a column is converted to dates, or to naive ``Datetime("us")`` in UTC.

    Parameters
    ----------
    frame : polars.LazyFrame
        The table.
    column : str
        Its column with dates, datetimes, text or numbers.
    origin : Origin
        The table's name in error messages.
    format : str, optional
        The strftime format of text; by default all values have the same ISO 8601 format, or are numbers.
    unit : {"s", "ms", "us", "ns", "d", "excel"}, optional
        The unit of numbers since 1970; "excel" for days since 1899, as spreadsheets count. By default, the unit in
        which all numbers are times between 1990 and 2100.

    Raises
    ------
    TableError
        If the column has another type, its first text is not ISO 8601, or its numbers are not times of one unit.
    """
    dtype, value = frame.collect_schema()[column], pl.col(column)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        frame, dtype = frame.with_columns(value.cast(pl.String)), pl.String()
        value = value.cast(pl.String)
    if format is not None:
        return _of_format(dtype, value, format, column, origin)
    if dtype == pl.String:
        return _of_text(frame, value, column, origin, unit)
    if unit is not None and not dtype.is_numeric() and dtype != pl.Null:
        raise _only_for_numbers(str(dtype), column, origin)
    if isinstance(dtype, pl.Datetime | pl.Date):
        return TimeColumn(_of_times(value, dtype))
    if dtype == pl.Null:
        return TimeColumn(value.cast(pl.Datetime("us")))
    if dtype.is_integer() or dtype.is_float():
        return _of_numbers(frame, value, dtype, column, origin, unit)
    raise TableError(
        f"The {origin} has {dtype} in column {origin.column(column)!r}, which is not a timestamp; "
        "use dates, datetimes, ISO 8601 text, or numbers of seconds or milliseconds since 1970."
    )


def check_format(format: str) -> str:
    """Check a strftime format, which must contain the year and the month, and return it.

    Raises
    ------
    ParameterError
        If times that are written in this format cannot be read again.

    Examples
    --------
    >>> check_format("%d.%m.%Y")
    '%d.%m.%Y'
    """
    moment = datetime(2019, 3, 31, 18, 30, tzinfo=UTC)
    try:
        written = pl.Series("t", [moment.strftime(_to_python(format))])
        same = written.to_frame().select(_parse(pl.col("t"), format).dt.strftime("%Y-%m"))["t"][0] == "2019-03"
    except Exception:  # each part of the format has its own errors in Python and Polars
        same = False
    if not same:
        raise ParameterError(
            f"timestamp_format {format!r} does not describe a date; "
            "use strftime codes, such as '%d/%m/%Y' or '%m/%d/%Y %H:%M'."
        )
    return format


def is_possible(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return whether dates or times are within the years 1 to 9999, for which Python has dates; null for null.

    Parameters
    ----------
    column : str
        The column with ``Date`` or ``Datetime("us")``.
    dtype : polars.DataType
        Its type.
    """
    per_day = 86_400 * 10**6
    low, high = (time // per_day if dtype == pl.Date else time for time in TIMES)
    return pl.col(column).to_physical().is_between(low, high)


def require_possible(impossible: pl.Series, origin: Origin) -> None:
    """Refuse times outside the years 1 to 9999.

    Parameters
    ----------
    impossible : polars.Series
        The times that are not `is_possible`, named as their column.
    origin : Origin
        The table's name in the error message.

    Raises
    ------
    TableError
        If there are any.
    """
    if len(impossible):
        raise TableError(
            f"The {origin} has times outside the years 1 to 9999 in column {origin.column(impossible.name)!r}; "
            f"correct them{likely_unit(impossible)}."
        )


def likely_unit(times: pl.Series) -> str:
    """Return the unit that unusual times were probably written in, as the end of a sentence; empty if there is none.

    Parameters
    ----------
    times : polars.Series
        Dates or ``Datetime("us")``; the first of them counts.

    Examples
    --------
    >>> import polars as pl
    >>> likely_unit(pl.Series([1_546_300_800]).cast(pl.Datetime("us")))
    ' (probably seconds that were read as microseconds)'
    """
    time = 0 if times.dtype == pl.Date or times.is_empty() else times.to_physical()[0] or 0
    names = list(_NAMES.values())
    for i, written in enumerate(names):
        for j, read in enumerate(names):
            # Each unit is a thousandth of the one before it.
            if i != j and _RECENT[0] <= time * 1000**j / 1000**i <= _RECENT[1]:
                return f" (probably {written} that were read as {read})"
    return ""


def _only_for_numbers(what: str, column: str, origin: Origin) -> TableError:
    return TableError(
        f"The {origin} has {what} in column {origin.column(column)!r}, but timestamp_unit is for numbers only; "
        "remove it."
    )


def _of_times(value: pl.Expr, dtype: pl.Datetime | pl.Date) -> pl.Expr:
    """Return dates and times in UTC; those outside the years 1 to 9999 stay outside, but Polars can convert them."""
    if isinstance(dtype, pl.Date):
        return _clipped(value.to_physical(), 86_400 * 10**6).cast(pl.Date)
    # A time with a zone is stored in UTC.
    number = value.to_physical()
    if dtype.time_unit == "ns":
        number = number // 1000
    elif dtype.time_unit == "ms":
        number = _clipped(number, 1000) * 1000
    return number.cast(pl.Datetime("us"))


def _clipped(number: pl.Expr, microseconds: int) -> pl.Expr:
    """Return numbers of a unit, those outside the years 1 to 9999 replaced by the nearest ones outside."""
    low, high = (time // microseconds for time in TIMES)
    return number.clip(low - 1, high + 1)


def _of_format(dtype: pl.DataType, value: pl.Expr, format: str, column: str, origin: Origin) -> TimeColumn:
    if dtype.is_integer() or dtype.is_float():
        value = value.cast(pl.Int64).cast(pl.String)  # dates such as 20190131
    elif dtype not in (pl.String, pl.Null):
        raise TableError(
            f"The {origin} has {dtype} in column {origin.column(column)!r}, but timestamp_format is for text only; "
            "remove it."
        )
    return TimeColumn(_parse(value.cast(pl.String), check_format(format)))


def _of_text(frame: pl.LazyFrame, value: pl.Expr, column: str, origin: Origin, unit: Unit | None) -> TimeColumn:
    """Parse text in the ISO format of the first value, so that every other value must have the same format."""
    with origin.wrap_errors():
        texts = frame.select(pl.col(column).drop_nulls().head(_SAMPLE)).collect(engine="streaming").to_series()
    if texts.is_empty():
        return TimeColumn(value.cast(pl.Datetime("us")))
    first = str(texts[0])
    if _NUMBER.fullmatch(first.strip()):
        dtype = pl.Float64() if texts.str.contains(r"[.eE]").any() else pl.Int64()
        return _of_numbers(frame, value.cast(dtype), dtype, column, origin, unit)
    if unit is not None:
        raise _only_for_numbers(repr(first), column, origin)
    format = iso_format(first)
    if format is not None:
        return TimeColumn(_parse(value, format, is_date=format.endswith("%d")))
    formats = propose_formats(texts.to_list())
    if formats:
        both = "is ambiguous" if len(formats) > 1 else "is not an ISO 8601 date or time"
        remedy = f"set timestamp_format = {' or '.join(map(repr, formats))}"
    else:
        both = "is not an ISO 8601 date or time"
        remedy = "set timestamp_format, or write it as 2019-01-31 or 2019-01-31T18:30:00"
        if re.search(r"\d ?[A-Za-z]{2,5}$", first):
            remedy += "; of the names of time zones, only UTC is read"
    raise TableError(f"The {origin} has {first!r} in column {origin.column(column)!r}, which {both}; {remedy}.")


def _parse(value: pl.Expr, format: str, *, is_date: bool = False) -> pl.Expr:
    """Return text as naive times in UTC; every value must have the format."""
    if is_date:
        return value.str.to_date(format)
    # In Polars, %f counts nanoseconds, and %Z skips the name of any zone.
    format = format.replace(".%f", "%.f").replace("%f", "%6f")
    zone = "UTC" if _OFFSET.search(format) else None
    *others, last = [format.replace("%Z", name) for name in (("Z", "GMT", "UTC") if "%Z" in format else ("",))]
    parsed = [value.str.to_datetime(one, time_unit="us", time_zone=zone, strict=False) for one in others]
    rest = value if not parsed else pl.when(pl.coalesce(parsed).is_null()).then(value)
    parsed.append(rest.str.to_datetime(last, time_unit="us", time_zone=zone))
    return pl.coalesce(parsed).dt.replace_time_zone(None)


def _to_python(format: str) -> str:
    """Return a format of Polars as one of Python, for the codes that only Polars has."""
    return re.sub(r"%[369]f", "%f", format.replace("%.f", ".%f").replace("%#z", "%z"))


def _of_numbers(
    frame: pl.LazyFrame, value: pl.Expr, dtype: pl.DataType, column: str, origin: Origin, unit: Unit | None
) -> TimeColumn:
    if dtype.is_float():
        value = value.fill_nan(None)
    with origin.wrap_errors():
        row = frame.select(value.min().alias("min"), value.max().alias("max")).collect(engine="streaming").row(0)
    extremes = [number for number in row if number is not None]
    detected = next((one for one in _NAMES if _are_recent(extremes, one)), None)
    compact = [format for format in ("%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S") if _all_fit(extremes, format)]
    if unit is None and (detected is None or compact) and extremes:
        wrong = next((number for number in extremes if not _is_recent(number, detected or "s")), extremes[0])
        raise TableError(
            f"The {origin} has {dtype} such as {wrong} in column {origin.column(column)!r}, "
            f"which {_explain(extremes, compact, detected)}."
        )
    chosen = unit or detected or "s"
    for number in extremes:
        if not TIMES[0] <= _microseconds(number, chosen) <= TIMES[1]:
            likely = next((one for one in _NAMES if _is_recent(number, one)), None)
            remedy = f'set timestamp_unit = "{likely}"' if likely else "correct it, or set timestamp_unit"
            raise TableError(
                f"The {origin} has {number} in column {origin.column(column)!r}, which is outside the years 1 to 9999 "
                f'with timestamp_unit = "{chosen}"; {remedy}.'
            )
    described = f'timestamp_unit "{chosen}"' if unit is None and extremes else None
    return TimeColumn(_since_epoch(value, dtype, chosen), described)


def _explain(extremes: list[float], compact: list[str], detected: str | None) -> str:
    """Return why numbers are not times of a unit that is detected, and which keys would fit."""
    choices = [f'timestamp_format = "{format}"' for format in compact]
    choices += [f'timestamp_unit = "{unit}"' for unit in (detected, *_DAYS) if unit and _are_recent(extremes, unit)]
    problem = "is not a time between 1990 and 2100 in the same unit as the others"
    if len(choices) > 1:
        problem = "is ambiguous"
    elif choices:
        problem = "is not a time since 1970"
    remedy = f"set {' or '.join(choices)}"
    if not choices:
        remedy = f"set timestamp_unit to {_UNITS}, or write ISO 8601 text, such as 2019-01-31"
        if min(extremes) >= 0 and max(extremes) < _MANY_ORDERS:
            remedy += "; if these are order numbers, use the role order instead of timestamp"
    return f"{problem}; {remedy}"


def _all_fit(numbers: list[float], format: str) -> bool:
    """Return whether all numbers are dates between 1900 and 2200 that are written without separators."""
    width = len(datetime(2000, 1, 1).strftime(format))
    for number in numbers:
        text = str(number).removesuffix(".0")
        try:
            fits = len(text) == width and 1900 <= datetime.strptime(text, format).year <= 2200
        except ValueError:
            fits = False
        if not fits:
            return False
    return bool(numbers)


def _are_recent(numbers: list[float], unit: str) -> bool:
    return all(_is_recent(number, unit) for number in numbers)


def _is_recent(number: float, unit: str) -> bool:
    return _RECENT[0] <= _microseconds(number, unit) <= _RECENT[1]


def _microseconds(number: float, unit: str) -> float:
    if unit == "ns":
        return number / 1000
    return (number - (_EXCEL_DAYS if unit == "excel" else 0)) * _MICROSECONDS[unit]


def _since_epoch(value: pl.Expr, dtype: pl.DataType, unit: str) -> pl.Expr:
    """Return numbers of a unit as times."""
    value = value.cast(pl.Float64 if dtype.is_float() else pl.Int64)
    if unit == "ns":
        value = value / 1000 if dtype.is_float() else value // 1000
    else:
        value = (value - (_EXCEL_DAYS if unit == "excel" else 0)) * _MICROSECONDS[unit]
    return (value.round() if dtype.is_float() else value).cast(pl.Int64).cast(pl.Datetime("us"))
