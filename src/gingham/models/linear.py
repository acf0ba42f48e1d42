"""Base class of linear models: scores of all items that depend on the user's history alone."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Doubles, Floats, Indices
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part, history_parts, with_rest
from gingham.models.item_requests import Asked, SimilarItems
from gingham.models.living import Guarantee
from gingham.models.moving import Places
from gingham.models.one_pass import OnePassModel
from gingham.models.popularity import rank_scores
from gingham.models.training_data import Data, TrainingData
from gingham.scores import DenseScores


class LinearModel(SimilarItems, OnePassModel):
    """Base class of models that map a user's history to scores of all items.

    The history is binary: interactions above zero count as one, others are ignored. Users without history get the items
    with the most users.
    """

    supports: ClassVar[frozenset[str]] = frozenset({"similar_items"})
    guarantee: ClassVar[Guarantee] = "fixed items"

    _history: sp.csr_matrix
    _popularity: Floats

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:  # noqa: ARG002
        history = binary_history(training_data.matrix)
        self._fit_history(history, n_threads)
        self._set_history(history)

    @abstractmethod
    def _fit_history(self, history: sp.csr_matrix, n_threads: int) -> None:
        """Fit the model to the binary interactions; set attributes only when nothing can fail any more."""

    @abstractmethod
    def _score(self, history: sp.csr_matrix) -> Floats:
        """Score all items for users given by their rows of the binary interactions, in a new array."""

    @abstractmethod
    def _weights_between(self, sources: Indices, targets: Indices) -> Doubles:
        """Return the weight of an item of a history in the score of an item, for two arrays of length n."""

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        histories = self._history if cold is None else binary_history(cold.matrix)
        parts = history_parts(histories[users], items, self._weights_between)
        return with_rest(parts, Cause.BEST_SELLER, self._scores_of(histories).pairs(users, items))

    @abstractmethod
    def _moved(self, users: Places, items: Places) -> dict[str, Any]:
        """Return the attributes that depend on indices for other users and items, by name."""

    def _refresh(self, before: TrainingData, after: TrainingData, changed: Indices, n_threads: int) -> None:  # noqa: ARG002
        moved = self._moved(Places.of(before.user_ids, after.user_ids), Places.of(before.item_ids, after.item_ids))
        vars(self).update(moved)
        self._training_data = after
        self._set_history(binary_history(after.matrix))

    def _set_history(self, history: sp.csr_matrix) -> None:
        self._history = history
        self._popularity = rank_scores(np.bincount(history.indices, minlength=history.shape[1]))

    def _scores(self) -> DenseScores:
        return self._scores_of(self._history)

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> DenseScores:  # noqa: ARG002
        return self._scores_of(binary_history(users.matrix))

    def _scores_of(self, histories: sp.csr_matrix) -> DenseScores:
        def function(users: Indices) -> Floats:
            history = histories[users]
            scores = self._score(history)
            scores[np.diff(history.indptr) == 0] = self._popularity
            return scores

        return DenseScores(function, self.n_items)

    def _similarities(self, asked: Asked, n_threads: int) -> DenseScores:  # noqa: ARG002
        rows = asked.one_hot(type(self).__name__, self.n_items)
        return DenseScores(lambda chosen: self._score(rows[chosen]), self.n_items)

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:  # noqa: ARG002
        self._set_history(binary_history(self.training_data_.matrix))


def binary_history(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Return a matrix of ones where the values are above zero, without other entries."""
    history: sp.csr_matrix = matrix.copy()
    history.data[:] = 1
    return history
