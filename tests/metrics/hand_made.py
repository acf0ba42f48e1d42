"""Rankings of a few users, small enough to compute metrics by hand."""

import numpy as np
import scipy.sparse as sp

from gingham.metrics import TestRanks
from gingham.scores import DenseScores, rank

N_ITEMS = 6


def ranks_of(
    scores: list[list[float]], test: list[list[int]], seen: list[list[int]] | None = None, n_items: int = N_ITEMS
) -> TestRanks:
    """Rank each user's test items by their scores."""

    def rows(items: list[list[int]]) -> sp.csr_matrix:
        ends = np.cumsum([0, *map(len, items)])
        columns = [item for row in items for item in sorted(row)]
        return sp.csr_matrix((np.ones(len(columns)), columns, ends), (len(items), n_items))

    dense = np.array(scores, np.float32).reshape(-1, n_items)
    tested, masked = rows(test), None if seen is None else rows(seen)
    users = np.arange(len(test), dtype=np.int32)
    ranking = rank(DenseScores(lambda block: dense[block], n_items), users, seen=masked, test=tested)
    return TestRanks.of(users, ranking, tested, masked)


# Scores fall with the item, so that item i has rank i (from zero).
FALLING = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
# First user: hits at ranks 1 and 3 (from one) and none further. Second: one hit at rank 2. Third: at ranks 1, 2 and 6.
TEST = [[0, 2], [1], [0, 1, 5]]
