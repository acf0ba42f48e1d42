"""Ids as callers pass them: a single one, or several in any container."""

from collections.abc import Iterable, Mapping, Set
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import polars as pl

from gingham.errors import DataError
from gingham.validation import shown

IdList: TypeAlias = pl.Series | Iterable[Any] | int | str

_REMEDY = "pass an id, or a list of ids"


def id_series(ids: Any) -> pl.Series:
    """Return a single id, or a container of ids, as a series.

    Parameters
    ----------
    ids : int, str, or series, array or iterable of them
        An id, or several: a series or index of Polars, pandas or PyArrow, an array, a list, a set (in ascending
        order), a generator. A text is one id. Floats that are whole numbers are integers.

    Raises
    ------
    DataError
        If this is not an id or a list of ids, or if some ids are integers and others text.

    Examples
    --------
    >>> id_series("ann").to_list(), id_series({3, 1}).to_list()
    (['ann'], [1, 3])
    """
    series = _series(ids)
    if series.dtype.is_float():
        whole = series.cast(pl.Int64, strict=False)
        if whole.null_count() == series.null_count() and (whole.cast(series.dtype) == series).all():
            return whole
    # Integers keep their type: one that does not fit into 64 bits is an unknown id, and the message shows it.
    keep = series.dtype == pl.Null or isinstance(series.dtype, pl.Categorical) or series.dtype.is_integer()
    return series if keep or not len(series) else typed(series)


def typed(series: pl.Series) -> pl.Series:
    """Return ids as Int64 or String.

    Raises
    ------
    DataError
        If they are not integers or text, or an integer does not fit into 64 bits.
    """
    if series.dtype.is_integer():
        integers = series.cast(pl.Int64, strict=False)
        if integers.null_count() > series.null_count():
            too_large = series.filter(integers.is_null() & series.is_not_null())[0]
            raise DataError(f"The id {too_large} does not fit into 64 bits; use text for such ids.")
        return integers
    if isinstance(series.dtype, (pl.Categorical, pl.Enum)):
        return series.cast(pl.String)
    if series.dtype != pl.String:
        raise DataError(f"Ids are {series.dtype}; use integers or text.")
    return series


def _series(ids: Any) -> pl.Series:
    if isinstance(ids, pl.Series):
        return ids
    if isinstance(ids, str | int | float | np.number | UUID) and not isinstance(ids, bool):
        return _of_list([ids])
    if isinstance(ids, np.ndarray) and ids.ndim == 0:
        return id_series(ids.item())
    if isinstance(ids, bytes | bytearray | Mapping) or not isinstance(ids, Iterable):
        raise DataError(f"{shown(ids)} is not an id or a list of ids; {_REMEDY}.")
    n_dimensions = len(getattr(ids, "shape", (0,)))
    if n_dimensions != 1:
        raise DataError(f"The ids have {n_dimensions} dimensions (a {type(ids).__name__}); {_REMEDY}.")
    if isinstance(ids, Set):
        return _of_list(_ascending(ids))
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iuf":
        return pl.Series(np.ascontiguousarray(ids))
    if isinstance(ids, range) or (hasattr(ids, "__arrow_c_stream__") and not hasattr(ids, "iloc")):
        return pl.Series(values=ids)
    # Index and series of pandas have missing values of several types; a list of Python's objects has None alone.
    return _of_list(ids.tolist() if hasattr(ids, "tolist") else list(ids))


def _of_list(values: list[Any]) -> pl.Series:
    try:
        return pl.Series(values=[_plain(value) for value in values])
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        types = sorted({type(value).__name__ for value in values if value is not None})
        example = next((value for value in values if not isinstance(value, str | int)), values[0])
        problem = f"they are {' and '.join(types)}" if len(types) > 1 else f"one is {shown(example)}"
        raise DataError(
            f"The ids do not have one type: {problem}; pass all as integers of 64 bits or all as text."
        ) from None


def _plain(value: Any) -> Any:
    """Return a value of Python; a UUID is text, as in tables."""
    return str(value) if isinstance(value, UUID) else value.item() if isinstance(value, np.generic) else value


def _ascending(ids: Set[Any]) -> list[Any]:
    try:
        return sorted(ids)
    except TypeError:
        return list(ids)
