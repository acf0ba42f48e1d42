"""Histories and features of cold users as callers pass them, checked and converted to the indices of a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Longs, canonical
from gingham.columns import ITEM_ID, ORDER, PRICE, QUANTITY, TIMESTAMP, USER_ID, VALUE
from gingham.dataset import FeatureEncoder, Interactions
from gingham.dataset.id_list import id_series
from gingham.errors import DataError
from gingham.forks import require_threads
from gingham.frames import is_frame, to_frame
from gingham.models.cold import ColdUsers
from gingham.models.training_data import TrainingData
from gingham.tables.origin import Origin
from gingham.tables.timestamp import to_naive_utc
from gingham.validation import check_bool

# The type of each optional column of numbers.
_NUMBERS = {VALUE: pl.Float32, QUANTITY: pl.Float32, PRICE: pl.Float32, ORDER: pl.Int64}


@dataclass(frozen=True, eq=False)
class Histories:
    """The histories of some users, as they were passed.

    Attributes
    ----------
    users : list of ids, or None
        The key of each user; None for a single user without a key.
    position : int64 array, shape (n,)
        The position of each transaction's user in `users`.
    items : list of lists of ids
        The items of the transactions, in parts of any length.
    columns : polars.DataFrame or None
        Further columns of the transactions; None if there are none.
    """

    users: list[Any] | None
    position: Longs
    items: list[Any]
    columns: pl.DataFrame | None = None

    @classmethod
    def of(cls, history: Any, name: str) -> "Histories":
        """Read an iterable of items, a mapping of users to such iterables, or a data frame.

        Raises
        ------
        DataError
            If it has another type, or a data frame lacks a column.
        """
        if history is None:
            return cls(None, np.empty(0, np.int64), [])
        if is_frame(history):
            return cls._of_frame(history, name)
        if isinstance(history, Mapping):
            lists = [id_series(items) for items in history.values()]
            position = np.repeat(np.arange(len(lists)), [len(items) for items in lists])
            return cls(list(history), position, lists)
        items = id_series(history)
        return cls(None, np.zeros(len(items), np.int64), [items])

    @classmethod
    def _of_frame(cls, history: Any, name: str) -> "Histories":
        require_threads(f"Reading {name} from a data frame")
        frame = to_frame(history, f"data frame of {name}").collect()
        if ITEM_ID not in frame.columns:
            columns = ", ".join(map(repr, frame.columns))
            raise DataError(f"The data frame of {name} has the columns {columns}; it needs {ITEM_ID}.")
        if USER_ID not in frame.columns:
            return cls(None, np.zeros(frame.height, np.int64), [frame[ITEM_ID]], frame)
        keys = Keys.of(frame[USER_ID], name)
        return cls(keys.users, keys.position, [frame[ITEM_ID]], frame)


@dataclass(frozen=True, eq=False)
class Keys:
    """The distinct users of a column, in the order in which they occur.

    Attributes
    ----------
    users : list of ids
        The users.
    position : int64 array
        The position of each row's user.
    """

    users: list[Any]
    position: Longs

    @classmethod
    def of(cls, column: pl.Series, name: str) -> "Keys":
        """Find the users of a column.

        Raises
        ------
        DataError
            If a user is missing.
        """
        ids = id_series(column)
        if ids.null_count():
            row = int(ids.is_null().arg_max() or 0)
            raise DataError(f"{name} has no {USER_ID} in row {row}; pass one for each row, or no column {USER_ID}.")
        places: dict[Any, int] = {}
        position = [places.setdefault(user, len(places)) for user in ids.to_list()]
        return cls(list(places), np.array(position, np.int64))


@dataclass(frozen=True, eq=False)
class ColdInput:
    """Histories and features of users, as callers pass them to a model.

    Attributes
    ----------
    histories : Histories
        The histories.
    features : mapping, data frame, sparse matrix or None
        The features; None if there are none or the model does not use them.
    data : TrainingData
        The training data of the model.
    """

    histories: Histories
    features: Any
    data: TrainingData

    @cached_property
    def _feature_keys(self) -> Keys | None:
        """The users of a data frame of features with user ids."""
        frame = self._feature_frame
        if frame is None or USER_ID not in frame.columns:
            return None
        keys = Keys.of(frame[USER_ID], "features")
        if len(keys.users) < frame.height:
            twice = keys.users[int(np.flatnonzero(np.bincount(keys.position) > 1)[0])]
            raise DataError(f"user_id {twice!r} appears twice in features; pass one row per user.")
        return keys

    @cached_property
    def _feature_frame(self) -> pl.DataFrame | None:
        if not is_frame(self.features):
            return None
        require_threads("Reading features from a data frame")
        return to_frame(self.features, "data frame of features").collect()

    @cached_property
    def users(self) -> list[Any] | None:
        """The keys of all users, those with a history first; None for a single user without a key."""
        keys, users = self._feature_keys, self.histories.users
        if keys is None:
            return users
        if users is None:
            if len(self.histories.position):
                raise DataError(
                    f"features has a column {USER_ID}, but history is that of one user without an id; pass history as "
                    f"a mapping of ids to items, or with a column {USER_ID}."
                )
            return keys.users
        return list(dict.fromkeys([*users, *keys.users]))

    def ids(self) -> pl.Series:
        """Return the user ids of the result; null for a user without a key."""
        return pl.Series([None], dtype=self.data.user_ids.values.dtype) if self.users is None else id_series(self.users)

    @property
    def n_users(self) -> int:
        """The number of users."""
        return 1 if self.users is None else len(self.users)

    def read(self, name: str, strict: bool) -> ColdUsers:
        """Return the users by the indices of the model; unknown items are ignored and counted."""
        check_bool("strict", strict)
        places = self.data.item_ids.places(self.histories.items, name, strict)
        item = np.concatenate([np.empty(0, np.int32), *places])
        sold = np.flatnonzero(item >= 0)
        columns = self._columns(name)
        times, order = self._times(name), columns.pop(ORDER, None)
        by_position = times is None and order is None
        now = self.data.last_time
        if now is not None:
            # What happened after the training data happened now: the model knows no later time.
            times = np.full(len(item), now) if times is None else np.where(np.isnat(times), now, np.minimum(times, now))
        value = columns.get(VALUE, columns.get(QUANTITY))
        rows = Interactions(
            self.histories.position[sold],
            item[sold],
            self.n_users,
            len(self.data.item_ids),
            None if value is None else value[sold],
            None if now is None or times is None else times[sold],
            price=None if PRICE not in columns else columns[PRICE][sold],
            order=np.arange(len(sold)) if by_position else None if order is None else order[sold],
        )
        return ColdUsers(rows, self._encoded(), now, by_position)

    def _columns(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Return the columns of numbers; an unknown price is NaN."""
        frame, columns = self.histories.columns, {}
        for column, dtype in _NUMBERS.items():
            if frame is None or column not in frame.columns:
                continue
            values = frame[column].cast(dtype, strict=False)
            wrong = values.is_null() & (frame[column].is_not_null() if column == PRICE else True)
            if wrong.any():
                row = int(wrong.arg_max() or 0)
                raise DataError(f"{column} is {frame[column][row]!r} in row {row} of {name}; pass a number.")
            columns[column] = values.fill_null(np.nan).to_numpy() if column == PRICE else values.to_numpy()
        return columns

    def _times(self, name: str) -> npt.NDArray[np.datetime64] | None:
        frame = self.histories.columns
        if frame is None or TIMESTAMP not in frame.columns:
            return None
        times = to_naive_utc(frame.lazy(), TIMESTAMP, Origin(name)).times
        try:
            return frame.select(times.cast(pl.Datetime("us")))[TIMESTAMP].to_numpy()
        except pl.exceptions.PolarsError as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise DataError(f"timestamp in {name} is not a time: {reason}; use ISO 8601 text or datetimes.") from error

    def _encoded(self) -> sp.csr_matrix | None:
        """Return the features as a matrix with a row per user."""
        features, encoder = self.features, self.data.user_encoder
        if features is None:
            return None
        if sp.issparse(features):
            return self._matrix(features)
        assert encoder is not None  # otherwise the model does not use them
        frame = self._feature_frame
        if frame is None:
            if self.n_users != 1:
                raise DataError(
                    f"features is those of one user, but history has {self.n_users:,} users; pass a data frame with a "
                    f"row per user and a column {USER_ID}."
                )
            return encoder.encode_one(features)
        return self._of_frame(frame, encoder)

    def _matrix(self, features: Any) -> sp.csr_matrix:
        matrix = canonical(features, "features")
        if matrix.shape[0] != self.n_users:
            raise DataError(f"features has {matrix.shape[0]:,} rows for {self.n_users:,} users; pass one row for each.")
        return matrix

    def _of_frame(self, frame: pl.DataFrame, encoder: FeatureEncoder) -> sp.csr_matrix:
        rows, keys = encoder.encode(frame), self._feature_keys
        if keys is None:
            if frame.height != 1 or self.n_users != 1:
                raise DataError(
                    f"features has {frame.height:,} rows without {USER_ID} for {self.n_users:,} users; add a column "
                    f"{USER_ID}."
                )
            return rows
        places = {user: row for row, user in enumerate(keys.users)}
        # Users without a row of features have the empty one at the end.
        indptr = np.append(rows.indptr, rows.nnz)
        padded = sp.csr_matrix((rows.data, rows.indices, indptr), shape=(frame.height + 1, rows.shape[1]))
        chosen: sp.csr_matrix = padded[[places.get(user, frame.height) for user in self.users or keys.users]]
        return chosen
