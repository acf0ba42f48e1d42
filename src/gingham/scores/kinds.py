"""The kinds of scores: of representations, shared by all users, and dense."""

from collections.abc import Callable, Iterator

import numpy as np
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Csr, Floats, Indices, Longs, pattern
from gingham.errors import DataError
from gingham.scores.few import rank_few
from gingham.scores.ranking import Block

# For at most this many users, it is faster to keep the order of the scores that all users share.
_FEW_USERS = 4


class RepresentationScores:
    """Dot products of user and item representations plus both biases, computed in the kernel and never stored.

    Parameters
    ----------
    users : callable
        Maps n user indices to their rows: float32, shape (n, width), C-contiguous, each [embedding, bias, zeros].
    items : float32 array, shape (n_items, width)
        The rows of the items, in the same layout.
    n_components : int
        The size of an embedding.
    """

    block_size = 16_384

    def __init__(self, users: Callable[[Indices], Floats], items: Floats, n_components: int) -> None:
        self._users, self._items, self._n_components = users, items, n_components
        self.n_items = len(items)

    def only(self, items: Indices) -> "RepresentationScores":
        """Return the scores of these items alone, in this order."""
        return RepresentationScores(self._users, self._items[items], self._n_components)

    def rank(self, block: Block, num_threads: int) -> None:
        """Rank all items for a block of users, and write the results to its buffers."""
        _native.rank_representations(
            users=self._users(block.users),
            items=self._items,
            n_components=self._n_components,
            num_threads=num_threads,
            progress=None,
            **block.kernel_arguments(),
        )

    def dense(self, users: Indices) -> Floats:
        """Score all items for a few users, in a new array: float32, shape (n_users, n_items)."""
        rows, size = self._users(users), self._n_components
        scores: Floats = rows[:, :size] @ self._items[:, :size].T + rows[:, size : size + 1] + self._items[:, size]
        return scores

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score pairs of users and items: two arrays of equal length n to a float32 array of shape (n,)."""
        scores, size = np.empty(len(users), np.float32), self._n_components
        for start in range(0, len(users), self.block_size):
            block = slice(start, start + self.block_size)
            left, right = self._users(users[block]), self._items[items[block]]
            products = np.einsum("ij,ij->i", left[:, :size], right[:, :size])
            scores[block] = products + left[:, size] + right[:, size]
        return scores


class SharedScores:
    """Scores that all users share, except for a few items of each user.

    Parameters
    ----------
    shared : float32 array, shape (n_items,)
        A finite score for each item.
    own : callable, optional
        Maps n user indices to the scores that replace the shared ones for these users: csr_matrix of float32, shape
        (n, n_items), columns ascending. By default, no score is replaced.
    block_size : int
        The largest number of users that `own` is called with; 65,536 by default.
    """

    def __init__(
        self, shared: Floats, own: Callable[[Indices], sp.csr_matrix] | None = None, block_size: int = 65_536
    ) -> None:
        self._shared, self._own, self.block_size = shared, own, block_size
        self.n_items = len(shared)
        self._is_part = False

    def only(self, items: Indices) -> "SharedScores":
        """Return the scores of these items alone, in this order."""
        own = self._own
        chosen = None if own is None else lambda users: own(users)[:, items]
        part = SharedScores(self._shared[items], chosen, self.block_size)
        part._is_part = True
        return part

    def rank(self, block: Block, num_threads: int) -> None:
        """Rank all items for a block of users, and write the results to its buffers."""
        own: Csr = (np.zeros(len(block.users) + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
        if self._own is not None:
            rows = self._own(block.users)
            own = (*pattern(rows), rows.data)
        is_quick = len(block.users) <= _FEW_USERS and block.test is None and not self._is_part
        if is_quick and np.isfinite(own[2]).all():
            rank_few(self._shared, own, block)
            return
        _native.rank_shared(shared=self._shared, own=own, num_threads=num_threads, **block.kernel_arguments())

    def dense(self, users: Indices) -> Floats:
        """Score all items for a few users, in a new array: float32, shape (n_users, n_items)."""
        scores = np.tile(self._shared, (len(users), 1))
        if self._own is not None:
            rows = self._own(users)
            scores[np.repeat(np.arange(len(users)), np.diff(rows.indptr)), rows.indices] = rows.data
        return scores

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score pairs of users and items: two arrays of equal length n to a float32 array of shape (n,)."""
        scores = self._shared[items]
        if self._own is None:
            return scores
        for distinct, chosen, places in by_user(users, self.block_size):
            rows = self._own(distinct)
            # A pair as one number, row * n_items + column: ascending, because rows and their columns are.
            keys = np.repeat(np.arange(len(distinct)), np.diff(rows.indptr)) * self.n_items + rows.indices
            queries = places * self.n_items + items[chosen]
            matches = np.searchsorted(keys, queries)
            is_own = np.append(keys, -1)[matches] == queries
            scores[chosen[is_own]] = rows.data[matches[is_own]]
        return scores


class DenseScores:
    """Scores that a function computes for all items, a few hundred users at a time.

    Parameters
    ----------
    function : callable
        Maps n user indices to a new float32 array of shape (n, n_items) without NaN and -inf.
    n_items : int
        The number of items.
    """

    block_size = 256

    def __init__(self, function: Callable[[Indices], Floats], n_items: int) -> None:
        self._function, self.n_items = function, n_items

    def only(self, items: Indices) -> "DenseScores":
        """Return the scores of these items alone, in this order."""
        function = self._function
        return DenseScores(lambda users: np.ascontiguousarray(function(users)[:, items]), len(items))

    def rank(self, block: Block, num_threads: int) -> None:
        """Rank all items for a block of users, and write the results to its buffers."""
        scores = self._function(block.users)
        # One pass is enough: the minimum of numbers and NaN is NaN.
        if not scores.min(initial=np.inf) > -np.inf:
            user, item = np.argwhere(~(scores > -np.inf))[0]
            raise DataError(
                f"The model's score of item index {item} for user index {block.users[user]} is {scores[user, item]}; "
                "a model must return a number above -inf for every item."
            )
        _native.rank_scores(scores=scores, num_threads=num_threads, **block.kernel_arguments())

    def dense(self, users: Indices) -> Floats:
        """Score all items for a few users, in a new array: float32, shape (n_users, n_items)."""
        return self._function(users)

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score pairs of users and items: two arrays of equal length n to a float32 array of shape (n,)."""
        scores = np.empty(len(users), np.float32)
        for distinct, chosen, places in by_user(users, self.block_size):
            scores[chosen] = self._function(distinct)[places, items[chosen]]
        return scores


def by_user(users: Indices, block_size: int) -> Iterator[tuple[Indices, Longs, Longs]]:
    """Group pairs by their users, block by block.

    Parameters
    ----------
    users : int32 array
        The user of each pair.
    block_size : int
        The largest number of distinct users in a block.

    Yields
    ------
    distinct : int32 array
        The users of the block, ascending.
    chosen : int64 array
        The positions of their pairs in `users`.
    places : int64 array
        For each of these pairs, the position of its user in `distinct`.
    """
    distinct, places = np.unique(users, return_inverse=True)
    for start in range(0, len(distinct), block_size):
        chosen = np.flatnonzero((places >= start) & (places < start + block_size))
        yield distinct[start : start + block_size], chosen, places[chosen] - start
