"""Rank items by their scores: top-k lists and ranks of test items, block by block to bound the memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Doubles, Floats, Indices, Longs, Pattern, pattern
from gingham.columns import ITEM_ID, RANK, SCORE, USER_ID
from gingham.dataset import Ids
from gingham.errors import ParameterError
from gingham.validation import check_num_threads


@dataclass(frozen=True)
class Ranking:
    """The best items of some users, and the ranks of their test items.

    Items are ordered by descending score, then by ascending item index.

    Attributes
    ----------
    items : int32 array, shape (n_users, k)
        Indices of the best items, best first; -1 where a user has fewer than k candidates.
    scores : float32 array, shape (n_users, k)
        Their scores; -inf where there is no item.
    ranks : int32 array, shape (n_test,)
        For each entry of the test matrix, the rank of the item among the candidates, from zero; the number of items if
        the item is not a candidate.
    mid_ranks : float64 array, shape (n_test,)
        For each entry of the test matrix, the number of candidates with a higher score plus half the number of other
        candidates with the same score. Also defined where the item is not a candidate.
    ties : int32 array, shape (n_test,)
        For each entry of the test matrix, the number of other candidates with the same score.
    """

    items: Indices
    scores: Floats
    ranks: Indices
    mid_ranks: Doubles
    ties: Indices


# The roles of a block's fields: a row for each user, sparse rows (a pattern with a row for each user), or a value for
# each entry of the test rows. The first and the last of them are written to by the kernel.
_ROWS, _SPARSE, _ENTRIES = ({"role": role} for role in ("rows", "sparse", "entries"))


@dataclass(frozen=True)
class Block:
    """Some users to rank items for, and the buffers that the kernel writes the results to.

    Attributes
    ----------
    users : int32 array, shape (n_users,)
        User indices.
    seen, test : pattern or None
        For each user, the items that are not candidates and the items to rank.
    top_items, top_scores : arrays of shape (n_users, k) or None
        Buffers for the best items; None if they are not needed.
    ranks, mid_ranks, ties : arrays of shape (n_test,) or None
        Buffers for the ranks of the test items; None without `test`.
    """

    users: Indices = field(metadata=_ROWS)
    seen: Pattern | None = field(metadata=_SPARSE)
    test: Pattern | None = field(metadata=_SPARSE)
    top_items: Indices | None = field(metadata=_ROWS)
    top_scores: Floats | None = field(metadata=_ROWS)
    ranks: Indices | None = field(metadata=_ENTRIES)
    mid_ranks: Doubles | None = field(metadata=_ENTRIES)
    ties: Indices | None = field(metadata=_ENTRIES)

    def kernel_arguments(self) -> dict[str, Any]:
        """Return the arguments that all ranking functions of the kernel share: every field but `users`."""
        return {name: value for name, value in vars(self).items() if name != "users"}

    @contextmanager
    def part(self, rows: Longs) -> Iterator["Block"]:
        """Yield a block of some of the users, and copy its results back at the end.

        Parameters
        ----------
        rows : int64 array
            Positions in `users`, without duplicates.
        """
        places = {"rows": rows, "entries": np.empty(0, np.int64) if self.test is None else _entries(self.test, rows)}
        values: dict[str, Any] = {}
        for each in fields(self):
            value, role = getattr(self, each.name), each.metadata["role"]
            if value is not None:
                value = _sparse_rows(value, rows) if role == "sparse" else value[places[role]]
            values[each.name] = value
        part = Block(**values)
        yield part
        for each in fields(self):
            buffer, role = getattr(self, each.name), each.metadata["role"]
            if buffer is not None and role in places:
                buffer[places[role]] = getattr(part, each.name)


def _entries(rows: Pattern, chosen: Longs) -> Longs:
    """Return the positions of the entries of the chosen rows."""
    indptr, _ = rows
    sizes = np.diff(indptr)[chosen]
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(sizes.sum()) + np.repeat(indptr[chosen] - ends + sizes, sizes), np.int64)


def _sparse_rows(rows: Pattern, chosen: Longs) -> Pattern:
    """Return the pattern of the chosen rows."""
    indptr, indices = rows
    return np.append(0, np.cumsum(np.diff(indptr)[chosen])), indices[_entries(rows, chosen)]


class Scores(Protocol):
    """Scores of all items for all users, computed on demand: what a model offers to be ranked by.

    Attributes
    ----------
    n_items : int
        The number of items.
    block_size : int
        The largest number of users that `rank` is called for at once.
    """

    n_items: int
    block_size: int

    def only(self, items: Indices) -> "Scores":
        """Return the scores of these items alone, in this order."""

    def rank(self, block: Block, num_threads: int) -> None:
        """Rank all items for a block of users, and write the results to its buffers."""

    def dense(self, users: Indices) -> Floats:
        """Score all items for a few users, in a new array: float32, shape (n_users, n_items)."""

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score pairs of users and items: two arrays of equal length n to a float32 array of shape (n,)."""


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
    """Find the best items of users and the ranks of their test items, in one pass over the scores.

    Parameters
    ----------
    scores : Scores
        The scores to rank by.
    users : int32 array, shape (n,)
        User indices.
    k : int
        The number of best items for each user; 0 (default) for none.
    seen, test : csr_matrix, shape (n, n_items), optional
        Items that are not candidates, and items to rank: a row for each of `users`, columns ascending. Only the
        positions of entries count, not their values.
    candidates : int32 array, optional
        The item indices to choose from, ascending; all items by default. Not allowed together with `test`.
    num_threads : int
        The number of threads; 0 (default) for all cores. The result does not depend on it.

    Returns
    -------
    Ranking

    Raises
    ------
    ParameterError
        If `num_threads` is out of range, or both `candidates` and `test` are passed.
    DataError
        If a score is NaN or -inf.
    """
    n_threads = check_num_threads(num_threads)
    if candidates is not None:
        if test is not None:
            raise ParameterError("candidates and test can't be combined: test items are ranked among all items.")
        scores = scores.only(candidates)
        seen = None if seen is None else seen[:, candidates]
    n_test = 0 if test is None else test.nnz
    ranking = Ranking(
        np.empty((len(users), k), np.int32),
        np.empty((len(users), k), np.float32),
        np.empty(n_test, np.int32),
        np.empty(n_test, np.float64),
        np.empty(n_test, np.int32),
    )
    if scores.n_items == 0:
        ranking.items[:], ranking.scores[:] = -1, -np.inf
        return ranking
    for start in range(0, len(users), scores.block_size):
        stop = min(start + scores.block_size, len(users))
        scores.rank(_block(users, seen, test, ranking, start, stop), n_threads)
    if candidates is not None and k:
        ranking.items[:] = np.where(ranking.items >= 0, candidates[ranking.items], -1)
    return ranking


def _block(
    users: Indices,
    seen: sp.csr_matrix | None,
    test: sp.csr_matrix | None,
    ranking: Ranking,
    start: int,
    stop: int,
) -> Block:
    entries = slice(0, 0) if test is None else slice(test.indptr[start], test.indptr[stop])
    k = ranking.items.shape[1]
    return Block(
        users[start:stop],
        None if seen is None else pattern(seen, start, stop),
        None if test is None else pattern(test, start, stop),
        ranking.items[start:stop] if k else None,
        ranking.scores[start:stop] if k else None,
        None if test is None else ranking.ranks[entries],
        None if test is None else ranking.mid_ranks[entries],
        None if test is None else ranking.ties[entries],
    )


def frame(ranking: Ranking, user_ids: pl.Series, item_ids: Ids) -> pl.DataFrame:
    """Return the best items of a ranking as a table of external ids.

    Parameters
    ----------
    ranking : Ranking
        A ranking for the users `user_ids`, in their order.
    user_ids : polars.Series
        The external id of each user.
    item_ids : Ids
        The external ids of the items.

    Returns
    -------
    polars.DataFrame
        ``user_id``, ``item_id``, ``rank`` (Int32, from 1) and ``score`` (Float32), best items first; fewer than k rows
        for a user with fewer candidates.
    """
    n_users, k = ranking.items.shape
    is_item = ranking.items >= 0
    users = np.repeat(np.arange(n_users, dtype=np.int32), k).reshape(n_users, k)
    ranks = np.broadcast_to(np.arange(1, k + 1, dtype=np.int32), (n_users, k))
    return pl.DataFrame(
        {
            USER_ID: user_ids[users[is_item]],
            ITEM_ID: item_ids.ids(ranking.items[is_item]),
            RANK: ranks[is_item],
            SCORE: ranking.scores[is_item],
        }
    )
