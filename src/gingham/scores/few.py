"""The best items of a few users whose scores are mostly shared, without a pass over all items."""

import weakref
from typing import Any

import numpy as np

from gingham.arrays import Csr, Floats, Longs, Pattern
from gingham.scores.ranking import Block

# The order of the shared scores of models, by the identity of the array, as long as it exists. A model does not change
# its array, but makes a new one.
_orders: dict[int, tuple["weakref.ref[Any]", Longs]] = {}


def rank_few(shared: Floats, own: Csr, block: Block) -> None:
    """Rank all items for a few users without test items, and write the results to the buffers of a block.

    Parameters
    ----------
    shared : float32 array, shape (n_items,)
        The score of each item.
    own : tuple of (indptr, indices, data)
        The scores that replace the shared ones, as rows of the users.
    block : Block
        The users, the items that are not candidates, and the buffers.
    """
    if block.top_items is None or block.top_scores is None:
        return
    order, k = _order(shared), block.top_items.shape[1]
    indptr, indices, data = own
    for user in range(len(block.users)):
        entries = slice(indptr[user], indptr[user + 1])
        items, seen = indices[entries], _row(block.seen, user)
        # The best k of the other items are among as many, although some of them may have own scores or be left out.
        best = order[: k + len(items) + len(seen)]
        best = best[~np.isin(best, items)]
        candidates = np.concatenate([items, best])
        scores = np.concatenate([data[entries], shared[best]])
        if len(seen):
            allowed = ~np.isin(candidates, seen)
            candidates, scores = candidates[allowed], scores[allowed]
        chosen = np.lexsort((candidates, -scores))[:k]
        block.top_items[user, : len(chosen)], block.top_items[user, len(chosen) :] = candidates[chosen], -1
        block.top_scores[user, : len(chosen)], block.top_scores[user, len(chosen) :] = scores[chosen], -np.inf


def _row(rows: Pattern | None, user: int) -> Any:
    return np.empty(0, np.int32) if rows is None else rows[1][rows[0][user] : rows[0][user + 1]]


def _order(shared: Floats) -> Longs:
    """Return the items by descending score, equal ones by ascending index."""
    key = id(shared)
    if key not in _orders:
        order = np.argsort(-shared, kind="stable")
        _orders[key] = weakref.ref(shared, lambda _: _orders.pop(key, None)), order
    return _orders[key][1]
