"""Lists filled position by position from the best candidates of many users at once."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Bools, Doubles, Floats, Indices, Longs
from gingham.scores import Ranking, Scores, rank

# About how many candidates of all users are in memory at the same time.
_AT_ONCE = 1 << 20
# The number of candidates that are tried first, and how it grows where that is not enough.
_FIRST, _GROWTH = 64, 8
# A share is a decimal fraction: without this, 0.29 * 100 would be below 29.
_EPSILON = 1e-9


class Similarity(Protocol):
    """The similarity of items, from 0 to 1."""

    def __call__(self, items: Indices, other: Indices) -> Doubles:
        """Return the similarity of each user's items, shape (n_users, n), to one other item per user, (n_users,)."""


@dataclass(frozen=True, eq=False)
class Stage:
    """What rules say about each item and user, while lists are filled.

    Attributes
    ----------
    candidates : int32 array
        The items that all users may get, ascending.
    excluded : csr_matrix, shape (n_users, n_items), or None
        The items that single users do not get.
    factor : float64 array, shape (n_items,)
        The number that the rank of each item is divided by.
    caps : tuple of (int32 array of shape (n_items,), int)
        The value of each item, -1 for none, and how many items of a value a list may have.
    is_new : bool array, shape (n_items,), or None
        Which items are new.
    share : float
        The share of new items.
    similarity : Similarity or None
        The similarity of items.
    ranks : float
        By how many ranks an item that equals one in the list moves down.
    """

    candidates: Indices
    excluded: sp.csr_matrix | None
    factor: Doubles
    caps: tuple[tuple[Indices, int], ...] = ()
    is_new: Bools | None = None
    share: float = 0
    similarity: Similarity | None = None
    ranks: float = 0


@dataclass(frozen=True, eq=False)
class Lists:
    """The lists of users while they are filled.

    Attributes
    ----------
    items : int32 array, shape (n_users, k)
        Items by position; -1 where there is none.
    scores : float32 array, shape (n_users, k)
        Their scores; -inf where there is no item.
    """

    items: Indices
    scores: Floats

    @classmethod
    def empty(cls, n_users: int, k: int) -> "Lists":
        """Return lists without items."""
        return cls(np.full((n_users, k), -1, np.int32), np.full((n_users, k), -np.inf, np.float32))

    def fill(self, stage: Stage, scores: Scores, users: Indices, rows: Longs, length: int, num_threads: int) -> None:
        """Fill the free positions of some lists up to a length, and move items up where positions stay free.

        Parameters
        ----------
        stage : Stage
            The rules.
        scores : Scores
            The scores by which candidates are ranked.
        users : int32 array, shape (n_users,)
            The user of each list, as `scores` numbers them.
        rows : int64 array
            Which lists to fill.
        length : int
            The length to reach.
        num_threads : int
            As for `rank`.
        """
        n_all = len(stage.candidates)
        first = max(_FIRST, int(min(n_all, stage.factor.max(initial=1) * (2 * length + stage.ranks))))
        if n_all:
            self._fill(stage, scores, users, rows, length, min(first, n_all), num_threads)
        order = np.argsort(self.items[rows] < 0, axis=1, kind="stable")
        self.items[rows] = np.take_along_axis(self.items[rows], order, 1)
        self.scores[rows] = np.take_along_axis(self.scores[rows], order, 1)

    def _fill(
        self, stage: Stage, scores: Scores, users: Indices, rows: Longs, length: int, n: int, num_threads: int
    ) -> None:
        step = max(1, _AT_ONCE // n)
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            excluded = None if stage.excluded is None else stage.excluded[block]
            best = rank(scores, users[block], k=n, seen=excluded, candidates=stage.candidates, num_threads=num_threads)
            items, item_scores, is_enough = _choose(stage, best, self.items[block], self.scores[block], length)
            done = block[is_enough]
            self.items[done], self.scores[done] = items[is_enough], item_scores[is_enough]
            if not is_enough.all():
                more = min(n * _GROWTH, len(stage.candidates))
                self._fill(stage, scores, users, block[~is_enough], length, more, num_threads)


def _choose(stage: Stage, best: Ranking, items: Indices, scores: Floats, length: int) -> tuple[Indices, Floats, Bools]:
    """Return filled lists, their scores, and for which users the best candidates were enough to know them."""
    items, scores = items.copy(), scores.copy()
    pool, everyone = _Pool(stage, best.items), np.arange(len(items))
    for position in range(items.shape[1]):
        pool.take(items[:, position])
    n_new = np.zeros(len(items), np.int64)
    for position in range(length):
        is_free = items[:, position] < 0
        if is_free.any():
            wants_new = n_new < int(stage.share * (position + 1) + _EPSILON)
            place = pool.best(is_free, wants_new)
            is_filled = is_free & (place >= 0)
            items[:, position] = np.where(is_filled, best.items[everyone, place], items[:, position])
            scores[:, position] = np.where(is_filled, best.scores[everyone, place], scores[:, position])
            pool.take(np.where(is_filled, items[:, position], -1))
        if stage.is_new is not None:
            n_new += stage.is_new[items[:, position]] & (items[:, position] >= 0)
    return items, scores, pool.is_enough


class _Pool:
    """The best candidates of some users, in the order of their scores, and which of them may still be chosen."""

    def __init__(self, stage: Stage, items: Indices) -> None:
        n_users, n = items.shape
        self._stage, self._items = stage, items
        self._is_available = items >= 0
        self._place = np.arange(1, n + 1) / stage.factor[items]
        self._similarity = np.zeros(items.shape)
        self._counts = [np.zeros(items.shape, np.int32) for _ in stage.caps]
        is_complete = (items < 0).any(axis=1) if n < len(stage.candidates) else np.ones(n_users, bool)
        # No candidate outside of the pool has a better place than this.
        self._limit = np.where(is_complete, np.inf, (n + 1) / stage.factor.max(initial=1))
        self.is_enough = np.ones(n_users, bool)

    def take(self, chosen: Indices) -> None:
        """Note that an item of each user, or none (-1), is in the list."""
        is_item = chosen >= 0
        if not is_item.any():
            return
        self._is_available &= self._items != chosen[:, None]
        for counts, (values, most) in zip(self._counts, self._stage.caps, strict=True):
            value = np.where(is_item, values[chosen], -1)
            counts += (values[self._items] == value[:, None]) & (value >= 0)[:, None]
            self._is_available &= counts < most
        if self._stage.similarity is not None:
            similarity = np.where(is_item[:, None], self._stage.similarity(self._items, chosen), 0)
            np.maximum(self._similarity, similarity, out=self._similarity)

    def best(self, is_free: Bools, wants_new: Bools) -> Longs:
        """Return the column of each user's next item, -1 for none; a new item where one is wanted and available."""
        places = np.where(self._is_available, self._place + self._stage.ranks * self._similarity, np.inf)
        if self._stage.is_new is not None:
            of_new = np.where(self._stage.is_new[self._items], places, np.inf)
            is_enough = of_new.min(axis=1) <= self._limit
            self.is_enough &= ~(is_free & wants_new) | is_enough
            has_new = np.isfinite(of_new).any(axis=1)
            places = np.where((wants_new & has_new)[:, None], of_new, places)
        column = places.argmin(axis=1)
        place = places[np.arange(len(places)), column]
        self.is_enough &= ~is_free | (place <= self._limit)
        return np.where(np.isfinite(place), column, -1)
