"""ContentBased: items whose features the user buys more often than others do, sold or not."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from gingham.arrays import Floats, Indices
from gingham.checked import LARGEST, Values, stored_array, stored_csr
from gingham.dataset import Dataset
from gingham.errors import DataError
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part
from gingham.models.one_pass import OnePassModel
from gingham.models.popularity import item_totals, rank_scores
from gingham.models.training_data import Data, TrainingData
from gingham.scores import DenseScores
from gingham.store import csr_arrays
from gingham.validation import Check, check_number, check_optional_duration


class _StoredContent(Values):
    """The JSON values of a fitted `ContentBased`."""

    columns: Annotated[list[str], Field(min_length=1)]


class ContentBased(OnePassModel):
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
    supports: ClassVar[frozenset[str]] = frozenset({"features"})
    default_space: ClassVar[Mapping[str, Any]] = {"smoothing": {"low": 1.0, "high": 1000.0, "log": True}}
    constraints: ClassVar[Mapping[str, Check]] = {
        "smoothing": partial(check_number, above=0, most=LARGEST),
        "half_life": check_optional_duration,
    }

    _counts: sp.csr_matrix
    _columns: list[str]
    _features: sp.csr_matrix
    _shares: Floats
    _fallback: Floats

    def __init__(self, smoothing: float = 100.0, half_life: str | None = None) -> None:
        self.smoothing = smoothing
        self.half_life = half_life

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:  # noqa: ARG002
        features, columns = _counted_features(interactions)
        counts = training_data.purchases(interactions, check_optional_duration("half_life", self.half_life))
        self._set(counts, features, columns)

    def _set(self, counts: sp.csr_matrix, features: sp.csr_matrix, columns: list[str]) -> None:
        sales = item_totals(counts)
        self._counts, self._features, self._columns = counts, features, columns
        self._shares = np.asarray((sales / max(sales.sum(), 1e-9)) @ features, np.float32)
        self._fallback = rank_scores(sales)

    def _scores(self) -> DenseScores:
        return self._scores_of(self._counts)

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> DenseScores:  # noqa: ARG002
        return self._scores_of(self._cold_counts(users))

    def _cold_counts(self, users: ColdUsers) -> sp.csr_matrix:
        return users.purchases(check_optional_duration("half_life", self.half_life))

    def _scores_of(self, counts: sp.csr_matrix) -> DenseScores:
        return DenseScores(lambda users: self._score(counts[users]), self.n_items)

    def _score(self, history: sp.csr_matrix) -> Floats:
        """Score all items for users given by rows of counts."""
        scores = np.ascontiguousarray((self._features @ self._log_ratios(history).T).T)
        scores[np.diff(history.indptr) == 0] = self._fallback
        return scores

    def _log_ratios(self, history: sp.csr_matrix) -> Floats:
        """Return how much more often than all users these buy each feature: float32, shape (n_users, n_features)."""
        total, smoothing = np.asarray(history.sum(axis=1, dtype=np.float64), np.float32), np.float32(self.smoothing)
        # Where the share of all users is 0, the user's is 0, too.
        ratio = (history @ self._features).toarray() / np.maximum(self._shares, np.finfo(np.float32).tiny)
        return np.asarray(np.log((ratio + smoothing) / (total + smoothing)))

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        distinct, place = np.unique(users, return_inverse=True)
        counts = self._counts if cold is None else self._cold_counts(cold)
        histories, features = counts[distinct], self._features[items]
        pair = np.repeat(np.arange(len(items)), np.diff(features.indptr))
        values = features.data.astype(np.float64) * self._log_ratios(histories)[place[pair], features.indices]
        has_history = np.diff(histories.indptr)[place] > 0
        column_of = np.array(self._columns)[features.indices]
        part = Part(Cause.ITEM_FEATURE, pair, values)
        of_columns = (
            replace(part.take((column_of == column) & has_history[pair]), detail=column)
            for column in dict.fromkeys(self._columns)
        )
        return [*of_columns, Part.of_all(Cause.BEST_SELLER, self._fallback[items]).take(~has_history)]

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {"columns": self._columns}, {"counts": self._counts.data, **csr_arrays("features", self._features)}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        columns, matrix = _StoredContent.read(state).columns, self.training_data_.matrix
        counts = stored_array(arrays, "counts", "float32", (matrix.nnz,), least=0, most=LARGEST)
        self._set(
            sp.csr_matrix((counts, matrix.indices, matrix.indptr), shape=matrix.shape),
            stored_csr(arrays, "features", (self.n_items, len(columns)), least=0, most=LARGEST),
            columns,
        )


def _counted_features(data: Data) -> tuple[sp.csr_matrix, list[str]]:
    """Return the item features that have no negative weight, without identities, and the column of each.

    Raises
    ------
    DataError
        If there are none.
    """
    features = data.item_features if isinstance(data, Dataset) else None
    if features is not None and features.definitions:
        weights = features.without_identities()
        nonnegative = np.flatnonzero(weights.min(axis=0).toarray()[0] >= 0)
        if len(nonnegative):
            counted: sp.csr_matrix = sp.csr_matrix(weights[:, nonnegative], dtype=np.float32)
            counted.sum_duplicates()
            return counted, [features.definitions[place].column for place in nonnegative]
    raise DataError(
        "ContentBased needs item features, and the data have none without negative weights; name columns of the items "
        "table, for example categories, in [features.items] or in gingham.Tables(item_features=...)."
    )
