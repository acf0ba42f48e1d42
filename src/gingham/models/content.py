"""ContentBased: items whose features the user buys more often than others do, sold or not."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import PositiveInt

from gingham.arrays import Floats, Indices
from gingham.checked import LARGEST, Values, stored_array, stored_csr
from gingham.dataset import Dataset
from gingham.errors import DataError
from gingham.models.baskets import BasketModel, basket_matrix
from gingham.models.one_pass import OnePassModel
from gingham.models.popularity import item_totals, rank_scores
from gingham.models.training_data import Data, TrainingData
from gingham.scores import DenseScores
from gingham.store import csr_arrays
from gingham.validation import Check, check_number, check_optional_duration


class _StoredContent(Values):
    """The JSON values of a fitted `ContentBased`."""

    n_features: PositiveInt


class ContentBased(BasketModel, OnePassModel):
    r"""Content-based recommendation: naive Bayes over the features of items.

    The model scores items by their features alone, so articles that were never sold are ranked like all others. With n
    the user's interactions, n_f those with items of feature f, and p_f the share of f in all users' interactions, the
    score of an item is the sum over its features of

    .. math:: \log \frac{n_f + m p_f}{(n + m) p_f}:

    how much more often than others the user buys the feature, smoothed by m interactions of an average user. Rare
    features that the user buys count most. Users without a history get best sellers. The model knows no popularity; use
    it for articles to be launched, as a candidate model of `TwoStage` or with an allow-list.

    The data need item features, such as categories. Features with a negative weight, such as scaled numbers, are left
    out. Interactions that are not above zero are ignored.

    Parameters
    ----------
    smoothing : float
        The number m of interactions of an average user, above 0; 100 by default.
    half_life : str or None
        The age, counted back from the last transaction, at which an interaction counts half, such as "90d". By default
        (None) all interactions count the same.

    References
    ----------
    Lops, de Gemmis and Semeraro, "Content-based Recommender Systems: State of the Art and Trends", 2011.

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.ContentBased().fit(gg.synth.sample_dataset())
    >>> model.recommend(["u07"], k=3)["rank"].to_list()
    [1, 2, 3]
    """

    kind: ClassVar[str] = "content"
    supports: ClassVar[frozenset[str]] = frozenset({"features", "baskets"})
    default_space: ClassVar[Mapping[str, Any]] = {"smoothing": {"low": 1.0, "high": 1000.0, "log": True}}
    constraints: ClassVar[Mapping[str, Check]] = {
        "smoothing": partial(check_number, above=0, most=LARGEST),
        "half_life": check_optional_duration,
    }

    _counts: sp.csr_matrix
    _features: sp.csr_matrix
    _shares: Floats
    _fallback: Floats

    def __init__(self, smoothing: float = 100.0, half_life: str | None = None) -> None:
        self.smoothing = smoothing
        self.half_life = half_life

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:  # noqa: ARG002
        features = _counted_features(interactions)
        counts = training_data.purchases(interactions, check_optional_duration("half_life", self.half_life))
        self._set(counts, features)

    def _set(self, counts: sp.csr_matrix, features: sp.csr_matrix) -> None:
        sales = item_totals(counts)
        self._counts, self._features = counts, features
        self._shares = np.asarray((sales / max(sales.sum(), 1e-9)) @ features, np.float32)
        self._fallback = rank_scores(sales)

    def _scores(self) -> DenseScores:
        return DenseScores(lambda users: self._score(self._counts[users]), self.n_items)

    def _basket_scores(self, baskets: Sequence[Indices], n_threads: int) -> DenseScores:  # noqa: ARG002
        history = basket_matrix(baskets, self.n_items)
        return DenseScores(lambda users: self._score(history[users]), self.n_items)

    def _score(self, history: sp.csr_matrix) -> Floats:
        """Score all items for users given by rows of counts."""
        total = np.asarray(history.sum(axis=1, dtype=np.float64), np.float32)
        smoothing = np.float32(self.smoothing)
        bought = (history @ self._features).toarray()
        # A feature that nobody bought has a share of 0, and so has every user.
        ratio = bought / np.maximum(self._shares, np.finfo(np.float32).tiny)
        scores = np.ascontiguousarray((self._features @ np.log((ratio + smoothing) / (total + smoothing)).T).T)
        scores[total[:, 0] == 0] = self._fallback
        return scores

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state = {"n_features": self._features.shape[1]}
        return state, {"counts": self._counts.data, **csr_arrays("features", self._features)}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        stored, matrix = _StoredContent.read(state), self.training_data_.matrix
        counts = stored_array(arrays, "counts", "float32", (matrix.nnz,), least=0, most=LARGEST)
        self._set(
            sp.csr_matrix((counts, matrix.indices, matrix.indptr), shape=matrix.shape),
            stored_csr(arrays, "features", (self.n_items, stored.n_features), least=0, most=LARGEST),
        )


def _counted_features(data: Data) -> sp.csr_matrix:
    """Return the item features without identities and without those that have a negative weight.

    Raises
    ------
    DataError
        If there are none.
    """
    features = data.item_features if isinstance(data, Dataset) else None
    named = sp.csr_matrix((0, 0)) if features is None else features.without_identities()
    smallest = named.min(axis=0).toarray()[0] if named.shape[1] else np.empty(0)
    kept = np.flatnonzero(smallest >= 0)
    if not len(kept):
        raise DataError(
            "ContentBased needs item features, and the data have none that are not negative; name columns of the items "
            "table, for example categories, in [features.items] or in gingham.Tables(item_features=...)."
        )
    counted: sp.csr_matrix = sp.csr_matrix(named[:, kept], dtype=np.float32)
    counted.sum_duplicates()
    return counted
