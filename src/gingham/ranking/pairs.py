"""Pairs of users and candidates, and the purchase history of these users."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Bools, Floats, Indices, Longs
from gingham.ranking.snapshot import Snapshot, firsts


class Past(NamedTuple):
    """The history of some users: an entry per user and item, sorted by them.

    Attributes
    ----------
    position : int64 array
        The position of the user among the users.
    items : int32 array
        The item.
    times : float32 array
        The number of days on which the user bought it.
    first, last : float32 array
        How many days ago the user bought it for the first and for the last time.
    recent : float32 array
        Like `times`, but each day counts with a half-life of four periods.
    """

    position: Longs
    items: Indices
    times: Floats
    first: Floats
    last: Floats
    recent: Floats

    def take(self, entries: npt.NDArray[Any]) -> "Past":
        """Select entries by a bool array or an array of indices."""
        columns: Any = (column[entries] for column in self)
        return Past(*columns)


class History:
    """The history of every user before the moment of a snapshot.

    Parameters
    ----------
    snapshot : Snapshot
        The data before that moment.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        purchases, n_items = snapshot.purchases, snapshot.dataset.n_items
        starts = firsts(purchases.user.astype(np.int64) * n_items + purchases.item)
        ends = np.append(starts[1:], len(purchases.user)) - 1 if len(starts) else starts
        users = np.bincount(purchases.user[starts], minlength=snapshot.dataset.n_users)
        self._indptr = np.concatenate([[0], np.cumsum(users)])
        self._items = purchases.item[starts]
        self._times = (ends - starts + 1).astype(np.float32)
        # Within a pair, days ascend.
        self._first, self._last = purchases.age[starts], purchases.age[ends]
        weights = np.exp2(-purchases.age / np.float32(4 * snapshot.days))
        self._recent = np.add.reduceat(weights, starts) if len(starts) else weights

    def of(self, users: Indices) -> Past:
        """Return the history of these users."""
        sizes = self._indptr[users + 1] - self._indptr[users]
        position = np.repeat(np.arange(len(users)), sizes)
        offset = np.arange(len(position)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        entry = np.repeat(self._indptr[users], sizes) + offset
        return Past(
            position,
            self._items[entry],
            self._times[entry],
            self._first[entry],
            self._last[entry],
            self._recent[entry],
        )


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of users and candidates, sorted by the position of the user, then by item.

    Attributes
    ----------
    users : int32 array, shape (n_users,)
        The users; a user may appear several times.
    position : int64 array, shape (n,)
        The position of each pair's user in `users`.
    items : int32 array, shape (n,)
        The item of each pair.
    ranks : float32 array, shape (n, n_sources)
        The rank of the item in each model's list, from 1; NaN where the model does not suggest it.
    past : Past
        The history of the users.
    n_items : int
        The number of items in the dataset.
    """

    users: Indices
    position: Longs
    items: Indices
    ranks: Floats
    past: Past
    n_items: int

    def __len__(self) -> int:
        return len(self.items)

    @property
    def user(self) -> Indices:
        """The user of each pair."""
        return self.users[self.position]

    @cached_property
    def keys(self) -> Longs:
        """A number for each pair, ascending."""
        return self.position * self.n_items + self.items

    def of_users(self, chosen: Bools) -> "Pairs":
        """Return the pairs of the users that a bool array selects."""
        new_position = np.cumsum(chosen) - 1
        pairs = chosen[self.position]
        past = self.past.take(chosen[self.past.position])
        past = past._replace(position=new_position[past.position])
        position = new_position[self.position[pairs]]
        return Pairs(self.users[chosen], position, self.items[pairs], self.ranks[pairs], past, self.n_items)

    def in_history(self) -> tuple[Bools, Longs]:
        """Return whether each pair's user bought the item before, and the entry of `past` where that is so."""
        return find(self.past.position * self.n_items + self.past.items, self.keys)

    def values(self, matrix: sp.csr_matrix) -> Floats:
        """Look up the pairs in a sparse matrix with a row per position of `users` and sorted columns."""
        position = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        stored, entry = find(position * self.n_items + matrix.indices, self.keys)
        values = np.zeros(len(self), np.float32)
        values[stored] = matrix.data[entry[stored]]
        return values


def find(keys: Longs, wanted: Longs) -> tuple[Bools, Longs]:
    """Find numbers in a sorted array: return whether each is in it, and its index where it is."""
    entry = np.searchsorted(keys, wanted)
    return np.append(keys, -1)[entry] == wanted, entry
