"""Transactions as arrays of integers: which user interacted with which item, and when."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, cached_property
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Longs, array_of, require_indices
from gingham.checked import TIMES, stored_array
from gingham.dataset.rows import Rows
from gingham.duration import FADED
from gingham.errors import DataError, ParameterError
from gingham.validation import check_choice, check_integer, check_number, check_type

_log = logging.getLogger("gingham")

Duplicates = Literal["sum", "max", "last"]


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Interactions:
    """Transactions as arrays of equal length, one entry per transaction.

    Parameters
    ----------
    user_index, item_index : int array of length n
        The row and column of each transaction in the user by item matrix; stored as int32.
    n_users, n_items : int
        The shape of that matrix.
    value : float array of length n, optional
        The weight of each transaction; stored as float32; 1 by default.
    timestamp : datetime64 array of length n, optional
        In UTC, stored in microseconds; None (default) if the times are unknown.
    part : Rows, optional
        Which rows of a larger dataset these are; by default the rows are a dataset of their own.
    price : float array of length n, optional
        The price paid; stored as float32, NaN for an unknown price; None (default) if no price is known.
    order : int array of length n, optional
        Order numbers, which ascend from a user's first transaction to the last one; stored as int64. They have no
        durations. None (default) if they are unknown.

    Raises
    ------
    DataError
        If the lengths differ, an index is out of range, a value is not finite, or a timestamp is NaT.

    Examples
    --------
    >>> import gingham as gg
    >>> interactions = gg.Interactions([0, 0, 1], [2, 2, 0], n_users=2, n_items=3)
    >>> interactions
    Interactions(3 rows, 2 users x 3 items)
    >>> interactions.matrix().toarray()
    array([[0., 0., 2.],
           [1., 0., 0.]], dtype=float32)
    """

    user_index: Indices
    item_index: Indices
    n_users: int
    n_items: int
    value: Floats
    timestamp: npt.NDArray[np.datetime64] | None
    part: Rows | None
    price: Floats | None
    order: Longs | None

    def __init__(
        self,
        user_index: npt.ArrayLike,
        item_index: npt.ArrayLike,
        n_users: int,
        n_items: int,
        value: npt.ArrayLike | None = None,
        timestamp: npt.ArrayLike | None = None,
        part: Rows | None = None,
        price: npt.ArrayLike | None = None,
        order: npt.ArrayLike | None = None,
    ) -> None:
        check_integer("n_users", n_users, 0)
        check_integer("n_items", n_items, 0)
        users, items = array_of(user_index, "user_index", "integers"), array_of(item_index, "item_index", "integers")
        values = np.ones(len(users), np.float32) if value is None else array_of(value, "value", "numbers")
        times = None if timestamp is None else array_of(timestamp, "timestamp", "times")
        prices = None if price is None else array_of(price, "price", "numbers")
        orders = None if order is None else array_of(order, "order", "integers")
        if part is not None:
            check_type("part", part, Rows, "the rows of other interactions")
        columns = {"item_index": items, "value": values, "timestamp": times, "price": prices, "order": orders}
        for name, array in columns.items():
            if array is not None and array.shape != users.shape:
                raise DataError(f"{name} has shape {array.shape} and user_index {users.shape}; pass one entry per row.")
        require_indices("user_index", users, n_users)
        require_indices("item_index", items, n_items)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(f"value[{row}] is {values[row]}; pass finite values only.")
        if times is not None:
            _require_times(times)
        stored = {
            "user_index": users.astype(np.int32, copy=False),
            "item_index": items.astype(np.int32, copy=False),
            "n_users": int(n_users),
            "n_items": int(n_items),
            "value": values,
            "timestamp": times,
            "part": part,
            "price": prices,
            "order": None if orders is None else orders.astype(np.int64, copy=False),
        }
        for field, content in stored.items():
            object.__setattr__(self, field, content)  # the dataclass is frozen

    def __len__(self) -> int:
        return len(self.user_index)

    def __repr__(self) -> str:
        return f"Interactions({len(self):,} rows, {self.n_users:,} users x {self.n_items:,} items)"

    @cached_property
    def rows(self) -> Rows:
        """Which rows of which dataset these are; `take` keeps track of them.

        The fingerprint of the dataset does not include values and prices: a transaction stays the same when its weight
        changes.
        """
        if self.part is not None:
            return self.part
        return Rows.all_of(self.user_index, self.item_index, self.timestamp, self.order)

    @cached_property
    def latest(self) -> np.datetime64 | None:
        """The time of the latest row; None without rows or timestamps."""
        return None if self.timestamp is None or not len(self) else np.datetime64(self.timestamp.max())

    @cached_property
    def last_bought(self) -> sp.csr_matrix | None:
        """When each user last bought each item: int64 microseconds since 1970; None without timestamps.

        Rows with a value above zero are purchases.
        """
        if self.timestamp is None:
            return None
        bought = np.flatnonzero(self.value > 0)
        rows = bought[np.lexsort((self.timestamp[bought], self.pairs()[bought]))]
        pairs = self.pairs()[rows]
        rows = rows[np.append(pairs[1:] != pairs[:-1], True)[: len(rows)]]
        indptr = np.append(0, np.cumsum(np.bincount(self.user_index[rows], minlength=self.n_users)))
        times = self.timestamp[rows].astype("datetime64[us]").view(np.int64)
        return sp.csr_matrix((times, self.item_index[rows], indptr), shape=(self.n_users, self.n_items))

    @cached_property
    def first_sold(self) -> npt.NDArray[np.datetime64]:
        """When each item was first sold: datetime64[us], NaT for an item without sales or times."""
        first = np.full(self.n_items, np.iinfo(np.int64).max)
        if self.timestamp is not None:
            bought = self.value > 0
            times = self.timestamp[bought].astype("datetime64[us]").view(np.int64)
            np.minimum.at(first, self.item_index[bought], times)
        first[first == np.iinfo(np.int64).max] = np.datetime64("NaT").view(np.int64)
        return first.view("datetime64[us]")

    def take(self, rows: npt.NDArray[Any]) -> "Interactions":
        """Select rows by a bool array of length n or by an array of row numbers.

        Raises
        ------
        DataError
            If it is neither.
        """
        rows = _selection(rows, len(self))
        return Interactions(
            self.user_index[rows],
            self.item_index[rows],
            self.n_users,
            self.n_items,
            self.value[rows],
            None if self.timestamp is None else self.timestamp[rows],
            self.rows.take(rows),
            None if self.price is None else self.price[rows],
            None if self.order is None else self.order[rows],
        )

    def positives(self) -> "Interactions":
        """Return the rows of the pairs whose values sum to more than zero: the interactions that count as positives.

        A pair whose rows sum to zero or less, such as a purchase and its return, is not a positive. Rows of zero or
        less that belong to a positive pair are kept, because they reduce its value.

        Examples
        --------
        >>> import gingham as gg
        >>> interactions = gg.Interactions([0, 0, 1], [2, 2, 0], n_users=2, n_items=3, value=[1, -1, 1])
        >>> len(interactions.positives())
        1
        """
        if not len(self) or self.value.min() > 0:
            return self
        entries = self.matrix().tocoo()
        others = entries.data <= 0
        pairs = entries.row[others].astype(np.int64) * self.n_items + entries.col[others]
        return self.take(~np.isin(self.pairs(), pairs))

    def decayed(self, decay: timedelta | float, now: np.datetime64 | None = None) -> "Interactions":
        """Weight each transaction by its age; without timestamps, all keep their values.

        Parameters
        ----------
        decay : timedelta or float
            A half-life: a transaction that is older than the last one by this time has half the weight. Or a power: a
            transaction that is d days older has the weight ``(1 + d) ** -decay``.
        now : datetime64, optional
            The time from which ages are counted instead: at least that of the last transaction.
        """
        if isinstance(decay, timedelta):
            if decay <= timedelta(0):
                raise ParameterError(f"decay must be longer than no time, not {decay!r}.")
        else:
            check_number("decay", decay, least=0)
        if now is not None:
            check_type("now", now, np.datetime64, "a numpy.datetime64")
        if not self.has_times or self.timestamp is None or not len(self):
            return self
        age = (self.timestamp.max() if now is None else now) - self.timestamp
        if isinstance(decay, timedelta):
            weight = 0.5 ** (age / np.timedelta64(decay))
        else:
            weight = (1 + age / np.timedelta64(1, "D")) ** -decay
        return replace(self, value=(self.value * np.maximum(weight, FADED)).astype(np.float32))

    @property
    def has_times(self) -> bool:
        """Whether there are timestamps, by which interactions have ages.

        If there are order numbers instead, which have no durations, a warning of the logger "gingham" says once that
        windows, half-lives and periods have no effect.
        """
        if self.timestamp is None and self.order is not None:
            _warn_of_order_numbers()
        return self.timestamp is not None

    def matrix(self, duplicates: Duplicates = "sum") -> sp.csr_matrix:
        """Return the user by item matrix.

        Parameters
        ----------
        duplicates : {"sum", "max", "last"}
            The value if a user has several rows for an item: their sum (default), the largest, or the last one by
            timestamp and order number (by position if these are equal or unknown).

        Returns
        -------
        csr_matrix of float32, shape (n_users, n_items)
            One entry per pair that occurs, with sorted columns. Its offsets are int32, or int64 for 2**31 entries and
            more.

        Raises
        ------
        ParameterError
            If `duplicates` is not one of the three.
        """
        check_choice("duplicates", duplicates, get_args(Duplicates))
        if duplicates == "sum":
            chosen: Any = slice(None)
        elif duplicates == "max":
            chosen = self._last_of_each_pair(self.value)
        else:
            chosen = self._last_of_each_pair(*self.sequence)
        rows, columns = self.user_index[chosen], self.item_index[chosen]
        matrix = sp.csr_matrix((self.value[chosen], (rows, columns)), shape=(self.n_users, self.n_items))
        matrix.sort_indices()
        return matrix

    @property
    def sequence(self) -> tuple[npt.NDArray[Any], ...]:
        """The keys by which the transactions of a user are in order, the most important one last; see `np.lexsort`."""
        return tuple(key for key in (self.order, self.timestamp) if key is not None)

    def pairs(self) -> Longs:
        """Return the (user, item) pair of each row as one number: ``user * n_items + item``, int64."""
        return self.user_index.astype(np.int64) * self.n_items + self.item_index

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the columns by name; timestamps as int64, in microseconds since 1970."""
        columns: dict[str, npt.NDArray[Any]] = {
            "user_index": self.user_index,
            "item_index": self.item_index,
            "value": self.value,
        }
        if self.timestamp is not None:
            columns["timestamp"] = self.timestamp.view(np.int64)
        if self.price is not None:
            columns["price"] = self.price
        if self.order is not None:
            columns["order"] = self.order
        return columns

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], n_users: int, n_items: int) -> "Interactions":
        """Build the interactions whose `arrays` these are; arrays mapped into memory are not copied.

        Raises
        ------
        DataError
            If the arrays are not those of interactions.
        """
        users = stored_array(arrays, "user_index", "int32", (None,), least=0, most=n_users - 1)
        times = arrays.get("timestamp")
        if times is not None:
            times = stored_array(arrays, "timestamp", "int64", users.shape, least=TIMES[0], most=TIMES[1])
        return cls(
            users,
            stored_array(arrays, "item_index", "int32", users.shape, least=0, most=n_items - 1),
            n_users,
            n_items,
            stored_array(arrays, "value", "float32", users.shape),
            None if times is None else times.view("datetime64[us]"),
            price=stored_array(arrays, "price", "float32", users.shape, allow_nan=True) if "price" in arrays else None,
            order=stored_array(arrays, "order", "int64", users.shape) if "order" in arrays else None,
        )

    def _last_of_each_pair(self, *keys: npt.NDArray[Any]) -> Longs:
        """Return the last row of each pair by `keys`; by position where these are equal."""
        pairs = self.pairs()
        rows = np.lexsort((*keys, pairs))  # stable
        ends = np.append(pairs[rows][1:] != pairs[rows][:-1], True) if len(rows) else np.empty(0, bool)
        return np.asarray(rows[ends])


@cache
def _warn_of_order_numbers() -> None:
    _log.warning("Windows, half-lives and periods have no effect: order numbers have no durations.")


def _require_times(times: npt.NDArray[np.datetime64]) -> None:
    if np.isnat(times).any():
        row = int(np.flatnonzero(np.isnat(times))[0])
        raise DataError(f"timestamp[{row}] is not a time; pass a time for every row, or no timestamp.")
    microseconds = times.view(np.int64)
    if len(times) and not TIMES[0] <= microseconds.min() <= microseconds.max() <= TIMES[1]:
        row = int(np.flatnonzero((microseconds < TIMES[0]) | (microseconds > TIMES[1]))[0])
        raise DataError(f"timestamp[{row}] is {times[row]}; pass times of the years 1 to 9999.")


def _selection(rows: Any, n_rows: int) -> npt.NDArray[Any]:
    """Return a mask of rows, or row numbers, as an array."""
    if isinstance(rows, np.ndarray) and rows.dtype.kind == "b" and rows.shape == (n_rows,):
        return rows
    numbers = array_of(rows, "rows", "integers")
    require_indices("rows", numbers, n_rows)
    return numbers.astype(np.int64, copy=False)
