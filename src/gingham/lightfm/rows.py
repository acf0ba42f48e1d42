"""Read the ids, interactions and weights that programs pass to `Dataset`, and refuse what Python would misread.

A text is a sequence of letters, a mapping one of its keys, and None becomes the number NaN.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import Any

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Floats
from gingham.errors import DataError
from gingham.validation import shown

FORMATS = "(user id, item id) or (user id, item id, weight)"
_CHUNK = 200_000  # interactions converted at once, to limit memory
_TEXT = (str, bytes, bytearray)
_UNORDERED = (*_TEXT, Mapping, Set)


def items_of(values: Any, what: str) -> Iterator[Any]:
    """Return an iterator over a list of ids, names or rows; `what` describes the list.

    Raises
    ------
    DataError
        If it is a text or not iterable.
    """
    if isinstance(values, _TEXT):
        raise DataError(f"{what} must be a list, not the text {values!r}; pass [{values!r}] for a single one.")
    if hasattr(values, "columns"):
        raise DataError(f"{what} must be a list, not a {type(values).__name__}; pass one of its columns, or its rows.")
    if sp.issparse(values):
        raise DataError(f"{what} must be a list, not a sparse matrix; pass its entries as tuples.")
    try:
        return iter(values)
    except TypeError as error:
        raise DataError(f"{what} must be a list, not {shown(values)} of type {type(values).__name__}.") from error


def distinct(values: Iterable[Hashable] | None, what: str) -> list[Hashable]:
    """Return the distinct ids or names of a list, in order of appearance; none if it is None.

    Raises
    ------
    DataError
        If it is not a list, or one of them cannot be an id.
    """
    if values is None:
        return []
    try:
        return list(dict.fromkeys(items_of(values, what)))
    except TypeError as error:
        raise DataError(f"{what} must be texts or numbers ({error}); pass a list of these.") from error


def pair_of(datum: Any, what: str) -> tuple[Any, Any]:
    """Split a pair of an id and feature names.

    Raises
    ------
    DataError
        If it is not a pair.
    """
    try:
        if isinstance(datum, _UNORDERED):
            raise TypeError
        key, features = datum
    except (TypeError, ValueError) as error:
        raise DataError(f"{shown(datum)} is not a pair; pass a list of ({what} id, feature names).") from error
    return key, features


def chunks(data: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield interactions in chunks of columns (users, items and perhaps weights); at least one chunk.

    Raises
    ------
    DataError
        If an interaction does not have two or three elements in order.
    """
    if isinstance(data, np.ndarray) and data.ndim == 2:
        _require_length(data.shape[1], data[0] if len(data) else data)
        # As Python objects, whatever the dtype of the array, because the dictionaries have Python objects as keys.
        yield [column.tolist() for column in data.T]
        return
    rest = items_of(data, "The interactions")
    while chunk := list(islice(rest, _CHUNK)):
        _require_rows(chunk)
        try:
            lengths = set(map(len, chunk))
        except TypeError as error:
            raise DataError(f"An interaction is not a tuple ({error}); pass {FORMATS}.") from error
        for datum in chunk if lengths - {2, 3} else ():
            _require_length(len(datum), datum)
        if len(lengths) == 2:
            chunk = [(*datum, 1.0)[:3] for datum in chunk]
        # Not zip(*chunk), whose many temporary objects trigger the garbage collector.
        if lengths == {2}:
            yield [[user for user, _ in chunk], [item for _, item in chunk]]
        else:
            yield [[user for user, _, _ in chunk], [item for _, item, _ in chunk], [weight for _, _, weight in chunk]]
    yield [[], []]


def weights_of(values: list[Any], name: Callable[[int], str]) -> Floats:
    """Convert weights to an array; `name` describes the owner of the weight at a position.

    Raises
    ------
    DataError
        If a weight is not a finite number.
    """
    try:
        with np.errstate(over="ignore"):
            weights = np.asarray(values, np.float32)
        if weights.shape == (len(values),) and np.isfinite(weights).all():
            return weights
    except (TypeError, ValueError, OverflowError):
        pass
    position = next(position for position, value in enumerate(values) if not _is_weight(value))
    raise DataError(f"The weight of {name(position)} is {values[position]!r}; pass a finite number, or leave it out.")


def _is_weight(value: Any) -> bool:
    try:
        with np.errstate(over="ignore"):
            return np.ndim(value) == 0 and bool(np.isfinite(np.float32(value)))
    except (TypeError, ValueError, OverflowError):
        return False


def _require_rows(chunk: list[Any]) -> None:
    """Check that interactions have elements in order; by type, because that is quick."""
    wrong = tuple(kind for kind in set(map(type, chunk)) if issubclass(kind, _UNORDERED))
    for datum in chunk if wrong else ():
        if isinstance(datum, wrong):
            raise DataError(f"The interaction {datum!r} is not a tuple; pass {FORMATS}, such as rows of a frame.")


def _require_length(length: int, datum: Any) -> None:
    if length not in (2, 3):
        raise DataError(f"{datum!r} has length {length}; pass {FORMATS}.")
