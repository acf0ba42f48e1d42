"""Scores of a model that has nothing to say about some users, who get the scores of another one."""

from collections.abc import Callable

import numpy as np

from gingham.arrays import Bools, Floats, Indices
from gingham.scores.ranking import Block, Scores


class ColdScores:
    """Scores for all users but cold ones, who have other scores.

    Parameters
    ----------
    warm : Scores
        The scores of users who are not cold.
    cold : callable
        Returns the scores of cold users; called only if there are any.
    is_cold : callable
        Maps n user indices to a bool array of shape (n,).
    """

    def __init__(self, warm: Scores, cold: Callable[[], Scores], is_cold: Callable[[Indices], Bools]) -> None:
        self._warm, self._cold, self._is_cold = warm, cold, is_cold
        self.n_items, self.block_size = warm.n_items, warm.block_size

    def only(self, items: Indices) -> "ColdScores":
        """Return the scores of these items alone, in this order."""
        cold = self._cold
        return ColdScores(self._warm.only(items), lambda: cold().only(items), self._is_cold)

    def rank(self, block: Block, num_threads: int) -> None:
        """Rank all items for a block of users, and write the results to its buffers."""
        is_cold = self._is_cold(block.users)
        if not is_cold.any():
            self._warm.rank(block, num_threads)
            return
        for scores, chosen in ((self._warm, ~is_cold), (self._cold(), is_cold)):
            with block.part(np.flatnonzero(chosen)) as part:
                scores.rank(part, num_threads)

    def dense(self, users: Indices) -> Floats:
        """Score all items for a few users, in a new array: float32, shape (n_users, n_items)."""
        scores, is_cold = self._warm.dense(users), self._is_cold(users)
        if is_cold.any():
            scores[is_cold] = self._cold().dense(users[is_cold])
        return scores

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score pairs of users and items: two arrays of equal length n to a float32 array of shape (n,)."""
        scores, is_cold = self._warm.pairs(users, items), self._is_cold(users)
        if is_cold.any():
            scores[is_cold] = self._cold().pairs(users[is_cold], items[is_cold])
        return scores
