"""What models have in common that score items by what the user had, and by nothing else of the user."""

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices
from gingham.models.base import Recommender
from gingham.models.popularity import places
from gingham.models.training_data import Data, TrainingData
from gingham.scores import DenseScores


class LinearModel(Recommender):
    """A model that maps what a user had to scores of all items.

    It sees which items a user had, not how often: interactions above zero count as one, others not at all. A user
    without any gets the items that most users had.
    """

    _had: sp.csr_matrix
    _places: Floats

    def fit(self, interactions: Data) -> Self:
        """Learn from a dataset or a bare matrix, forgetting what was learned before.

        Parameters
        ----------
        interactions : Dataset or sparse matrix
            Who had what; timestamps have no part in it.

        Raises
        ------
        ParameterError, DataError
            If a parameter is out of its range, or the data hold a value that is not finite.
        """
        self.validate()
        known = TrainingData.of(interactions)
        had = positives(known.matrix)
        self._learn(had)
        self._training_data = known
        self._look_at(had)
        return self

    @abstractmethod
    def _learn(self, had: sp.csr_matrix) -> None:
        """Learn from the matrix of ones of who had what; change the model only at the end."""

    @abstractmethod
    def _score(self, had: sp.csr_matrix) -> Floats:
        """Score all items for some users' rows, in an array of their own."""

    def _look_at(self, had: sp.csr_matrix) -> None:
        self._had, self._places = had, places(np.bincount(had.indices, minlength=had.shape[1]))

    def _scores(self) -> DenseScores:
        return DenseScores(self._score_users, self.n_items)

    def _score_users(self, users: Indices) -> Floats:
        had = self._had[users]
        scores = self._score(had)
        scores[np.diff(had.indptr) == 0] = self._places
        return scores

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:  # noqa: ARG002
        self._look_at(positives(self.training_data_.matrix))


def positives(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Make the matrix of ones where the values are above zero."""
    had: sp.csr_matrix = matrix.copy()
    had.data = (had.data > 0).astype(np.float32)
    had.eliminate_zeros()
    return had
