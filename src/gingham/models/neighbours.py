"""ItemKNN: items that are bought by the same users as what this user bought."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices
from gingham.extras import extra
from gingham.models.base import Recommender
from gingham.models.popularity import places, sold
from gingham.models.training_data import Data, TrainingData
from gingham.scores import SharedScores
from gingham.store import csr_arrays, csr_of
from gingham.validation import check_choice, check_integer, check_num_threads, check_number, check_optional_duration

WEIGHTINGS = ("cosine", "tf-idf", "bm25")
# For how many users the scores of their items' neighbours are kept at a time.
_USERS = 4096


class ItemKNN(Recommender):
    """The neighbours of what a user bought, each counted as often as it was bought.

    Two items are neighbours if the same users bought them. A score is the sum, over what the user bought, of how often
    they did times how near the item is; an item is a neighbour of itself, so that what was bought before stands high
    (unless `filter_seen` leaves it out). What is no neighbour follows, best sellers first. Interactions that are
    not above zero don't count.

    Parameters
    ----------
    n_neighbours : int
        How many of the nearest are kept of each item, itself included; 100 by default.
    weighting : {"cosine", "tf-idf", "bm25"}
        What makes items near: the cosine of how often users bought them (default); that of the counts' square roots,
        where users who bought many items say less; or their product under BM25, where a count adds less the larger it
        is, the more so for items that sell much.
    k1, b : float
        For "bm25" alone: how fast counts saturate, and how much an item's sales weigh against it, from 0 to 1; 1.2 and
        0.75 by default.
    half_life : str or None
        How long before the last transaction one counts for half, such as "30d"; by default all count alike.

    References
    ----------
    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", 2001;
    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009;
    Ding and Li, "Time weight collaborative filtering", 2005.
    """

    _counts: sp.csr_matrix
    _near: sp.csr_matrix
    _fill: Floats

    def __init__(
        self,
        n_neighbours: int = 100,
        weighting: str = "cosine",
        k1: float = 1.2,
        b: float = 0.75,
        half_life: str | None = None,
    ) -> None:
        self.n_neighbours = n_neighbours
        self.weighting = weighting
        self.k1 = k1
        self.b = b
        self.half_life = half_life

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If one is out of its range.
        """
        check_integer("n_neighbours", self.n_neighbours, 1)
        check_choice("weighting", self.weighting, WEIGHTINGS)
        check_number("k1", self.k1, least=0)
        check_number("b", self.b, least=0, most=1)
        check_optional_duration("half_life", self.half_life)

    def fit(self, interactions: Data, num_threads: int = 0) -> Self:
        """Find every item's neighbours.

        Parameters
        ----------
        interactions : Dataset or sparse matrix
            What was bought. In a matrix (or a dataset without timestamps) nothing is older: all of it counts alike.
        num_threads : int
            0 (default) for all cores. The result does not depend on it.

        Raises
        ------
        ParameterError, DataError
            If a parameter is out of its range, or the data hold a value that is not finite.
        MissingExtraError
            If sparse-dot-topn is not installed.
        """
        self.validate()
        n_threads = check_num_threads(num_threads)
        known = TrainingData.of(interactions)
        counts = known.purchases(interactions, check_optional_duration("half_life", self.half_life))
        weighted = self._weighted(counts)
        near = top_products(weighted.T.tocsr(), weighted, self.n_neighbours, n_threads)
        self._training_data = known
        self._take(counts, near)
        return self

    def _weighted(self, counts: sp.csr_matrix) -> sp.csr_matrix:
        """Weigh users' items, so that the products of columns say how near items are."""
        weighted = counts.copy()
        weighted.eliminate_zeros()
        if self.weighting != "cosine":
            n_items = weighted.shape[1]
            had = np.diff(weighted.indptr)
            # A user who had everything tells nothing.
            tells = np.log(n_items / np.maximum(had, 1))
            if self.weighting == "tf-idf":
                values = np.sqrt(weighted.data)
            else:
                sales = sold(weighted)
                length = 1 - self.b + self.b * sales / (sales.sum() / max(n_items, 1) or 1)
                values = weighted.data * (self.k1 + 1) / (self.k1 * length[weighted.indices] + weighted.data)
            weighted.data = (values * np.repeat(tells, had)).astype(np.float32)
        if self.weighting != "bm25":
            weighted.data = unit(weighted.data, weighted.indices, weighted.shape[1])
        return weighted

    def _take(self, counts: sp.csr_matrix, near: sp.csr_matrix) -> None:
        self._counts, self._near = counts, near
        # Below zero, and so below every neighbour.
        self._fill = places(sold(counts)) - np.float32(1)

    def _scores(self) -> SharedScores:
        return SharedScores(self._fill, self._score, _USERS)

    def _score(self, users: Indices) -> sp.csr_matrix:
        scores: sp.csr_matrix = self._counts[users] @ self._near
        scores.sort_indices()
        return scores

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {}, {"counts": self._counts.data, **csr_arrays("near", self._near)}

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:  # noqa: ARG002
        known = self.training_data_.matrix
        counts = sp.csr_matrix((arrays["counts"], known.indices, known.indptr), shape=known.shape)
        self._take(counts, csr_of("near", arrays, (self.n_items, self.n_items)))


def unit(values: Floats, lines: npt.NDArray[np.integer], n_lines: int) -> Floats:
    """Scale a matrix's values so that the squares of each line sum to one; `lines` says which one each value is of."""
    norms = np.sqrt(np.bincount(lines, values.astype(np.float64) ** 2, n_lines))
    return np.asarray(values / np.maximum(norms, np.finfo(np.float32).tiny)[lines].astype(np.float32), np.float32)


def top_products(left: sp.csr_matrix, right: sp.csr_matrix, n: int, n_threads: int) -> sp.csr_matrix:
    """Multiply two sparse matrices, and keep the greatest of each row's products above zero.

    Parameters
    ----------
    left, right : csr_matrix of float32
    n : int
        How many are kept of a row.
    n_threads : int
        At least 1.

    Returns
    -------
    csr_matrix of float32, columns ascending

    Raises
    ------
    MissingExtraError
        If sparse-dot-topn is not installed.
    """
    tool = extra("sparse_dot_topn", "neighbours", "Finding neighbours", "sparse-dot-topn")
    products: sp.csr_matrix = tool.sp_matmul_topn(left, right, n, threshold=0.0, n_threads=n_threads)
    products.sort_indices()
    return products
