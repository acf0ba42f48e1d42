"""Best sellers by segment of users: smoothed sales of each segment, and scores that its users share."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Doubles, Floats, Indices, Longs
from gingham.checked import LARGEST_TOTAL, stored_array, stored_csr
from gingham.dataset.codes import Codes
from gingham.models.contributions import entries_of
from gingham.scores import Block, SharedScores
from gingham.store import csr_arrays

# The number of sales, distributed as all sales, that are added to a segment's own. The documentation compares values.
_SMOOTHING = 1000.0


@dataclass(frozen=True, eq=False)
class SegmentPopularity:
    """The segment of each user, and the sales of each segment.

    Attributes
    ----------
    of_user : int32 array, shape (n_users,)
        The segment of each user; the last segment for users without one.
    sales : csr_matrix of float32, shape (n_segments, n_items)
        The sales of each segment; the row of the last segment is empty.
    """

    of_user: Indices
    sales: sp.csr_matrix

    @classmethod
    def of(cls, codes: Codes, purchases: sp.csr_matrix) -> "SegmentPopularity":
        """Sum the purchases of users, shape (n_users, n_items), by segment."""
        of_user = segments_of(codes)
        users = np.flatnonzero(codes.is_known)
        # Sums in float64: float32 would stop counting at 16 million.
        members = sp.csr_matrix((np.ones(len(users)), (of_user[users], users)), shape=(codes.n_values, len(of_user)))
        return cls(of_user, sp.csr_matrix(members @ purchases).astype(np.float32))

    def scores(self, overall: Floats, segment: int) -> Floats:
        """Score items by a segment's smoothed sales, scaled to the total of the `overall` sales."""
        own = self.sales[[segment]].toarray()[0]
        # If more is returned than bought, the total is negative and can't be a scale.
        n_own, n_all = (max(float(sales.sum(dtype=np.float64)), 0) for sales in (own, overall))
        scores = (_SMOOTHING * overall.astype(np.float64) + n_all * own) / (_SMOOTHING + n_own)
        return np.asarray(scores, np.float32)

    def shares(self, overall: Floats, segment: Indices, items: Indices) -> tuple[Doubles, Doubles]:
        """Return what all sales, and what those of the segment, are of the scores of pairs of segments and items."""
        n_own = np.maximum(np.asarray(self.sales.sum(axis=1, dtype=np.float64)).ravel(), 0)[segment]
        n_all = max(float(overall.sum(dtype=np.float64)), 0)
        weight = _SMOOTHING + n_own
        own = n_all * entries_of(self.sales, segment, items)
        return _SMOOTHING * overall[items].astype(np.float64) / weight, own / weight

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays to store in an artifact."""
        return {"segment": self.of_user, **csr_arrays("segments", self.sales)}

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[Any]], n_users: int, n_items: int) -> "SegmentPopularity | None":
        """Build the object from the arrays of an artifact; None if it has no segments.

        Raises
        ------
        DataError
            If the arrays do not fit together.
        """
        if "segment" not in arrays:
            return None
        n_segments = max(len(arrays["segments.indptr"]) - 1, 0)
        of_user = stored_array(arrays, "segment", "int32", (n_users,), least=0, most=n_segments - 1)
        most = LARGEST_TOTAL
        sales = stored_csr(arrays, "segments", (n_segments, n_items), least=-most, most=most, ascending=False)
        return cls(of_user, sales)


def segments_of(codes: Codes) -> Indices:
    """Return the segment of each user, the last one for users without a value: int32, shape (n_users,)."""
    return np.where(codes.is_known, codes.of_row, codes.n_values - 1).astype(np.int32)


class SegmentScores:
    """Scores that all users of a segment share.

    Parameters
    ----------
    of_user : int32 array, shape (n_users,)
        The segment of each user.
    function : callable
        Maps a segment to a finite score for each item: float32, shape (n_items,).
    n_items : int
        The number of items.
    """

    block_size = 65_536

    def __init__(self, of_user: Indices, function: Callable[[int], Floats], n_items: int) -> None:
        self._of_user, self._function, self.n_items = of_user, function, n_items

    def only(self, items: Indices) -> "SegmentScores":
        """Return the scores of these items alone, in this order."""
        function = self._function
        return SegmentScores(self._of_user, lambda segment: function(segment)[items], len(items))

    def rank(self, block: Block, num_threads: int) -> None:
        """Rank all items for a block of users, and write the results to its buffers."""
        for segment, rows in self._segments(block.users):
            with block.part(rows) as part:
                SharedScores(self._function(segment)).rank(part, num_threads)

    def dense(self, users: Indices) -> Floats:
        """Score all items for a few users, in a new array: float32, shape (n_users, n_items)."""
        scores = np.empty((len(users), self.n_items), np.float32)
        for segment, rows in self._segments(users):
            scores[rows] = self._function(segment)
        return scores

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score pairs of users and items: two arrays of equal length n to a float32 array of shape (n,)."""
        scores = np.empty(len(users), np.float32)
        for segment, rows in self._segments(users):
            scores[rows] = self._function(segment)[items[rows]]
        return scores

    def _segments(self, users: Indices) -> Iterator[tuple[int, Longs]]:
        """Yield each segment of the users, with the positions of its users."""
        of_user = self._of_user[users]
        order = np.argsort(of_user, kind="stable")
        segments, starts = np.unique(of_user[order], return_index=True)
        yield from zip(segments.tolist(), np.split(order, starts)[1:], strict=True)
