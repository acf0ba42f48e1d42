"""What every request to a model of embeddings needs, computed once after a fit."""

from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

from gingham.arrays import Floats, Indices, aligned
from gingham.models.epochs import EmbeddingState
from gingham.models.least_squares import Axes
from gingham.models.moved_side import shared_features
from gingham.models.popularity import item_totals, rank_scores
from gingham.models.side import Side
from gingham.models.training_data import TrainingData
from gingham.scores import SharedScores

StateT = TypeVar("StateT", bound=EmbeddingState)


class Serving(Generic[StateT]):
    """Parts of a fitted model that do not depend on the user.

    Parameters
    ----------
    state : EmbeddingState
        The parameters of the model.
    data : TrainingData
        Its training data.
    """

    def __init__(self, state: StateT, data: TrainingData) -> None:
        self.state, self._data = state, data

    def is_of(self, state: EmbeddingState) -> bool:
        """Return whether these are parts of a state."""
        return self.state is state

    @cached_property
    def fitted(self) -> Indices:
        """The items that the last fit knew."""
        return self.state.fitted

    @cached_property
    def pool(self) -> Indices:
        """The fitted items, numbered from 0, each as often as it was sold: what "bpr" draws negatives from."""
        assert self.state.sold is not None
        sold = self.state.sold[self.fitted]
        return np.repeat(np.arange(len(sold), dtype=np.int32), sold)

    @cached_property
    def item_rows(self) -> Floats:
        """The representations of the items; see `Side.rows`."""
        return self.state.items.rows()

    @cached_property
    def fixed_items(self) -> Side:
        """The fitted items as entities that adagrad does not change."""
        return Side.fixed(self.item_rows[self.fitted, : self.state.items.n_components + 1])

    @cached_property
    def axes(self) -> Axes:
        """The fitted items in the axes in which `ALS` solves for users."""
        rows = aligned(len(self.fitted), self.item_rows.shape[1])
        rows[:] = self.item_rows[self.fitted]
        axes = Axes.of(rows, self.state.items.n_components, 1)
        assert axes is not None  # a fitted model is finite
        return axes

    @cached_property
    def unit_items(self) -> Floats:
        """The embeddings of the items, scaled to unit length, with biases of zero."""
        return unit_rows(self.state.items)

    @cached_property
    def best_sellers(self) -> SharedScores:
        """The scores of users without a history and features."""
        return SharedScores(rank_scores(item_totals(self._data.matrix)))

    @cached_property
    def users_share_features(self) -> bool:
        """Whether users have features after their identities."""
        return shared_features(self.state.users.features) is not None


def unit_rows(side: Side) -> Floats:
    """Return the embeddings of a side, scaled to unit length, with biases of zero, in a new array."""
    n = len(side.state) if side.features is None else side.features.shape[0]
    rows = side.rows_of(np.arange(n, dtype=np.int32))
    return scaled_to_unit(rows, side.n_components)


def scaled_to_unit(rows: Floats, n_components: int) -> Floats:
    """Scale the embeddings of representations to unit length in place, and set biases to zero."""
    norms = np.linalg.norm(rows[:, :n_components], axis=1, keepdims=True)
    rows /= np.maximum(norms, np.finfo(np.float32).tiny)
    rows[:, n_components] = 0
    return rows
