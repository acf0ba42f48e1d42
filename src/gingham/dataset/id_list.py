"""Ids as callers pass them: a single one, or several in any container."""

from collections.abc import Iterable, Mapping, Set
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import polars as pl

from gingham.columns import ITEM_ID, USER_ID
from gingham.errors import DataError
from gingham.forks import require_threads
from gingham.frames import is_frame, of_pandas, to_frame
from gingham.validation import check_type, shown

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


def id_lists(lists: Any, name: str) -> Mapping[Any, Any]:
    """Return lists of items by user: those of a mapping, or the rows of a data frame.

    Parameters
    ----------
    lists : mapping of id to ids, or data frame
        A data frame has one row per user and item, with columns ``user_id`` and ``item_id``.
    name : str
        What the lists are, for error messages.

    Raises
    ------
    ParameterError
        If it is neither.
    DataError
        If a data frame lacks one of the columns.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"user_id": ["ann", "bob", "ann"], "item_id": ["tea", "tea", "milk"]})
    >>> {user: items.to_list() for user, items in id_lists(frame, "baskets").items()}
    {'ann': ['tea', 'milk'], 'bob': ['tea']}
    """
    if not is_frame(lists):
        check_type(name, lists, Mapping, "a mapping of users to lists of item ids, such as {'guest': ['tea']}")
        mapping: Mapping[Any, Any] = lists
        return mapping
    require_threads(f"Reading {name} from a data frame")
    frame = to_frame(lists, f"data frame of {name}").collect()
    for column in (USER_ID, ITEM_ID):
        if column not in frame.columns:
            raise DataError(
                f"The data frame of {name} has the columns {', '.join(map(repr, frame.columns))}; "
                f"it needs {USER_ID} and {ITEM_ID}."
            )
    users = id_series(frame[USER_ID]).alias(USER_ID)
    groups = frame.select(users, ITEM_ID).group_by(USER_ID, maintain_order=True)
    return {user: group[ITEM_ID] for (user,), group in groups}


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
        return _of_list(ids.to_list()) if ids.dtype == pl.Object else ids
    if isinstance(ids, str | int | float | np.number | UUID) and not isinstance(ids, bool):
        return _of_list([ids])
    if isinstance(ids, np.ndarray) and ids.ndim == 0:
        return id_series(ids.item())
    if is_frame(ids):
        require_threads("Reading ids from a data frame")
        return _only_column(to_frame(ids, "data frame of ids").collect())
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
    if hasattr(ids, "isna") and hasattr(ids, "to_frame") and getattr(ids, "nlevels", 1) == 1 and ids.isna().any():
        return _with_nulls(ids)
    return _of_list(ids.tolist() if hasattr(ids, "tolist") else list(ids))


def _only_column(frame: pl.DataFrame) -> pl.Series:
    """Return the only column of a data frame, or the only one with the name of an id."""
    columns = [column for column in (USER_ID, ITEM_ID) if column in frame.columns] or frame.columns
    if len(columns) != 1:
        raise DataError(
            f"The data frame of ids has the columns {', '.join(map(repr, frame.columns))}; "
            "pass the column with the ids."
        )
    return frame[columns[0]]


def _with_nulls(ids: Any) -> pl.Series:
    """Return a series or index of pandas, which have missing values of several types."""
    try:
        return of_pandas(ids)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"The ids do not have one type: they are {error}; pass all as integers of 64 bits or all as text."
        ) from error


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
