"""Users and what may be recommended to them, and what these users had before."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices
from gingham.ranking.snapshot import Longs, Snapshot, firsts


class Past(NamedTuple):
    """What some users had: an entry a user and item, ascending in this order.

    Attributes
    ----------
    place : int64 array
        Which of the users it is about.
    items : int32 array
        Which item.
    times : float32 array
        On how many days the user bought it.
    first, last : float32 array
        How many days ago they did for the first and for the last time.
    recent : float32 array
        On how many days, each of which counts for half every four periods.
    """

    place: Longs
    items: Indices
    times: Floats
    first: Floats
    last: Floats
    recent: Floats

    def take(self, entries: npt.NDArray[Any]) -> "Past":
        """Select entries: by a bool array, or an array of their numbers."""
        columns: Any = (column[entries] for column in self)
        return Past(*columns)


class History:
    """What every user had before a moment.

    Parameters
    ----------
    snapshot : Snapshot
        As it was known at that moment.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        bought, n_items = snapshot.purchases, snapshot.dataset.n_items
        starts = firsts(bought.user.astype(np.int64) * n_items + bought.item)
        ends = np.append(starts[1:], len(bought.user)) - 1 if len(starts) else starts
        users = np.bincount(bought.user[starts], minlength=snapshot.dataset.n_users)
        self._indptr = np.concatenate([[0], np.cumsum(users)])
        self._items = bought.item[starts]
        self._times = (ends - starts + 1).astype(np.float32)
        # Within a pair the days ascend.
        self._first, self._last = bought.age[starts], bought.age[ends]
        weights = np.exp2(-bought.age / np.float32(4 * snapshot.days))
        self._recent = np.add.reduceat(weights, starts) if len(starts) else weights

    def of(self, users: Indices) -> Past:
        """Give what these users had."""
        sizes = self._indptr[users + 1] - self._indptr[users]
        place = np.repeat(np.arange(len(users)), sizes)
        within = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        entry = np.repeat(self._indptr[users], sizes) + within
        return Past(
            place,
            self._items[entry],
            self._times[entry],
            self._first[entry],
            self._last[entry],
            self._recent[entry],
        )


@dataclass(frozen=True, eq=False)
class Pairs:
    """Users and items that may be recommended to them: an entry a pair, ascending by the user's place, then by item.

    Attributes
    ----------
    users : int32 array, shape (n_users,)
        Whom the pairs are of; who is asked for twice is there twice.
    place : int64 array, shape (n,)
        Which of `users` each pair is of.
    items : int32 array, shape (n,)
        Its item.
    ranks : float32 array, shape (n, n_sources)
        Its place in each source's list, from 1; NaN where it is not on it.
    past : Past
        What these users had.
    n_items : int
        How many items there are.
    """

    users: Indices
    place: Longs
    items: Indices
    ranks: Floats
    past: Past
    n_items: int

    def __len__(self) -> int:
        return len(self.items)

    @property
    def user(self) -> Indices:
        """The user of each pair."""
        return self.users[self.place]

    @cached_property
    def keys(self) -> Longs:
        """A number for each pair, ascending."""
        return self.place * self.n_items + self.items

    def of_users(self, chosen: npt.NDArray[np.bool_]) -> "Pairs":
        """Take the pairs of some of the users, as a bool array says."""
        number = np.cumsum(chosen) - 1
        mine, before = chosen[self.place], chosen[self.past.place]
        past = self.past.take(before)
        past = past._replace(place=number[past.place])
        place = number[self.place[mine]]
        return Pairs(self.users[chosen], place, self.items[mine], self.ranks[mine], past, self.n_items)

    def had(self) -> tuple[npt.NDArray[np.bool_], Longs]:
        """Tell for each pair whether the user had the item before, and which entry of `past` says so."""
        return find(self.past.place * self.n_items + self.past.items, self.keys)

    def values(self, matrix: sp.csr_matrix) -> Floats:
        """Look the pairs up in a sparse matrix with a row for each of `users`, columns ascending; zero by default."""
        place = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        there, entry = find(place * self.n_items + matrix.indices, self.keys)
        found = np.zeros(len(self), np.float32)
        found[there] = matrix.data[entry[there]]
        return found


def find(keys: Longs, wanted: Longs) -> tuple[npt.NDArray[np.bool_], Longs]:
    """Find numbers among ascending ones: whether each is there, and where."""
    entry = np.searchsorted(keys, wanted)
    return np.append(keys, -1)[entry] == wanted, entry
