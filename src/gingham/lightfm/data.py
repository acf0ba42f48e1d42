"""Ids and names to matrices."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Floats, Indices
from gingham.errors import DataError
from gingham.lightfm.errors import UnknownError

__all__ = ["Dataset"]

Numbers: TypeAlias = dict[Hashable, int]
# (user id, item id) or (user id, item id, weight)
Interaction: TypeAlias = tuple[Hashable, Hashable] | tuple[Hashable, Hashable, float]
# (id, names) or (id, {name: weight})
Described: TypeAlias = tuple[Hashable, Iterable[Hashable] | Mapping[Hashable, float]]

# How many interactions are taken at a time.
_CHUNK = 200_000
_PARTS = "(user id, item id) or (user id, item id, weight)"


class Dataset:
    """Numbers users, items and features in the order in which they come.

    Parameters
    ----------
    user_identity_features, item_identity_features : bool
        Whether each user and item has a feature of its own beside others; True by default.
    """

    def __init__(self, user_identity_features: bool = True, item_identity_features: bool = True) -> None:
        self._users = _Side("user", user_identity_features)
        self._items = _Side("item", item_identity_features)

    def fit(
        self,
        users: Iterable[Hashable],
        items: Iterable[Hashable],
        user_features: Iterable[Hashable] | None = None,
        item_features: Iterable[Hashable] | None = None,
    ) -> None:
        """Give numbers to ids and names of features, forgetting those of before; repeated ones count once."""
        for side in (self._users, self._items):
            side.forget()
        self.fit_partial(users, items, user_features, item_features)

    def fit_partial(
        self,
        users: Iterable[Hashable] | None = None,
        items: Iterable[Hashable] | None = None,
        user_features: Iterable[Hashable] | None = None,
        item_features: Iterable[Hashable] | None = None,
    ) -> None:
        """Give numbers to ids and names of features that are not known yet; the others keep theirs."""
        self._users.add_ids(users)
        self._items.add_ids(items)
        self._users.add_names(user_features)
        self._items.add_names(item_features)

    def build_interactions(self, data: Iterable[Interaction]) -> tuple[sp.coo_matrix, sp.coo_matrix]:
        """Make matrices of interactions.

        Parameters
        ----------
        data : iterable of (user id, item id) or (user id, item id, weight), or array with these columns
            Where there is no weight, it is 1.

        Returns
        -------
        interactions : coo_matrix of int32, shape (n_users, n_items)
            A one for each of the data, in their order.
        weights : coo_matrix of float32, of the same shape and places
            The weights.

        Raises
        ------
        UnknownError
            If an id is not known; call `fit` or `fit_partial` with it first.
        DataError
            If one of the data has neither two nor three parts, or a weight is no number.
        """
        users, items, weights = (
            np.concatenate(parts) if len(parts) > 1 else parts[0]
            for parts in zip(*map(self._numbered, _chunks(data)), strict=True)
        )
        places, shape = (users, items), self.interactions_shape()
        ones = np.ones(len(users), np.int32)
        return sp.coo_matrix((ones, places), shape=shape), sp.coo_matrix((weights, places), shape=shape)

    def build_user_features(self, data: Iterable[Described], normalize: bool = True) -> sp.csr_matrix:
        """Make the matrix of users' features.

        Parameters
        ----------
        data : iterable of (user id, names) or (user id, {name: weight})
            Which user has which features; what a name comes with twice is summed.
        normalize : bool
            Whether the weights of each user sum to 1, in absolute terms; True by default.

        Returns
        -------
        csr_matrix of float32, shape (n_users, n_user_features)

        Raises
        ------
        UnknownError
            If an id or a name is not known.
        DataError
            If one of the data is no pair, or a user has no features to normalize.
        """
        return self._users.build(data, normalize)

    def build_item_features(self, data: Iterable[Described], normalize: bool = True) -> sp.csr_matrix:
        """Make the matrix of items' features; as `build_user_features`, for items."""
        return self._items.build(data, normalize)

    def interactions_shape(self) -> tuple[int, int]:
        """Give the numbers of users and items."""
        return len(self._users.ids), len(self._items.ids)

    def user_features_shape(self) -> tuple[int, int]:
        """Give the numbers of users and of their features."""
        return len(self._users.ids), self._users.n_features

    def item_features_shape(self) -> tuple[int, int]:
        """Give the numbers of items and of their features."""
        return len(self._items.ids), self._items.n_features

    def model_dimensions(self) -> tuple[int, int]:
        """Give the numbers of users' and items' features, which are those of a model's embeddings."""
        return self._users.n_features, self._items.n_features

    def mapping(self) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """Give the numbers of users, of users' features, of items and of items' features.

        A feature of a user's or item's own is under the id; where that is the name of another feature, too, under
        ``("identity", id)``.
        """
        return self._users.ids, self._users.features(), self._items.ids, self._items.features()

    def _numbered(self, columns: list[Any]) -> tuple[Indices, Indices, Floats]:
        users, items = self._users.numbers(columns[0]), self._items.numbers(columns[1])
        bad = [int(np.argmin(found)) for found in (users, items) if len(found) and found.min() < 0]
        if bad:
            first = min(bad)
            side, ids = (self._users, columns[0]) if users[first] < 0 else (self._items, columns[1])
            raise _unknown(side.what, ids[first])
        if len(columns) == 2:
            return users, items, np.ones(len(users), np.float32)
        return users, items, _weights(columns[2])


class _Side:
    """The ids of users or items, and the columns of their features."""

    def __init__(self, what: str, identity: bool) -> None:
        self.what, self._has_identity = what, identity
        self.forget()

    def forget(self) -> None:
        self.ids: Numbers = {}
        # The column of each one's own feature; apart, so that a name that is somebody's id, too, has another.
        self._own: list[int] = []
        self._names: Numbers = {}

    @property
    def n_features(self) -> int:
        return len(self._own) + len(self._names)

    def features(self) -> Numbers:
        described = zip(self.ids, self._own, strict=self._has_identity)
        own = {("identity", key) if key in self._names else key: column for key, column in described}
        return dict(sorted((own | self._names).items(), key=lambda entry: entry[1]))

    def add_ids(self, ids: Iterable[Hashable] | None) -> None:
        known, first = len(self.ids), self.n_features
        _number(self.ids, ids)
        if self._has_identity:
            self._own += range(first, first + len(self.ids) - known)

    def add_names(self, names: Iterable[Hashable] | None) -> None:
        for name in () if names is None else names:
            self._names.setdefault(name, self.n_features)

    def numbers(self, ids: list[Hashable]) -> Indices:
        """Give the numbers of ids, -1 for one that is not known."""
        numbers = np.empty(len(ids), np.int32)
        _native.look_up(numbers=self.ids, keys=ids, out=numbers)
        return numbers

    def build(self, data: Iterable[Described], normalize: bool) -> sp.csr_matrix:
        rows, columns, weights = list(range(len(self._own))), list(self._own), [1.0] * len(self._own)
        for row, column, weight in self._described(data):
            rows.append(row)
            columns.append(column)
            weights.append(weight)
        places = np.array(rows, np.int32), np.array(columns, np.int32)
        shape = len(self.ids), self.n_features
        matrix = sp.csr_matrix((np.array(weights, np.float32), places), shape=shape)
        return self._normalized(matrix) if normalize else matrix

    def _described(self, data: Iterable[Described]) -> Iterator[tuple[int, int, float]]:
        for datum in data:
            try:
                key, features = datum
            except (TypeError, ValueError) as error:
                raise DataError(f"{datum!r} is no pair; give ({self.what} id, names of features).") from error
            if key not in self.ids:
                raise _unknown(self.what, key)
            weighed = features.items() if isinstance(features, Mapping) else ((name, 1.0) for name in features)
            for name, weight in weighed:
                column = self._column(name)
                if column is None:
                    raise _unknown(f"{self.what} feature", name)
                yield self.ids[key], column, weight

    def _column(self, name: Hashable) -> int | None:
        number = self.ids.get(name) if self._own else None
        return self._names.get(name, None if number is None else self._own[number])

    def _normalized(self, matrix: sp.csr_matrix) -> sp.csr_matrix:
        without = np.flatnonzero(np.diff(matrix.indptr) == 0)
        if len(without):
            key = list(self.ids)[without[0]]
            raise DataError(
                f"{len(without):,} {self.what}s have no features, {key!r} among them; describe each, or pass "
                "normalize=False."
            )
        if matrix.nnz:
            # Of whole weights in double precision, rounded once.
            sums = np.add.reduceat(np.abs(matrix.data, dtype=np.float64), matrix.indptr[:-1])
            divisors = np.repeat(np.where(sums > 0, sums, 1), np.diff(matrix.indptr))
            matrix.data = (matrix.data / divisors).astype(np.float32)
        return matrix


def _number(numbers: Numbers, keys: Iterable[Hashable] | None) -> None:
    """Give the next numbers to keys that have none."""
    for key in () if keys is None else keys:
        numbers.setdefault(key, len(numbers))


def _chunks(data: Iterable[Interaction]) -> Iterator[list[Any]]:
    """Give interactions as columns of users, items and perhaps weights, some at a time; at least one chunk."""
    if isinstance(data, np.ndarray) and data.ndim == 2:
        _require_parts(data.shape[1], data[0] if len(data) else data)
        # As Python's objects, whatever the array holds: these are what dictionaries look up.
        yield [column.tolist() for column in data.T]
        return
    rest: Iterator[Any] = iter(data)
    while chunk := list(islice(rest, _CHUNK)):
        try:
            lengths = set(map(len, chunk))
        except TypeError as error:
            raise DataError(f"An interaction is no tuple ({error}); give {_PARTS}.") from error
        for datum in chunk if lengths - {2, 3} else ():
            _require_parts(len(datum), datum)
        if len(lengths) == 2:
            chunk = [(*datum, 1.0)[:3] for datum in chunk]
        # Not zip(*chunk): it makes an object for each of them, which the garbage collector takes for a reason to run.
        if lengths == {2}:
            yield [[user for user, _ in chunk], [item for _, item in chunk]]
        else:
            yield [[user for user, _, _ in chunk], [item for _, item, _ in chunk], [weight for _, _, weight in chunk]]
    yield [[], []]


def _weights(values: list[Any]) -> Floats:
    try:
        return np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"A weight is no number ({error}); give numbers as the third part of interactions.") from error


def _unknown(what: str, key: Any) -> UnknownError:
    return UnknownError(f"There is no {what} {key!r}; call fit or fit_partial with it first.")


def _require_parts(parts: int, datum: Any) -> None:
    if parts not in (2, 3):
        raise DataError(f"{datum!r} has {parts} parts; give {_PARTS}.")
