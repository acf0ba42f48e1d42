"""Scores to filtered top-k lists and ranks, block by block, so that memory does not grow with the number of users."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Csr, Floats, Indices, Pattern, pattern
from gingham.columns import ITEM_ID, RANK, SCORE, USER_ID
from gingham.dataset import Ids
from gingham.errors import DataError, ParameterError
from gingham.validation import check_num_threads


@dataclass(frozen=True)
class Ranking:
    """What one pass over the scores of some users leaves.

    Order: higher score first; of equal scores, the lower item index first.

    Attributes
    ----------
    items : int32 array, shape (n_users, k)
        Indices of the best items, best first; -1 where a user has fewer candidates.
    scores : float32 array, shape (n_users, k)
        Their scores; -inf where there is no item.
    ranks : int32 array, one an entry of the test matrix
        The item's place in the order, from zero; the number of items if it was no candidate.
    mid_ranks : float64 array, one an entry of the test matrix
        How many candidates score higher, plus half of the others that score the same; also where the item was no
        candidate itself.
    ties : int32 array, one an entry of the test matrix
        How many others score the same.
    """

    items: Indices
    scores: Floats
    ranks: Indices
    mid_ranks: npt.NDArray[np.float64]
    ties: Indices


@dataclass(frozen=True)
class Block:
    """What is asked about some users, and where the answers go."""

    users: Indices
    seen: Pattern | None
    test: Pattern | None
    top_items: Indices | None
    top_scores: Floats | None
    ranks: Indices | None
    mid_ranks: npt.NDArray[np.float64] | None
    ties: Indices | None

    def answers(self) -> dict[str, Any]:
        """Give the native kernel's arguments that do not depend on how scores come about."""
        return {name: value for name, value in vars(self).items() if name != "users"}


class Scores(Protocol):
    """How a model scores items: what it must offer to recommend."""

    n_items: int
    block_size: int

    def only(self, items: Indices) -> "Scores":
        """Score these items alone, in this order."""

    def rank(self, block: Block, num_threads: int) -> None:
        """Score all items for a block of users, and fill in its answers."""

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score as many pairs as there are users and items: float32, one a pair."""


class RepresentationScores:
    """The score is the dot product of two representations plus both biases; no score is ever stored.

    Parameters
    ----------
    users : callable
        Takes user indices, gives their rows: float32, shape (n, width), C-contiguous, each [embedding, bias, zeros].
    items : float32 array, shape (n_items, width)
        One such row an item.
    n_components : int
        The size of an embedding.
    """

    block_size = 16_384

    def __init__(self, users: Callable[[Indices], Floats], items: Floats, n_components: int) -> None:
        self._users, self._items, self._n_components = users, items, n_components
        self.n_items = len(items)

    def only(self, items: Indices) -> "RepresentationScores":
        """Score these items alone, in this order."""
        return RepresentationScores(self._users, self._items[items], self._n_components)

    def rank(self, block: Block, num_threads: int) -> None:
        """Score all items for a block of users, and fill in its answers."""
        _native.rank_representations(
            users=self._users(block.users),
            items=self._items,
            n_components=self._n_components,
            num_threads=num_threads,
            progress=None,
            **block.answers(),
        )

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score as many pairs as there are users and items: float32, one a pair."""
        scores, size = np.empty(len(users), np.float32), self._n_components
        for start in range(0, len(users), self.block_size):
            block = slice(start, start + self.block_size)
            left, right = self._users(users[block]), self._items[items[block]]
            products = np.einsum("ij,ij->i", left[:, :size], right[:, :size])
            scores[block] = products + left[:, size] + right[:, size]
        return scores


class SharedScores:
    """The scores are the same for all users, but for a few of each user's own.

    Parameters
    ----------
    shared : float32 array, shape (n_items,)
        A finite score an item.
    own : callable, optional
        Takes user indices, gives their scores that stand in the place of the shared ones: csr_matrix of float32, shape
        (n, n_items), columns ascending. None (default): there are none.
    block_size : int
        For how many users `own` is asked at a time; 65,536 by default.
    """

    def __init__(
        self, shared: Floats, own: Callable[[Indices], sp.csr_matrix] | None = None, block_size: int = 65_536
    ) -> None:
        self._shared, self._own, self.block_size = shared, own, block_size
        self.n_items = len(shared)

    def only(self, items: Indices) -> "SharedScores":
        """Score these items alone, in this order."""
        own = self._own
        chosen = None if own is None else lambda users: own(users)[:, items]
        return SharedScores(self._shared[items], chosen, self.block_size)

    def rank(self, block: Block, num_threads: int) -> None:
        """Score all items for a block of users, and fill in its answers."""
        own: Csr = (np.zeros(len(block.users) + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
        if self._own is not None:
            rows = self._own(block.users)
            own = (*pattern(rows), rows.data)
        _native.rank_shared(shared=self._shared, own=own, num_threads=num_threads, **block.answers())

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score as many pairs as there are users and items: float32, one a pair."""
        scores = self._shared[items]
        if self._own is None:
            return scores
        for distinct, chosen, places in by_user(users, self.block_size):
            rows = self._own(distinct)
            # One number a pair, ascending as rows and their columns are.
            there = np.repeat(np.arange(len(distinct)), np.diff(rows.indptr)) * self.n_items + rows.indices
            wanted = places * self.n_items + items[chosen]
            found = np.searchsorted(there, wanted)
            is_own = np.append(there, -1)[found] == wanted
            scores[chosen[is_own]] = rows.data[found[is_own]]
        return scores


class DenseScores:
    """The scores are what a function says, some hundred users at a time.

    Parameters
    ----------
    function : callable
        Takes user indices, gives a float32 array of its own, shape (n, n_items), without NaN and -inf.
    n_items : int
        The number of items.
    """

    block_size = 256

    def __init__(self, function: Callable[[Indices], Floats], n_items: int) -> None:
        self._function, self.n_items = function, n_items

    def only(self, items: Indices) -> "DenseScores":
        """Score these items alone, in this order."""
        function = self._function
        return DenseScores(lambda users: np.ascontiguousarray(function(users)[:, items]), len(items))

    def rank(self, block: Block, num_threads: int) -> None:
        """Score all items for a block of users, and fill in its answers."""
        scores = self._function(block.users)
        # One pass: NaN is what the least of numbers with a NaN among them is.
        if not scores.min(initial=np.inf) > -np.inf:
            user, item = np.argwhere(~(scores > -np.inf))[0]
            raise DataError(
                f"The model gives item index {item} the score {scores[user, item]} for user index {block.users[user]}; "
                "give every item a number."
            )
        _native.rank_scores(scores=scores, num_threads=num_threads, **block.answers())

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score as many pairs as there are users and items: float32, one a pair."""
        scores = np.empty(len(users), np.float32)
        for distinct, chosen, places in by_user(users, self.block_size):
            scores[chosen] = self._function(distinct)[places, items[chosen]]
        return scores


def by_user(users: Indices, block_size: int) -> Iterator[tuple[Indices, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Give the distinct users, some at a time; which pairs are theirs, and whose of these each is."""
    distinct, places = np.unique(users, return_inverse=True)
    for start in range(0, len(distinct), block_size):
        chosen = np.flatnonzero((places >= start) & (places < start + block_size))
        yield distinct[start : start + block_size], chosen, places[chosen] - start


def rank(
    scores: Scores,
    users: Indices,
    *,
    k: int = 0,
    seen: sp.csr_matrix | None = None,
    test: sp.csr_matrix | None = None,
    candidates: Indices | None = None,
    num_threads: int = 0,
) -> Ranking:
    """Find users' best items and the ranks of their test items, in one pass over the scores.

    Parameters
    ----------
    scores : Scores
        How the model scores.
    users : int32 array of length n
        User indices.
    k : int
        How many of the best items; 0 (default) for none.
    seen, test : csr_matrix, shape (n, n_items)
        A row for each of `users`, columns ascending: items that are no candidates, and items to rank. Where entries
        are counts, not what they are.
    candidates : int32 array
        The item indices to choose from, ascending; all by default. Only without `test`.
    num_threads : int
        0 (default) for all cores. The result does not depend on it.

    Raises
    ------
    ParameterError
        If `num_threads` is no number of threads, or `candidates` come with a `test`.
    """
    n_threads = check_num_threads(num_threads)
    if candidates is not None:
        if test is not None:
            raise ParameterError("A test ranks among all items; leave the candidates out.")
        scores = scores.only(candidates)
        seen = None if seen is None else seen[:, candidates]
    n_test = 0 if test is None else test.nnz
    answer = Ranking(
        np.empty((len(users), k), np.int32),
        np.empty((len(users), k), np.float32),
        np.empty(n_test, np.int32),
        np.empty(n_test, np.float64),
        np.empty(n_test, np.int32),
    )
    if scores.n_items == 0:
        answer.items[:], answer.scores[:] = -1, -np.inf
        return answer
    for start in range(0, len(users), scores.block_size):
        stop = min(start + scores.block_size, len(users))
        scores.rank(_block(users, seen, test, answer, start, stop), n_threads)
    if candidates is not None and k:
        answer.items[:] = np.where(answer.items >= 0, candidates[answer.items], -1)
    return answer


def _block(
    users: Indices,
    seen: sp.csr_matrix | None,
    test: sp.csr_matrix | None,
    answer: Ranking,
    start: int,
    stop: int,
) -> Block:
    entries = slice(0, 0) if test is None else slice(test.indptr[start], test.indptr[stop])
    k = answer.items.shape[1]
    return Block(
        users[start:stop],
        None if seen is None else pattern(seen, start, stop),
        None if test is None else pattern(test, start, stop),
        answer.items[start:stop] if k else None,
        answer.scores[start:stop] if k else None,
        None if test is None else answer.ranks[entries],
        None if test is None else answer.mid_ranks[entries],
        None if test is None else answer.ties[entries],
    )


def frame(ranking: Ranking, user_ids: pl.Series, item_ids: Ids) -> pl.DataFrame:
    """Write the best items of a ranking as a table, in external ids.

    Parameters
    ----------
    ranking : Ranking
        Of the users `user_ids`, in their order.
    user_ids : series
        The external id of each.
    item_ids : Ids
        The external ids of the items.

    Returns
    -------
    polars.DataFrame
        ``user_id``, ``item_id``, ``rank`` (Int32, from 1) and ``score`` (Float32), best first; fewer than k rows where
        a user has fewer candidates.
    """
    n_users, k = ranking.items.shape
    there = ranking.items >= 0
    users = np.repeat(np.arange(n_users, dtype=np.int32), k).reshape(n_users, k)
    ranks = np.broadcast_to(np.arange(1, k + 1, dtype=np.int32), (n_users, k))
    return pl.DataFrame(
        {
            USER_ID: user_ids.gather(users[there]),
            ITEM_ID: item_ids.ids(ranking.items[there]),
            RANK: ranks[there],
            SCORE: ranking.scores[there],
        }
    )
