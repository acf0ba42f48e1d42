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
from gingham.ranking.suggestions import Similarity, Suggestions, source_names
from gingham.scores import Scores


class _Values(Protocol):
    """Features that are computed together."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features."""

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Where each feature comes from."""

    def values(self, pairs: Pairs) -> Floats:
        """Return the features: float32, a row per pair and a column per name."""


class FeatureGroup(_Values, Protocol):
    """Features that depend on the histories and features of users, and on what is known of items."""

    def of_users(self, users: Snapshot) -> "FeatureGroup":
        """Return the same features of other users: what is known of items stays."""


class PairFeatures:
    """All features of pairs. They are computed from a snapshot alone, so that no information from later can leak.

    Parameters
    ----------
    suggestions : Suggestions
        The features from the scores of the candidate models.
    groups : sequence of FeatureGroup
        The other features.
    """

    def __init__(self, suggestions: Suggestions, groups: Sequence[FeatureGroup]) -> None:
        self._suggestions, self._others = suggestions, groups
        self._groups: tuple[_Values, ...] = (suggestions, *groups)
        self.names = tuple(name for group in self._groups for name in group.names)
        self.origins = tuple(origin for group in self._groups for origin in group.origins)

    @classmethod
    def of(cls, snapshot: Snapshot, models: Sequence[Recommender], scores: Sequence[Scores]) -> "PairFeatures":
        """Compute what features need of a snapshot.

        Parameters
        ----------
        snapshot : Snapshot
            The data before a moment.
        models : sequence of Recommender
            The candidate models.
        scores : sequence of Scores
            Their scores.
        """
        sides = (snapshot.dataset.item_features, snapshot.dataset.user_features)
        items, users = ({} if features is None else features.categories() for features in sides)
        groups: tuple[FeatureGroup, ...] = (
            Similarity(models),
            Repeats(snapshot),
            CategoryHabits(items),
            Habits(snapshot),
            ItemSales(snapshot),
            SegmentSales(snapshot, users),
            Baskets(snapshot),
        )
        return cls(Suggestions(source_names(models), scores), groups)

    def of_users(self, users: Snapshot, scores: Sequence[Scores]) -> "PairFeatures":
        """Return the same features of other users, by their histories and the models' scores for them."""
        return PairFeatures(self._suggestions.with_scores(scores), [group.of_users(users) for group in self._others])

    def values(self, pairs: Pairs) -> Floats:
        """Return the features of pairs: float32, shape (n_pairs, n_features); NaN where a feature has no value."""
        values = np.empty((len(pairs), len(self.names)), np.float32)
        start = 0
        for group in self._groups:
            stop = start + len(group.names)
            values[:, start:stop] = group.values(pairs)
            start = stop
        return values
