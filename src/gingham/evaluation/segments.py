"""For whom a model is good: users (and test items) by what they have in common."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from gingham.columns import USER_ID
from gingham.dataset import Dataset
from gingham.dataset.codes import Codes
from gingham.errors import DataError, ParameterError
from gingham.metrics import TestRanks
from gingham.models.training_data import Data, TrainingData

By: TypeAlias = str | Mapping[str, Any] | Any

HISTORY = "history"
NEW_USERS = "new users"
COLD_ITEMS = "cold items"

# The least pairs of each band of history.
_BANDS = (0, 1, 2, 5, 10, 20, 50)
# A column with more values has bands of equally many users, or keeps its most frequent values.
_VALUES = 8
_QUARTERS = (0.25, 0.5, 0.75)
_OTHER, _UNKNOWN = "other", "unknown"


@dataclass(frozen=True, eq=False)
class Segment:
    """Some of the users, or some of their test items.

    Attributes
    ----------
    name, value : str
        What they have in common, such as "history" and "2-4".
    users : bool array of length n_users
        Which of the users with test items.
    items : bool array of length n_test, or None
        Which of their test items; None for all.
    """

    name: str
    value: str
    users: npt.NDArray[np.bool_]
    items: npt.NDArray[np.bool_] | None = None


Splitter: TypeAlias = Callable[[TestRanks], Iterator[Segment]]


def segments(by: By | Sequence[By], known: TrainingData, test: Data) -> Splitter:
    """Say how to split the users of a test as asked; see `gingham.evaluate` for what can be.

    Parameters
    ----------
    by : str, data frame, mapping, or a sequence of these
        What to split by.
    known : TrainingData
        What the model was fitted to.
    test : Dataset or sparse matrix
        As it was given.

    Returns
    -------
    callable
        Takes the ranks of the users with test items, and gives the segments.

    Raises
    ------
    ParameterError
        If there is no such attribute.
    DataError
        If a frame has no ``user_id``, a user twice, or lists.
    """
    several = isinstance(by, Sequence) and not isinstance(by, str)
    splitters = [_splitter(one, known, test) for one in (by if several else [by])]
    return lambda ranks: (segment for split in splitters for segment in split(ranks))


def _splitter(by: By, known: TrainingData, test: Data) -> Splitter:
    if not isinstance(by, str):
        return partial(_by_table, _table(by), known)
    if by in _OF_KNOWN:
        return partial(_OF_KNOWN[by], known)
    return partial(_by_feature, by, _feature(by, test))


def _labelled(name: str, codes: npt.NDArray[np.integer], labels: Sequence[str]) -> Iterator[Segment]:
    for code, label in enumerate(labels):
        users = codes == code
        if users.any():
            yield Segment(name, label, users)


def _by_history(known: TrainingData, ranks: TestRanks) -> Iterator[Segment]:
    lengths = np.diff(known.matrix.indptr)[ranks.users]
    bands = [f"{low}-{high - 1}" if high - low > 1 else f"{low}" for low, high in pairwise(_BANDS)]
    yield from _labelled(HISTORY, np.searchsorted(_BANDS, lengths, side="right") - 1, [*bands, f"{_BANDS[-1]}+"])


def _by_newness(known: TrainingData, ranks: TestRanks) -> Iterator[Segment]:
    new = np.diff(known.matrix.indptr)[ranks.users] == 0
    yield from _labelled(NEW_USERS, new.astype(np.int64), ["known", "new"])


def _by_item(known: TrainingData, ranks: TestRanks) -> Iterator[Segment]:
    sold = np.bincount(known.matrix.indices, minlength=known.matrix.shape[1]) > 0
    for value, chosen in (("known", sold[ranks.items]), ("cold", ~sold[ranks.items])):
        users = ranks.sum(chosen) > 0
        if users.any():
            yield Segment(COLD_ITEMS, value, users, chosen)


_OF_KNOWN = {HISTORY: _by_history, NEW_USERS: _by_newness, COLD_ITEMS: _by_item}


def _feature(name: str, test: Data) -> Codes:
    """Find the column of the users' features by which to split."""
    features = test.user_features if isinstance(test, Dataset) else None
    categories = {} if features is None else features.categories()
    columns = {column: codes for column, codes in categories.items() if codes.is_exclusive}
    if name not in columns:
        choices = ", ".join(map(repr, (*_OF_KNOWN, *columns)))
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
    """Take a frame of users."""
    table = _polars(frame)
    if USER_ID not in table.columns or table.width < 2:
        raise DataError(f"by has the columns {table.columns}; give {USER_ID} and what to split its users by.")
    if table[USER_ID].is_duplicated().any():
        twice = table[USER_ID].filter(table[USER_ID].is_duplicated())[0]
        raise DataError(f"by has the user {twice!r} twice; give one row a user.")
    nested = [column.name for column in table if column.dtype.is_nested()]
    if nested:
        raise DataError(f"by has lists in column {nested[0]!r}; give a number or a text a user.")
    return table


def _by_table(table: pl.DataFrame, known: TrainingData, ranks: TestRanks) -> Iterator[Segment]:
    """Split by each column of a frame of users."""
    place = np.full(len(known.user_ids), -1)
    found = known.user_ids.find(table[USER_ID])
    if not (found >= 0).any() and len(ranks.users):
        asked = f"its first is {table[USER_ID][0]!r}" if len(table) else "it is empty"
        raise DataError(
            f"by has none of the {len(known.user_ids):,} users that the model knows, such as "
            f"{known.user_ids.values[0]!r}: {asked}; give {USER_ID} as the transactions have it."
        )
    place[found[found >= 0]] = np.flatnonzero(found >= 0)
    rows = pl.Series(place[ranks.users]).replace(-1, None)
    for column in table.drop(USER_ID):
        yield from _by_values(column.gather(rows))


def _polars(frame: Any) -> pl.DataFrame:
    """Take any frame, or a mapping of columns; what is not a number is null, whoever made it."""
    try:
        native = nw.from_native(pl.DataFrame(frame) if isinstance(frame, Mapping) else frame)
    except TypeError as error:
        raise ParameterError(f"by is a {type(frame).__name__}; give names, or a data frame of users.") from error
    except pl.exceptions.ShapeError as error:
        raise DataError(f"by has columns of several lengths: {error}; give one entry a user in each.") from error
    table: pl.DataFrame = (native.collect() if isinstance(native, nw.LazyFrame) else native).to_polars()
    return table.with_columns(cs.decimal().cast(pl.Float64)).with_columns(cs.float().fill_nan(None))


def _by_values(values: pl.Series) -> Iterator[Segment]:
    """Split by a column: numbers in bands of about equally many users, other values as they are, null as unknown."""
    numeric = values.dtype.is_numeric()
    if numeric and values.drop_nulls().n_unique() > _VALUES:
        borders = np.unique([values.quantile(share, "nearest") for share in _QUARTERS])
        codes = np.searchsorted(borders, values.fill_null(0).to_numpy(), side="left")
        codes[values.is_null().to_numpy()] = len(borders) + 1
        middle = (f"{low:g} to {high:g}" for low, high in pairwise(borders))
        yield from _labelled(values.name, codes, [f"<= {borders[0]:g}", *middle, f"> {borders[-1]:g}", _UNKNOWN])
        return
    texts = values.cast(pl.String)
    often = texts.drop_nulls().value_counts(sort=True)[values.name].head(_VALUES)
    kept = values.drop_nulls().unique().sort().cast(pl.String) if numeric else often.sort()
    # A table may have values of these names itself, which are the same segments then.
    labels = list(dict.fromkeys([*kept, _OTHER, _UNKNOWN]))
    numbers = {label: code for code, label in enumerate(labels)}
    found = {**{label: numbers[label] for label in kept}, None: numbers[_UNKNOWN]}
    codes = texts.replace_strict(found, default=numbers[_OTHER], return_dtype=pl.Int64).to_numpy()
    yield from _labelled(values.name, codes, labels)
