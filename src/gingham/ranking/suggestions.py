"""Features from the candidate models: their scores and ranks, and the similarity of their embeddings."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from gingham.arrays import Floats
from gingham.models import Recommender
from gingham.models.contributions import Cause
from gingham.models.item_requests import FUSION
from gingham.ranking.baskets import in_last_basket, weighted_items
from gingham.ranking.origins import Origin
from gingham.ranking.pairs import Pairs
from gingham.ranking.snapshot import Snapshot
from gingham.scores import Scores


@runtime_checkable
class HasItemEmbeddings(Protocol):
    """A model that offers an embedding of each item."""

    def item_representations(self) -> tuple[Floats, Floats]:
        """Return embeddings, shape (n_items, n_components), and biases, shape (n_items,)."""


class Suggestions:
    """Each model's rank and score, the number of models that suggest the item, and their fused ranks."""

    def __init__(self, models: Sequence[str], scores: Sequence[Scores]) -> None:
        self._models, self._scores = models, scores
        ranks, of_scores = ([f"{name}_{what}" for name in models] for what in ("rank", "score"))
        self.names = (*ranks, *of_scores, "sources", "fused_rank")
        self.origins = (*source_origins(models), *source_origins(models), Origin(Cause.MODEL), Origin(Cause.MODEL))

    def with_scores(self, scores: Sequence[Scores]) -> "Suggestions":
        """Return the features of users with other scores."""
        return Suggestions(self._models, scores)

    def values(self, pairs: Pairs) -> Floats:
        """Return the features."""
        user = pairs.user
        scores = [scores.pairs(user, pairs.items) for scores in self._scores]
        return np.column_stack([pairs.ranks, *scores, np.isfinite(pairs.ranks).sum(axis=1), fused_ranks(pairs)])


class Similarity:
    """The cosine of an item's embedding with the user's last basket and history, for each model with embeddings."""

    def __init__(self, models: Sequence[Recommender]) -> None:
        self._items = {
            name: _unit(model.item_representations()[0])
            for name, model in zip(source_names(models), models, strict=True)
            if isinstance(model, HasItemEmbeddings)
        }
        self.names = tuple(f"{name}_near_{what}" for name in self._items for what in ("last", "history"))
        self.origins = (Origin(Cause.BOUGHT_TOGETHER),) * len(self.names)

    def of_users(self, users: Snapshot) -> "Similarity":  # noqa: ARG002
        """Return these features: they are the same for all users with the same history."""
        return self

    def values(self, pairs: Pairs) -> Floats:
        """Return the features, rounded: otherwise the last bits of equal directions could decide between branches."""
        values = np.empty((len(pairs), len(self.names)), np.float32)
        all_weights = (in_last_basket(pairs.past), pairs.past.recent)
        for number, items in enumerate(self._items.values()):
            for column, weights in enumerate(all_weights):
                users = _unit(weighted_items(pairs, weights) @ items)
                values[:, 2 * number + column] = np.einsum("ij,ij->i", users[pairs.position], items[pairs.items])
        return values.round(4)


def _unit(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, np.finfo(np.float32).tiny))


def fused_ranks(pairs: Pairs) -> Floats:
    """Return the reciprocal rank fusion of the models' lists: the sum of 1 / (60 + rank)."""
    return np.asarray(reciprocal_ranks(pairs).sum(axis=1), np.float32)


def reciprocal_ranks(pairs: Pairs) -> Floats:
    """Return 1 / (60 + rank) for each model's list, and zero where the model does not suggest the item."""
    return np.asarray(np.nan_to_num(1 / (FUSION + pairs.ranks)))


def source_origins(models: Sequence[str]) -> tuple[Origin, ...]:
    """Return the origins of features that are the output of the models with these names."""
    return tuple(Origin(Cause.MODEL, name, source) for source, name in enumerate(models))


def score_names(models: Sequence[Recommender]) -> list[str]:
    """Return the names of the features that are the models' scores."""
    return [f"{name}_score" for name in source_names(models)]


def source_names(models: Sequence[Recommender]) -> list[str]:
    """Return the class of each model, with a number where several models are of one class."""
    classes = [type(model).__name__ for model in models]
    counts: Counter[str] = Counter()
    names = []
    for name in classes:
        counts[name] += 1
        names.append(name if classes.count(name) == 1 else f"{name}_{counts[name]}")
    return names
