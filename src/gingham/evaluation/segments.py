"""Segments of the users (and test items) by which an evaluation is broken down."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from gingham.columns import USER_ID
from gingham.dataset import Dataset
from gingham.dataset.codes import Codes
from gingham.errors import DataError, ParameterError
from gingham.frames import is_frame, to_frame
from gingham.metrics import TestRanks
from gingham.models.training_data import Data, TrainingData

By: TypeAlias = str | Mapping[str, Any] | Any

HISTORY = "history"
NEW_USERS = "new users"
COLD_ITEMS = "cold items"

# The smallest number of items in each band of history.
_BANDS = (0, 1, 2, 5, 10, 20, 50)
# Numbers with more values are cut into bands of about equally many users; of other values, the most frequent are shown.
_VALUES = 8
_QUARTERS = (0.25, 0.5, 0.75)
_OTHER, _UNKNOWN = "other", "unknown"


@dataclass(frozen=True, eq=False)
class Segment:
    """A part of the users with test items, or of their test items.

    Attributes
    ----------
    name, value : str
        The attribute and its value, such as "history" and "2-4".
    users : bool array of length n_users
        Which of the users with test items are in the segment.
    items : bool array of length n_test, or None
        Which of their test items are in the segment; None for all.
    """

    name: str
    value: str
    users: npt.NDArray[np.bool_]
    items: npt.NDArray[np.bool_] | None = None


Splitter: TypeAlias = Callable[[TestRanks], Iterator[Segment]]


def build_splitter(by: By | Sequence[By], training_data: TrainingData, test: Data) -> Splitter:
    """Build the function that splits the users of a test into segments.

    Parameters
    ----------
    by : str, data frame, mapping, or a sequence of these
        The attributes to split by, as for `gingham.evaluate`.
    training_data : TrainingData
        The data that the model was fitted to.
    test : Dataset or sparse matrix
        The test data.

    Returns
    -------
    callable
        Takes the ranks of the test items, and returns an iterator of segments.

    Raises
    ------
    ParameterError
        If `by` names no attribute of the users.
    DataError
        If a frame has no ``user_id``, a duplicate user, or a column of lists.
    """
    several = isinstance(by, Sequence) and not isinstance(by, str)
    splitters = [_splitter(one, training_data, test) for one in (by if several else [by])]
    return lambda ranks: (segment for split in splitters for segment in split(ranks))


def _splitter(by: By, training_data: TrainingData, test: Data) -> Splitter:
    if not isinstance(by, str):
        return partial(_by_table, _table(by), training_data)
    if by in _OF_TRAINING_DATA:
        return partial(_OF_TRAINING_DATA[by], training_data)
    return partial(_by_feature, by, _feature(by, test))


def _labelled(name: str, codes: npt.NDArray[np.integer], labels: Sequence[str]) -> Iterator[Segment]:
    for code, label in enumerate(labels):
        users = codes == code
        if users.any():
            yield Segment(name, label, users)


def _by_history(training_data: TrainingData, ranks: TestRanks) -> Iterator[Segment]:
    lengths = np.diff(training_data.matrix.indptr)[ranks.users]
    bands = [f"{low}-{high - 1}" if high - low > 1 else f"{low}" for low, high in pairwise(_BANDS)]
    yield from _labelled(HISTORY, np.searchsorted(_BANDS, lengths, side="right") - 1, [*bands, f"{_BANDS[-1]}+"])


def _by_newness(training_data: TrainingData, ranks: TestRanks) -> Iterator[Segment]:
    new = np.diff(training_data.matrix.indptr)[ranks.users] == 0
    yield from _labelled(NEW_USERS, new.astype(np.int64), ["known", "new"])


def _by_item(training_data: TrainingData, ranks: TestRanks) -> Iterator[Segment]:
    matrix = training_data.matrix
    is_known = (np.bincount(matrix.indices, minlength=matrix.shape[1]) > 0)[ranks.items]
    for value, items in (("known", is_known), ("cold", ~is_known)):
        users = ranks.sum(items) > 0
        if users.any():
            yield Segment(COLD_ITEMS, value, users, items)


_OF_TRAINING_DATA = {HISTORY: _by_history, NEW_USERS: _by_newness, COLD_ITEMS: _by_item}


def _feature(name: str, test: Data) -> Codes:
    """Find the column of the users' features by which to split."""
    features = test.user_features if isinstance(test, Dataset) else None
    categories = {} if features is None else features.categories()
    columns = {column: codes for column, codes in categories.items() if codes.is_exclusive}
    if name not in columns:
        choices = ", ".join(map(repr, (*_OF_TRAINING_DATA, *columns)))
        raise ParameterError(f"by={name!r} is not a segmentation of the users; use one of {choices}, or a data frame.")
    return columns[name]


def _by_feature(name: str, codes: Codes, ranks: TestRanks) -> Iterator[Segment]:
    """Split by a column of which the users' features were made: by value, or by bin."""
    # Features that were not encoded from a table may leave users without a value.
    values = [*codes.labels, _UNKNOWN]
    labels = list(dict.fromkeys(values))
    place = {label: number for number, label in enumerate(labels)}
    segments = np.array([place[value] for value in values])
    yield from _labelled(name, segments[codes.of_row[ranks.users]], labels)


def _table(frame: Any) -> pl.DataFrame:
    """Return a data frame of users after checking it."""
    table = _polars(frame)
    if USER_ID not in table.columns or table.width < 2:
        raise DataError(f"by has the columns {table.columns}; use {USER_ID} and at least one column to split by.")
    if table[USER_ID].is_duplicated().any():
        duplicate = table[USER_ID].filter(table[USER_ID].is_duplicated())[0]
        raise DataError(f"{USER_ID} {duplicate!r} appears more than once in by; keep one row per user.")
    nested = [column.name for column in table if column.dtype.is_nested()]
    if nested:
        raise DataError(f"Column {nested[0]!r} of by contains lists; use one number or text per user.")
    return table


def _by_table(table: pl.DataFrame, training_data: TrainingData, ranks: TestRanks) -> Iterator[Segment]:
    """Split by each column of a frame of users."""
    user_ids = training_data.user_ids
    row_of_user = np.full(len(user_ids), -1)
    user_index = user_ids.find(table[USER_ID])
    matches = user_index >= 0
    if not matches.any() and len(ranks.users):
        content = f"its first {USER_ID} is {table[USER_ID][0]!r}" if len(table) else "it is empty"
        raise DataError(
            f"by contains none of the {len(user_ids):,} users of the training data, such as {user_ids.values[0]!r}: "
            f"{content}; use the same {USER_ID} as in the transactions."
        )
    row_of_user[user_index[matches]] = np.flatnonzero(matches)
    rows = pl.Series(row_of_user[ranks.users]).replace(-1, None)
    for column in table.drop(USER_ID):
        yield from _by_values(column.gather(rows))


def _polars(frame: Any) -> pl.DataFrame:
    """Convert any data frame or a mapping of columns to polars, with null for NaN."""
    try:
        frame = pl.DataFrame(frame) if isinstance(frame, Mapping) else frame
    except pl.exceptions.ShapeError as error:
        raise DataError(
            f"The columns of by have different lengths: {error}; use one entry per user in each column."
        ) from error
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise DataError(
            "by is not a mapping of names of columns to values of one type, one per user, such as "
            "{'user_id': ['ann'], 'city': ['Oslo']}."
        ) from error
    if not is_frame(frame):
        raise ParameterError(f"by is a {type(frame).__name__}; use names of attributes, or a data frame of users.")
    table = to_frame(frame, "data frame of by", [USER_ID]).collect()
    return table.with_columns(cs.decimal().cast(pl.Float64)).with_columns(cs.float().fill_nan(None))


def _by_values(values: pl.Series) -> Iterator[Segment]:
    """Split by a column: numbers in bands of about equally many users, other values as they are, null as "unknown"."""
    numeric = values.dtype.is_numeric()
    if numeric and values.drop_nulls().n_unique() > _VALUES:
        borders = np.unique([values.quantile(share, "nearest") for share in _QUARTERS])
        codes = np.searchsorted(borders, values.fill_null(0).to_numpy(), side="left")
        codes[values.is_null().to_numpy()] = len(borders) + 1
        middle = (f"{low:g} to {high:g}" for low, high in pairwise(borders))
        yield from _labelled(values.name, codes, [f"<= {borders[0]:g}", *middle, f"> {borders[-1]:g}", _UNKNOWN])
        return
    texts = values.cast(pl.String)
    frequent = texts.drop_nulls().value_counts(sort=True)[values.name].head(_VALUES)
    shown = values.drop_nulls().unique().sort().cast(pl.String) if numeric else frequent.sort()
    # The column may contain "other" or "unknown" itself; these values join the segment of the same name.
    labels = list(dict.fromkeys([*shown, _OTHER, _UNKNOWN]))
    code_of = {label: code for code, label in enumerate(labels)}
    codes_of_values = {**{label: code_of[label] for label in shown}, None: code_of[_UNKNOWN]}
    codes = texts.replace_strict(codes_of_values, default=code_of[_OTHER], return_dtype=pl.Int64).to_numpy()
    yield from _labelled(values.name, codes, labels)
