"""ItemKNN: item-based collaborative filtering with the nearest neighbours of each item."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Doubles, Floats, Indices
from gingham.checked import LARGEST, stored_array, stored_csr
from gingham.extras import extra
from gingham.forks import threads_lost
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part, entries_of, history_parts, with_rest
from gingham.models.item_requests import Asked, SimilarItems
from gingham.models.one_pass import OnePassModel
from gingham.models.popularity import item_totals, rank_scores
from gingham.models.training_data import Data, TrainingData
from gingham.scores import SharedScores
from gingham.store import csr_arrays
from gingham.validation import (
    Check,
    check_choice,
    check_duration,
    check_integer,
    check_number,
    check_optional_duration,
    optional,
)

WEIGHTINGS = ("cosine", "tf-idf", "bm25")
# The power of an item's sales that its similarity to itself is proportional to.
_SALES_EXPONENT = 0.3
# The number of users whose sparse scores are computed at a time.
_BLOCK_SIZE = 4096


class ItemKNN(SimilarItems, OnePassModel):
    """Nearest neighbours of the items in the user's history, weighted by similarity and count.

    Items are similar if the same users bought them. The score of an item is the sum, over the items of the user's
    history, of the user's count times the similarity of the two items. An item is its own neighbour, too, so items
    bought before rank high unless `filter_seen` removes them. Items without a neighbour in the history follow, best
    sellers first. Interactions that are not above zero are ignored.

    Parameters
    ----------
    n_neighbours : int
        The number of nearest neighbours kept for each item, including the item itself; 150 by default.
    weighting : {"cosine", "tf-idf", "bm25"}
        The similarity of two items. "bm25" (default): the inner product of BM25 weights, where counts saturate, and
        sooner for items with many sales. "cosine": the cosine similarity of their columns of counts. "tf-idf": the
        cosine of square roots of counts, times the inverse document frequency of the user, so that users with many
        items count less.
    k1, b : float
        The BM25 parameters, used by "bm25" only: the saturation of counts, at least 0, and the strength of the
        normalisation by sales, from 0 to 1; 1.2 and 0.35 by default.
    half_life : str or None
        The age, counted back from the last transaction, at which an interaction counts half, such as "30d". By default
        all interactions count the same.
    self_weight : float or None
        The similarity of an item to itself, from 0 to 1,000, as a multiple of the mean: 15 by default. It grows with
        the item's sales to the power 0.3. The larger it is, the higher items bought before rank above their neighbours.
        Has no effect on other items, and so none with `filter_seen`. None uses the similarity as it is.

    References
    ----------
    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", 2001;
    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009;
    Ding and Li, "Time weight collaborative filtering", 2005.

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.ItemKNN(n_neighbours=10).fit(gg.synth.sample_dataset())
    >>> model.recommend(["u07"], k=3)["item_id"].to_list()
    ['i15', 'i00', 'i03']
    """

    kind: ClassVar[str] = "item-knn"
    supports: ClassVar[frozenset[str]] = frozenset({"similar_items"})
    panel_cost: ClassVar[float | None] = 1.0
    default_space: ClassVar[Mapping[str, Any]] = {
        "n_neighbours": {"low": 10, "high": 1000, "log": True},
        "weighting": list(WEIGHTINGS),
        "k1": {"low": 0.3, "high": 10.0, "log": True},
        "b": {"low": 0.0, "high": 1.0},
        "self_weight": {"low": 1.0, "high": 100.0, "log": True},
    }
    constraints: ClassVar[Mapping[str, Check]] = {
        "n_neighbours": check_integer,
        "weighting": partial(check_choice, choices=WEIGHTINGS),
        "k1": partial(check_number, least=0),
        "b": partial(check_number, least=0, most=1),
        "half_life": optional(check_duration),
        "self_weight": optional(partial(check_number, least=0, most=1000)),
    }

    _added_params = frozenset({"self_weight"})

    _counts: sp.csr_matrix
    _near: sp.csr_matrix
    _fallback: Floats

    def __init__(
        self,
        n_neighbours: int = 150,
        weighting: str = "bm25",
        k1: float = 1.2,
        b: float = 0.35,
        half_life: str | None = None,
        self_weight: float | None = 15.0,
    ) -> None:
        self.n_neighbours = n_neighbours
        self.weighting = weighting
        self.k1 = k1
        self.b = b
        self.half_life = half_life
        self.self_weight = self_weight

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        return {"self_weight": None, **super()._restored_params(stored)}

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:
        counts = training_data.purchases(interactions, check_optional_duration("half_life", self.half_life))
        weighted = self._weighted(counts)
        near = top_products(weighted.T.tocsr(), weighted, self.n_neighbours, n_threads)
        if self.self_weight is not None:
            _set_self_similarities(near, float(self.self_weight), item_totals(counts))
        self._set_neighbours(counts, near)

    def _weighted(self, counts: sp.csr_matrix) -> sp.csr_matrix:
        """Weight the counts so that inner products of columns are similarities."""
        weighted = counts.copy()
        weighted.eliminate_zeros()
        if self.weighting != "cosine":
            n_items = weighted.shape[1]
            sizes = np.diff(weighted.indptr)
            idf = np.log(n_items / np.maximum(sizes, 1))  # zero for a user who bought every item
            if self.weighting == "tf-idf":
                values = np.sqrt(weighted.data)
            else:
                sales = item_totals(weighted)
                length = 1 - self.b + self.b * sales / (sales.sum() / max(n_items, 1) or 1)
                values = weighted.data * (self.k1 + 1) / (self.k1 * length[weighted.indices] + weighted.data)
            weighted.data = (values * np.repeat(idf, sizes)).astype(np.float32)
        if self.weighting != "bm25":
            weighted.data = normalised(weighted.data, weighted.indices, weighted.shape[1])
        return weighted

    def _set_neighbours(self, counts: sp.csr_matrix, near: sp.csr_matrix) -> None:
        self._counts, self._near = counts, near
        # Below zero, so below the score of every neighbour.
        self._fallback = rank_scores(item_totals(counts)) - np.float32(1)

    def _scores(self) -> SharedScores:
        return self._scores_of(self._counts)

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> SharedScores:  # noqa: ARG002
        return self._scores_of(self._cold_counts(users))

    def _cold_counts(self, users: ColdUsers) -> sp.csr_matrix:
        return users.purchases(check_optional_duration("half_life", self.half_life))

    def _scores_of(self, counts: sp.csr_matrix) -> SharedScores:
        def own(users: Indices) -> sp.csr_matrix:
            scores: sp.csr_matrix = counts[users] @ self._near
            scores.sort_indices()
            return scores

        return SharedScores(self._fallback, own, _BLOCK_SIZE)

    def _similarities(self, asked: Asked, n_threads: int) -> SharedScores:  # noqa: ARG002
        rows = self._near[asked.known(type(self).__name__)]
        return SharedScores(np.zeros(self.n_items, np.float32), lambda chosen: rows[chosen])

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        counts = self._counts if cold is None else self._cold_counts(cold)
        parts = history_parts(counts[users], items, partial(entries_of, self._near))
        return with_rest(parts, Cause.BEST_SELLER, self._scores_of(counts).pairs(users, items))

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {}, {"counts": self._counts.data, **csr_arrays("near", self._near)}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:  # noqa: ARG002
        matrix = self.training_data_.matrix
        counts = stored_array(arrays, "counts", "float32", (matrix.nnz,), least=0, most=LARGEST)
        self._set_neighbours(
            sp.csr_matrix((counts, matrix.indices, matrix.indptr), shape=matrix.shape),
            stored_csr(arrays, "near", (self.n_items, self.n_items), least=0, most=LARGEST),
        )


def _set_self_similarities(near: sp.csr_matrix, factor: float, sales: Doubles) -> None:
    """Replace each item's similarity to itself by a power of its sales, with `factor` times the mean by sales."""
    rows = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
    is_self = near.indices == rows
    own, sold = near.data[is_self].astype(np.float64), sales[rows[is_self]]
    powers = sold**_SALES_EXPONENT
    near.data[is_self] = factor * (own @ sold) / max(powers @ sold, np.finfo(float).tiny) * powers


def normalised(values: Floats, groups: npt.NDArray[np.integer], n_groups: int) -> Floats:
    """Scale the values of a sparse matrix to unit L2 norm by group.

    Parameters
    ----------
    values : float32 array, shape (nnz,)
    groups : integer array, shape (nnz,)
        The row, or the column, of each value.
    n_groups : int
        The number of rows or columns.
    """
    norms = np.sqrt(np.bincount(groups, values.astype(np.float64) ** 2, n_groups))
    return np.asarray(values / np.maximum(norms, np.finfo(np.float32).tiny)[groups].astype(np.float32), np.float32)


def top_products(left: sp.csr_matrix, right: sp.csr_matrix, n: int, n_threads: int) -> sp.csr_matrix:
    """Multiply two sparse matrices, and keep the `n` largest positive values of each row.

    Parameters
    ----------
    left, right : csr_matrix of float32
    n : int
        The number of values to keep in a row.
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
    sparse_dot_topn = extra("sparse_dot_topn", "neighbours", "Finding neighbours", "sparse-dot-topn")
    if threads_lost():
        n_threads = 1  # OpenMP's threads are lost too
    products: sp.csr_matrix = sparse_dot_topn.sp_matmul_topn(left, right, n, threshold=0.0, n_threads=n_threads)
    products.sort_indices()
    return products
