"""What segments of users bought, and scores that all users of a segment share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Pattern
from gingham.dataset.codes import Codes
from gingham.scores import Block, SharedScores
from gingham.store import csr_arrays, csr_of

# How many sales, spread as everybody's are, are mixed into a segment's; docs/models.md tells what others do.
_SMOOTHING = 1000.0


@dataclass(frozen=True, eq=False)
class Segments:
    """Who belongs to which segment, and what each of them bought.

    Attributes
    ----------
    of_user : int32 array
        The number of each user's segment; the last one for whoever is of none.
    sales : csr_matrix of float32, shape (n_segments, n_items)
        What each bought; nothing for the last one.
    """

    of_user: Indices
    sales: sp.csr_matrix

    @classmethod
    def of(cls, codes: Codes, bought: sp.csr_matrix) -> "Segments":
        """Sum up by segment what users bought; `bought` has a row a user, a column an item."""
        nobody = codes.n_values - 1
        of_user = np.where(codes.is_known, codes.of_row, nobody).astype(np.int32)
        users = np.flatnonzero(codes.is_known)
        # Of float64: float32 would stop counting at 16 million.
        members = sp.csr_matrix((np.ones(len(users)), (of_user[users], users)), shape=(codes.n_values, len(of_user)))
        return cls(of_user, sp.csr_matrix(members @ bought).astype(np.float32))

    def scores(self, everybody: Floats, segment: int) -> Floats:
        """Score items by what would be sold if everybody bought as a segment does."""
        own = self.sales[[segment]].toarray()[0]
        # Where more is returned than bought, there is nothing to scale.
        n_own, n_all = (max(float(sales.sum(dtype=np.float64)), 0) for sales in (own, everybody))
        scores = (_SMOOTHING * everybody.astype(np.float64) + n_all * own) / (_SMOOTHING + n_own)
        return np.asarray(scores, np.float32)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Give what an artifact keeps of it."""
        return {"segment": self.of_user, **csr_arrays("segments", self.sales)}

    @classmethod
    def restored(cls, arrays: dict[str, npt.NDArray[Any]], n_items: int) -> "Segments | None":
        """Take what `arrays` gave; None if there were no segments."""
        if "segment" not in arrays:
            return None
        shape = len(arrays["segments.indptr"]) - 1, n_items
        return cls(arrays["segment"], csr_of("segments", arrays, shape))


class SegmentScores:
    """The scores are the same for all users of a segment.

    Parameters
    ----------
    of_user : int32 array
        The number of each user's segment.
    function : callable
        Takes the number of a segment, gives a finite score an item: float32, shape (n_items,).
    n_items : int
        The number of items.
    """

    block_size = 65_536

    def __init__(self, of_user: Indices, function: Callable[[int], Floats], n_items: int) -> None:
        self._of_user, self._function, self.n_items = of_user, function, n_items

    def only(self, items: Indices) -> "SegmentScores":
        """Score these items alone, in this order."""
        function = self._function
        return SegmentScores(self._of_user, lambda segment: function(segment)[items], len(items))

    def rank(self, block: Block, num_threads: int) -> None:
        """Score all items for a block of users, and fill in its answers."""
        for segment, places in self._segments(block.users):
            _rank(SharedScores(self._function(segment)), block, places, num_threads)

    def pairs(self, users: Indices, items: Indices) -> Floats:
        """Score as many pairs as there are users and items: float32, one a pair."""
        scores = np.empty(len(users), np.float32)
        for segment, places in self._segments(users):
            scores[places] = self._function(segment)[items[places]]
        return scores

    def _segments(self, users: Indices) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """Give the segments there are, and where their users are."""
        of_user = self._of_user[users]
        order = np.argsort(of_user, kind="stable")
        segments, starts = np.unique(of_user[order], return_index=True)
        yield from zip(segments.tolist(), np.split(order, starts)[1:], strict=True)


def _rank(scores: SharedScores, block: Block, places: npt.NDArray[np.int64], num_threads: int) -> None:
    """Fill in the answers for some of a block's users."""
    seen, _ = _rows(block.seen, places)
    test, entries = _rows(block.test, places)
    where = {"top_items": places, "top_scores": places, "ranks": entries, "mid_ranks": entries, "ties": entries}
    asked = {name: at for name, at in where.items() if getattr(block, name) is not None}
    part = replace(
        block,
        users=block.users[places],
        seen=seen,
        test=test,
        **{name: getattr(block, name)[at] for name, at in asked.items()},
    )
    scores.rank(part, num_threads)
    for name, at in asked.items():
        getattr(block, name)[at] = getattr(part, name)


def _rows(rows: Pattern | None, places: npt.NDArray[np.int64]) -> tuple[Pattern | None, npt.NDArray[np.int64]]:
    """Take some rows; give also which entries these have."""
    if rows is None:
        return None, np.empty(0, np.int64)
    indptr, indices = rows
    sizes = np.diff(indptr)[places]
    ends = np.cumsum(sizes)
    entries = np.arange(ends[-1]) + np.repeat(indptr[places] - ends + sizes, sizes)
    return (np.concatenate([[0], ends]), indices[entries]), entries
