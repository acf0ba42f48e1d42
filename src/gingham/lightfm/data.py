"""Build sparse matrices from ids and feature names."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Floats, Indices
from gingham.errors import DataError
from gingham.lightfm.arguments import require_flags
from gingham.lightfm.errors import UnknownError
from gingham.lightfm.rows import chunks, distinct, items_of, pair_of, weights_of

__all__ = ["Dataset"]

IdMap: TypeAlias = dict[Hashable, int]
# (user id, item id) or (user id, item id, weight)
Interaction: TypeAlias = tuple[Hashable, Hashable] | tuple[Hashable, Hashable, float]
# (id, feature names) or (id, {feature name: weight})
FeatureRow: TypeAlias = tuple[Hashable, Iterable[Hashable] | Mapping[Hashable, float]]


class Dataset:
    """Assigns indices to users, items and features, in order of appearance, and builds matrices.

    Parameters
    ----------
    user_identity_features, item_identity_features : bool
        Whether each user (item) has a feature of its own in addition to the named features; True by default.

    Examples
    --------
    >>> from gingham.lightfm.data import Dataset
    >>> dataset = Dataset()
    >>> dataset.fit(users=["ann", "bob"], items=["hat", "shoe"], item_features=["red", "blue"])
    >>> interactions, weights = dataset.build_interactions([("ann", "hat"), ("bob", "shoe", 2.0)])
    >>> interactions.toarray()
    array([[1, 0],
           [0, 1]], dtype=int32)
    >>> dataset.build_item_features([("hat", ["red"])], normalize=False).toarray()
    array([[1., 0., 1., 0.],
           [0., 1., 0., 0.]], dtype=float32)
    """

    def __init__(self, user_identity_features: bool = True, item_identity_features: bool = True) -> None:
        require_flags(user_identity_features=user_identity_features, item_identity_features=item_identity_features)
        self._users = _Side("user", user_identity_features)
        self._items = _Side("item", item_identity_features)

    def fit(
        self,
        users: Iterable[Hashable],
        items: Iterable[Hashable],
        user_features: Iterable[Hashable] | None = None,
        item_features: Iterable[Hashable] | None = None,
    ) -> None:
        """Assign indices to ids and feature names, and discard earlier ones.

        Parameters
        ----------
        users, items : iterable of hashable
            Ids; repeated ids count once.
        user_features, item_features : iterable of hashable, optional
            Names of features; repeated names count once.

        Examples
        --------
        >>> from gingham.lightfm.data import Dataset
        >>> dataset = Dataset()
        >>> dataset.fit(["ann", "bob"], ["hat", "shoe", "hat"])
        >>> dataset.interactions_shape()
        (2, 2)
        """
        for side in (self._users, self._items):
            side.clear()
        self.fit_partial(users, items, user_features, item_features)

    def fit_partial(
        self,
        users: Iterable[Hashable] | None = None,
        items: Iterable[Hashable] | None = None,
        user_features: Iterable[Hashable] | None = None,
        item_features: Iterable[Hashable] | None = None,
    ) -> None:
        """Assign the next indices to new ids and feature names. Existing ones keep their indices.

        Examples
        --------
        >>> from gingham.lightfm.data import Dataset
        >>> dataset = Dataset()
        >>> dataset.fit(["ann"], ["hat"])
        >>> dataset.fit_partial(users=["bob", "ann"])
        >>> dataset.interactions_shape()
        (2, 1)
        """
        self._users.add_ids(users)
        self._items.add_ids(items)
        self._users.add_names(user_features)
        self._items.add_names(item_features)

    def build_interactions(self, data: Iterable[Interaction]) -> tuple[sp.coo_matrix, sp.coo_matrix]:
        """Build the matrices of interactions and their weights.

        Parameters
        ----------
        data : iterable of (user id, item id) or (user id, item id, weight), or array with these columns
            The weight is 1 if it is missing.

        Returns
        -------
        interactions : coo_matrix of int32, shape (n_users, n_items)
            A one for each interaction, in the order of `data`.
        weights : coo_matrix of float32, shape (n_users, n_items)
            The weights, in the same order.

        Raises
        ------
        UnknownError
            If an id is unknown; call `fit` or `fit_partial` with it first.
        DataError
            If an interaction does not have two or three elements, or a weight is not a finite number.

        Examples
        --------
        >>> from gingham.lightfm.data import Dataset
        >>> dataset = Dataset()
        >>> dataset.fit(["ann", "bob"], ["hat", "shoe"])
        >>> _, weights = dataset.build_interactions([("ann", "hat", 0.5), ("bob", "hat")])
        >>> weights.toarray()
        array([[0.5, 0. ],
               [1. , 0. ]], dtype=float32)
        """
        users, items, weights = (
            np.concatenate(parts) if len(parts) > 1 else parts[0]
            for parts in zip(*map(self._indexed, chunks(data)), strict=True)
        )
        positions, shape = (users, items), self.interactions_shape()
        ones = np.ones(len(users), np.int32)
        return sp.coo_matrix((ones, positions), shape=shape), sp.coo_matrix((weights, positions), shape=shape)

    def build_user_features(self, data: Iterable[FeatureRow], normalize: bool = True) -> sp.csr_matrix:
        """Build the matrix of user features.

        Parameters
        ----------
        data : iterable of (user id, names) or (user id, {name: weight})
            The features of each user; weights of a repeated name are summed.
        normalize : bool
            Whether to scale the weights of each user so that their absolute values sum to 1; True by default.

        Returns
        -------
        csr_matrix of float32, shape (n_users, n_user_features)

        Raises
        ------
        UnknownError
            If an id or a feature name is unknown.
        DataError
            If an element of `data` is not a pair of an id and a list or mapping of names, a weight is not a finite
            number, or a user without features cannot be normalized.

        Examples
        --------
        >>> from gingham.lightfm.data import Dataset
        >>> dataset = Dataset(user_identity_features=False)
        >>> dataset.fit(["ann", "bob"], ["hat"], user_features=["young", "club"])
        >>> dataset.build_user_features([("ann", ["young", "club"]), ("bob", {"club": 2.0})]).toarray()
        array([[0.5, 0.5],
               [0. , 1. ]], dtype=float32)
        """
        return self._users.build(data, normalize)

    def build_item_features(self, data: Iterable[FeatureRow], normalize: bool = True) -> sp.csr_matrix:
        """Build the matrix of item features, as `build_user_features` does for users.

        Examples
        --------
        >>> from gingham.lightfm.data import Dataset
        >>> dataset = Dataset()
        >>> dataset.fit(["ann"], ["hat", "shoe"], item_features=["red"])
        >>> dataset.build_item_features([("shoe", ["red"])]).toarray()
        array([[1. , 0. , 0. ],
               [0. , 0.5, 0.5]], dtype=float32)
        """
        return self._items.build(data, normalize)

    def interactions_shape(self) -> tuple[int, int]:
        """Return the numbers of users and items."""
        return len(self._users.ids), len(self._items.ids)

    def user_features_shape(self) -> tuple[int, int]:
        """Return the numbers of users and of user features."""
        return len(self._users.ids), self._users.n_features

    def item_features_shape(self) -> tuple[int, int]:
        """Return the numbers of items and of item features."""
        return len(self._items.ids), self._items.n_features

    def model_dimensions(self) -> tuple[int, int]:
        """Return the numbers of user features and of item features, which are the numbers of embeddings of a model."""
        return self._users.n_features, self._items.n_features

    def mapping(self) -> tuple[IdMap, IdMap, IdMap, IdMap]:
        """Return the indices of users, user features, items and item features, each as a dictionary.

        The key of the own feature of a user or item is its id, or ``("identity", id)`` if that id is also the name of
        another feature.

        Examples
        --------
        >>> from gingham.lightfm.data import Dataset
        >>> dataset = Dataset()
        >>> dataset.fit(["ann", "bob"], ["hat"], user_features=["young"])
        >>> user_ids, user_features, item_ids, item_features = dataset.mapping()
        >>> user_features
        {'ann': 0, 'bob': 1, 'young': 2}
        """
        return self._users.ids, self._users.features(), self._items.ids, self._items.features()

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_users" in state:
            self._users, self._items = state["_users"], state["_items"]
        else:  # as LightFM pickles it
            self._users, self._items = _Side.of_lightfm("user", state), _Side.of_lightfm("item", state)

    def _indexed(self, columns: list[Any]) -> tuple[Indices, Indices, Floats]:
        users, items = self._users.indices(columns[0]), self._items.indices(columns[1])
        unknown = [int(np.argmin(side)) for side in (users, items) if len(side) and side.min() < 0]
        if unknown:
            first = min(unknown)
            side, ids = (self._users, columns[0]) if users[first] < 0 else (self._items, columns[1])
            raise _unknown_error(side.what, ids[first])
        if len(columns) == 2:
            return users, items, np.ones(len(users), np.float32)
        weights = weights_of(columns[2], lambda place: f"({columns[0][place]!r}, {columns[1][place]!r})")
        return users, items, weights


class _Side:
    """The indices of users or of items, and the columns of their features."""

    def __init__(self, what: str, identity: bool) -> None:
        self.what, self._has_identity = what, identity
        self.clear()

    @classmethod
    def of_lightfm(cls, what: str, state: Mapping[str, Any]) -> "_Side":
        """Build a side from the attributes of LightFM's Dataset, where an id and an equal name share a column."""
        side = cls(what, state[f"_{what}_identity_features"])
        side.ids, columns = dict(state[f"_{what}_id_mapping"]), state[f"_{what}_feature_mapping"]
        side._own = [columns[key] for key in side.ids] if side._has_identity else []
        own = side.ids if side._has_identity else {}
        side._names = {name: column for name, column in columns.items() if name not in own}
        return side

    def clear(self) -> None:
        self.ids: IdMap = {}
        # The columns of own features. They are separate from names, because a name may equal an id.
        self._own: list[int] = []
        self._names: IdMap = {}

    @property
    def n_features(self) -> int:
        return len(self._own) + len(self._names)

    def features(self) -> IdMap:
        described = zip(self.ids, self._own, strict=self._has_identity)
        own = {("identity", key) if key in self._names else key: column for key, column in described}
        return dict(sorted((own | self._names).items(), key=lambda entry: entry[1]))

    def add_ids(self, ids: Iterable[Hashable] | None) -> None:
        n_before, first = len(self.ids), self.n_features
        for key in distinct(ids, f"{self.what}s"):
            self.ids.setdefault(key, len(self.ids))
        if self._has_identity:
            self._own += range(first, first + len(self.ids) - n_before)

    def add_names(self, names: Iterable[Hashable] | None) -> None:
        for name in distinct(names, f"{self.what}_features"):
            self._names.setdefault(name, self.n_features)

    def indices(self, ids: list[Hashable]) -> Indices:
        """Return the indices of ids; -1 for an unknown id."""
        indices = np.empty(len(ids), np.int32)
        try:
            _native.look_up(numbers=self.ids, keys=ids, out=indices)
        except TypeError as error:
            raise DataError(f"The {self.what} ids of interactions must be texts or numbers ({error}).") from error
        return indices

    def build(self, data: Iterable[FeatureRow], normalize: bool) -> sp.csr_matrix:
        require_flags(normalize=normalize)
        rows, columns, weights = list(range(len(self._own))), list(self._own), [1.0] * len(self._own)
        for row, column, weight in self._entries(data):
            rows.append(row)
            columns.append(column)
            weights.append(weight)
        values = weights_of(weights, lambda place: self._entry_name(rows[place], columns[place]))
        positions = np.array(rows, np.int32), np.array(columns, np.int32)
        matrix = sp.csr_matrix((values, positions), shape=(len(self.ids), self.n_features))
        return self._normalized(matrix) if normalize else matrix

    def _entries(self, data: Iterable[FeatureRow]) -> Iterator[tuple[int, int, float]]:
        for datum in items_of(data, f"The {self.what} features"):
            key, features = pair_of(datum, self.what)
            row = self._number(self.ids, key)
            if row is None:
                raise _unknown_error(self.what, key)
            if isinstance(features, Mapping):
                weighted: Iterable[tuple[Hashable, float]] = features.items()
            else:
                weighted = ((name, 1.0) for name in items_of(features, f"The features of {self.what} {key!r}"))
            for name, weight in weighted:
                column = self._column(name)
                if column is None:
                    raise _unknown_error(f"{self.what} feature", name)
                yield row, column, weight

    def _entry_name(self, row: int, column: int) -> str:
        names = {number: name for name, number in self.features().items()}
        return f"feature {names[column]!r} of {self.what} {list(self.ids)[row]!r}"

    @staticmethod
    def _number(numbers: IdMap, key: Any) -> int | None:
        try:
            return numbers.get(key)
        except TypeError as error:
            raise DataError(f"{key!r} is not an id or a feature name ({error}); pass a text or a number.") from error

    def _column(self, name: Hashable) -> int | None:
        column = self._number(self._names, name)
        number = self.ids.get(name) if column is None and self._own else None
        return column if number is None else self._own[number]

    def _normalized(self, matrix: sp.csr_matrix) -> sp.csr_matrix:
        empty = np.flatnonzero(np.diff(matrix.indptr) == 0)
        if len(empty):
            key = list(self.ids)[empty[0]]
            raise DataError(
                f"{len(empty):,} {self.what}s have no features, for example {key!r}; add features for each, or pass "
                "normalize=False."
            )
        if matrix.nnz:
            # Sums in double precision, so that weights are rounded only once.
            sums = np.add.reduceat(np.abs(matrix.data, dtype=np.float64), matrix.indptr[:-1])
            divisors = np.repeat(np.where(sums > 0, sums, 1), np.diff(matrix.indptr))
            matrix.data = (matrix.data / divisors).astype(np.float32)
        return matrix


def _unknown_error(what: str, key: Any) -> UnknownError:
    return UnknownError(f"Unknown {what} {key!r}; call fit or fit_partial with it first.")
