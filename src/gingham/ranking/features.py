"""All features of pairs of users and candidates, as of a moment."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gingham.arrays import Floats
from gingham.models import Recommender
from gingham.ranking.baskets import Baskets
from gingham.ranking.habits import CategoryHabits, Habits, Repeats
from gingham.ranking.origins import Origin
from gingham.ranking.pairs import Pairs
from gingham.ranking.sales import ItemSales, SegmentSales
from gingham.ranking.snapshot import Snapshot
from gingham.ranking.suggestions import Similarity, Suggestions
from gingham.scores import Scores


class FeatureGroup(Protocol):
    """Features that are computed together."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features."""

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Where each feature comes from."""

    def values(self, pairs: Pairs) -> Floats:
        """Return the features: float32, a row per pair and a column per name."""


class PairFeatures:
    """All features of pairs. They are computed from a snapshot alone, so that no information from later can leak.

    Parameters
    ----------
    snapshot : Snapshot
        The data before a moment.
    models : sequence of Recommender
        The candidate models.
    scores : sequence of Scores
        Their scores.
    """

    def __init__(self, snapshot: Snapshot, models: Sequence[Recommender], scores: Sequence[Scores]) -> None:
        sides = (snapshot.dataset.item_features, snapshot.dataset.user_features)
        items, users = ({} if features is None else features.categories() for features in sides)
        self._groups: tuple[FeatureGroup, ...] = (
            Suggestions(models, scores),
            Similarity(models),
            Repeats(snapshot),
            CategoryHabits(items),
            Habits(snapshot),
            ItemSales(snapshot),
            SegmentSales(snapshot, users),
            Baskets(snapshot),
        )
        self.names = tuple(name for group in self._groups for name in group.names)
        self.origins = tuple(origin for group in self._groups for origin in group.origins)

    def values(self, pairs: Pairs) -> Floats:
        """Return the features of pairs: float32, shape (n_pairs, n_features); NaN where a feature has no value."""
        values = np.empty((len(pairs), len(self.names)), np.float32)
        start = 0
        for group in self._groups:
            stop = start + len(group.names)
            values[:, start:stop] = group.values(pairs)
            start = stop
        return values
