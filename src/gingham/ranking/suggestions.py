"""Features of what the sources say of a pair."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from gingham.arrays import Floats
from gingham.models import Recommender
from gingham.models.embedding import EmbeddingModel
from gingham.ranking.baskets import in_last_basket, of_users
from gingham.ranking.pairs import Pairs
from gingham.scores import Scores

# How much the difference between first places counts beside that of later ones: Cormack et al., "Reciprocal rank fusion
# outperforms Condorcet and individual rank learning methods", 2009.
_FUSION = 60


class Suggestions:
    """Each source's score and rank, and where several put the item."""

    def __init__(self, models: Sequence[Recommender], scores: Sequence[Scores]) -> None:
        self._scores = scores
        ranks = [f"{name}_rank" for name in source_names(models)]
        self.names = (*ranks, *score_names(models), "sources", "fused_rank")

    def values(self, pairs: Pairs) -> Floats:
        """Give the features."""
        user = pairs.user
        scores = [scores.pairs(user, pairs.items) for scores in self._scores]
        return np.column_stack([pairs.ranks, *scores, np.isfinite(pairs.ranks).sum(axis=1), fused(pairs)])


class Similarity:
    """How near the item's embedding is to those of what the user had, for each source that has embeddings."""

    def __init__(self, models: Sequence[Recommender]) -> None:
        self._items = {}
        for name, model in zip(source_names(models), models, strict=True):
            if isinstance(model, EmbeddingModel):
                self._items[name] = _unit(model.item_representations()[0])
        self.names = tuple(f"{name}_near_{what}" for name in self._items for what in ("last", "history"))

    def values(self, pairs: Pairs) -> Floats:
        """Give the features, rounded: the last bits of two directions that are one would decide between branches."""
        found = np.empty((len(pairs), len(self.names)), np.float32)
        weights = (in_last_basket(pairs.past), pairs.past.recent)
        for number, items in enumerate(self._items.values()):
            for place, weight in enumerate(weights):
                tastes = _unit(of_users(pairs, weight) @ items)
                found[:, 2 * number + place] = np.einsum("ij,ij->i", tastes[pairs.place], items[pairs.items])
        return found.round(4)


def _unit(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, np.finfo(np.float32).tiny))


def fused(pairs: Pairs) -> Floats:
    """Fuse the sources' lists: the sum of 1 / (60 + rank)."""
    return np.asarray(np.nansum(1 / (_FUSION + pairs.ranks), axis=1), np.float32)


def score_names(models: Sequence[Recommender]) -> list[str]:
    """Call the features that are each source's score."""
    return [f"{name}_score" for name in source_names(models)]


def source_names(models: Sequence[Recommender]) -> list[str]:
    """Call each source by its class, and by a number where there are several of one."""
    kinds = [type(model).__name__ for model in models]
    seen: Counter[str] = Counter()
    names = []
    for kind in kinds:
        seen[kind] += 1
        names.append(kind if kinds.count(kind) == 1 else f"{kind}_{seen[kind]}")
    return names
