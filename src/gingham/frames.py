"""Data frames of other libraries, converted to Polars.

Columns of pandas are converted here, because narwhals and Polars need PyArrow for it, which pandas does not install.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import narwhals as nw
import numpy as np
import polars as pl

from gingham.errors import TableError

_ERRORS = (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError)
# For these, narwhals need not look which libraries are loaded.
_NO_FRAMES = (list, tuple, dict, set, str, int, float, np.ndarray, pl.Series, type(None))
_NUMBERS = (int, float, np.integer, np.floating)


def to_frame(frame: Any, what: str, used: Collection[str] | None = None) -> pl.LazyFrame:
    """Convert a data frame of any library to Polars.

    Parameters
    ----------
    frame : data frame
        Eager or lazy, of any library that narwhals supports.
    what : str
        What it is, for error messages, such as "users table".
    used : collection of str, optional
        The columns that must have one type, by default all; in pandas, they may be in the index. Other columns of
        pandas with values of several types become text.

    Raises
    ------
    TableError
        If it is not a data frame, or a column that is used has values of several types.

    Examples
    --------
    >>> import pandas as pd
    >>> to_frame(pd.DataFrame({"user_id": ["ann", None]}), "users table").collect()["user_id"].to_list()
    ['ann', None]
    """
    frame = nw.to_native(frame, pass_through=True)
    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return _readable(frame, what, used).lazy()
    if nw.dependencies.is_pandas_dataframe(frame):
        return _of_pandas(frame, what, used).lazy()
    wrapped: Any = None
    try:
        wrapped = nw.from_native(frame)
        wrapped = wrapped.collect("polars") if isinstance(wrapped, nw.LazyFrame) else wrapped
        converted: pl.DataFrame = wrapped.to_polars()
    except ImportError as error:
        raise TableError(
            f"The {what} is a {type(frame).__name__}, which cannot be converted without PyArrow; "
            "run: pip install pyarrow, or pass a data frame of pandas or Polars."
        ) from error
    except Exception as error:  # each library behind narwhals has its own errors
        column = _mixed_column(wrapped)
        if column is not None:
            raise _mixed(column, what, error) from error
        raise TableError(
            f"The {what} cannot be converted to Polars: {_first_line(error)}; "
            "pass a data frame of pandas, Polars, PyArrow or DuckDB."
        ) from error
    return converted.lazy()


def is_frame(value: Any) -> bool:
    """Return whether a value is a data frame of a library that narwhals supports.

    Examples
    --------
    >>> import polars as pl
    >>> is_frame(pl.DataFrame()), is_frame([1, 2])
    (True, False)
    """
    if isinstance(value, _NO_FRAMES):
        return False
    if nw.dependencies.is_pandas_dataframe(value):
        return True
    try:
        return isinstance(nw.from_native(value, pass_through=True), nw.DataFrame | nw.LazyFrame)
    except Exception:  # of a library that is too old, for example
        return False


def of_pandas(column: Any) -> pl.Series:
    """Convert a series or index of pandas; missing values become null.

    Raises
    ------
    TypeError
        If the values have several types.

    Examples
    --------
    >>> import pandas as pd
    >>> of_pandas(pd.Index([1.5, None])).to_list()
    [1.5, None]
    """
    series = column.to_series() if nw.dependencies.is_pandas_index(column) else column
    return _of_column(series, "")


def _of_pandas(frame: Any, what: str, used: Collection[str] | None) -> pl.DataFrame:
    in_index = [name for name in frame.index.names if name in (used or ()) and name not in frame.columns]
    frame = frame.reset_index(level=in_index) if in_index else frame
    columns: dict[str, pl.Series] = {}
    for place, name in enumerate(map(str, frame.columns)):
        if name in columns:
            raise TableError(f"The {what} has column {name!r} twice; remove or rename one of them.")
        column = frame.iloc[:, place]
        with _one_type(name, what):
            try:
                columns[name] = _of_column(column, name)
            except _ERRORS:
                if used is None or name in used:
                    raise
                columns[name] = _as_text(column.to_numpy(dtype=object, na_value=None).tolist(), name)
    return pl.DataFrame(columns)


@contextmanager
def _one_type(column: str, what: str) -> Iterator[None]:
    """Raise errors of a conversion as a `TableError` about the column."""
    try:
        yield
    except _ERRORS as error:
        raise _mixed(column, what, error) from error


def _as_text(values: list[Any], name: str) -> pl.Series:
    return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)


def _of_column(column: Any, name: str) -> pl.Series:
    """Convert a pandas series."""
    dtype = column.dtype
    if hasattr(dtype, "categories"):
        values = _of_column(dtype.categories.to_series(), name)
        codes = pl.Series(column.cat.codes.to_numpy()).cast(pl.Int64)
        return values.gather(codes.set(codes < 0, None))
    if hasattr(dtype, "pyarrow_dtype") or "pyarrow" in str(getattr(dtype, "storage", "")):
        series = pl.Series(name, column.array.__arrow_array__())
        return series.fill_nan(None) if series.dtype.is_float() else series
    if hasattr(dtype, "numpy_dtype"):  # values with a mask of those that are missing
        missing = column.isna().to_numpy(dtype=bool)
        filled = column.fillna(False if dtype.kind == "b" else 0)
        series = _of_numpy(filled.to_numpy(dtype=dtype.numpy_dtype), name)
        return pl.select(pl.when(~pl.Series(missing)).then(series).alias(name)).to_series()
    if str(dtype).startswith("period"):
        column = column.dt.to_timestamp()
    zone = getattr(dtype, "tz", None)
    if zone is not None:
        series = _of_numpy(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(), name)
        return series.dt.replace_time_zone("UTC")
    if getattr(column.dtype, "kind", "O") in "iufbmM":
        return _of_numpy(column.to_numpy(), name)
    values = column.to_numpy(dtype=object, copy=True)
    values[column.isna().to_numpy(dtype=bool)] = None
    return _of_objects(values.tolist(), name)


def _of_numpy(values: Any, name: str) -> pl.Series:
    if values.dtype.kind == "O":
        return _of_objects(values.tolist(), name)
    if values.dtype.kind in "mM" and np.datetime_data(values.dtype)[0] not in ("D", "ms", "us", "ns"):
        values = values.astype(f"{values.dtype.kind}8[us]")
    elif values.dtype.kind == "f" and values.dtype.itemsize not in (4, 8):
        values = values.astype(np.float64)
    series = pl.Series(name, np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False)))
    return series.fill_nan(None) if series.dtype.is_float() else series


def _of_objects(values: list[Any], name: str) -> pl.Series:
    """Convert Python objects of one type; UUIDs become text."""
    types = {type(value) for value in values} - {type(None)}
    names = " and ".join(sorted(kind.__name__ for kind in types))
    if types == {UUID}:
        values = [None if value is None else str(value) for value in values]
    elif len(types) > 1 and all(issubclass(kind, _NUMBERS) and kind is not bool for kind in types):
        values = [None if value is None else float(value) for value in values]
    try:
        series = pl.Series(name, values)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise TypeError(names if len(types) > 1 else f"{names}: {_first_line(error)}") from error
    if series.dtype == pl.Object or (len(types) > 1 and bool in types):
        raise TypeError(names)
    return series.fill_nan(None) if series.dtype.is_float() else series


def _readable(frame: pl.DataFrame, what: str, used: Collection[str] | None) -> pl.DataFrame:
    """Convert the columns of Python objects that a Polars frame has, such as UUIDs; others stay as they are."""
    converted: list[pl.Series] = []
    for column in frame:
        if column.dtype == pl.Object:
            with _one_type(column.name, what):
                is_used = used is None or column.name in used
                convert = _of_objects if is_used else _as_text
                converted.append(convert(column.to_list(), column.name))
    return frame.with_columns(converted) if converted else frame


def _mixed_column(frame: Any) -> str | None:
    """Return the first column of a frame that Polars has no type for."""
    for column in frame.columns if isinstance(frame, nw.DataFrame) else ():
        try:
            frame.select(column).to_polars()
        except Exception:
            return str(column)
    return None


def _mixed(column: str, what: str, error: Exception) -> TableError:
    return TableError(
        f"The {what} mixes types in column {column!r}, or has one that is not supported: {_first_line(error)}; "
        "convert it to text, numbers, dates or times."
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
