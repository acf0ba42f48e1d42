"""The features of pairs, as of a moment."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gingham.arrays import Floats
from gingham.models import Recommender
from gingham.ranking.baskets import Baskets
from gingham.ranking.habits import CategoryHabits, Habits, Repeats
from gingham.ranking.pairs import Pairs
from gingham.ranking.sales import ItemSales, SegmentSales
from gingham.ranking.snapshot import Snapshot
from gingham.ranking.suggestions import Similarity, Suggestions
from gingham.scores import Scores


class Group(Protocol):
    """Some features that are about the same."""

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called."""

    def values(self, pairs: Pairs) -> Floats:
        """Give them: float32, a row a pair and a column a name."""


class PairFeatures:
    """All features of pairs; what they are made of is a snapshot, so that nothing can leak that came later.

    Parameters
    ----------
    snapshot : Snapshot
        What was known.
    models : sequence of Recommender
        The sources, fitted to it.
    scores : sequence of Scores
        How they score.
    """

    def __init__(self, snapshot: Snapshot, models: Sequence[Recommender], scores: Sequence[Scores]) -> None:
        sides = (snapshot.dataset.item_features, snapshot.dataset.user_features)
        items, users = ({} if features is None else features.categories() for features in sides)
        self._groups: tuple[Group, ...] = (
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

    def of(self, pairs: Pairs) -> Floats:
        """Give the features of pairs: float32, shape (n_pairs, n_features); NaN where there is nothing to say."""
        found = np.empty((len(pairs), len(self.names)), np.float32)
        start = 0
        for group in self._groups:
            stop = start + len(group.names)
            found[:, start:stop] = group.values(pairs)
            start = stop
        return found
