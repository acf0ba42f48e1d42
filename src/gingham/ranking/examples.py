"""Training examples of the ranker: candidates as of a moment, and whether they were bought in the period after it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np

from gingham.arrays import Bools, Floats, Indices, Longs
from gingham.dataset import Dataset
from gingham.models import Recommender
from gingham.models.cold import ColdUsers
from gingham.models.popularity import item_totals, rank_scores
from gingham.ranking.candidates import Candidates, CandidateSource
from gingham.ranking.features import PairFeatures
from gingham.ranking.pairs import History
from gingham.ranking.snapshot import Snapshot, times
from gingham.scores import Scores

# Features are computed for this many users at a time, which bounds the memory.
BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Stage:
    """The first stage as of a moment: fitted models, their candidates, and the features of these.

    Attributes
    ----------
    snapshot : Snapshot
        The data before the moment.
    models : sequence of Recommender
        The candidate models, fitted to it.
    sizes : sequence of int
        How many candidates each model suggests to a user.
    unsold : sequence of bool
        Whether each model suggests only items that were not sold yet; by default none does.
    """

    snapshot: Snapshot
    models: Sequence[Recommender]
    sizes: Sequence[int]
    unsold: Sequence[bool] = ()

    def __getstate__(self) -> dict[str, Any]:
        # A copy computes candidates and features again when it needs them.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def candidates(self) -> Candidates:
        """The candidates that the models suggest."""
        scores = [model._scores() for model in self.models]
        return self._candidates(scores, self.snapshot)

    def _candidates(self, scores: Sequence[Scores], snapshot: Snapshot) -> Candidates:
        """Return the candidates of the users of a snapshot."""
        allowed = self.snapshot.candidates
        launches = np.flatnonzero(allowed & (self.snapshot.sales() == 0)).astype(np.int32)
        pools = [launches if unsold else None for unsold in self.unsold]
        return Candidates(scores, self.sizes, History(snapshot), allowed, pools)

    def fill(self, below: float) -> Floats:
        """Return scores of all items between a number and the next integer, in the order of their sales."""
        if below not in self._fills:
            ranks = rank_scores(item_totals(self.models[0].training_data_.matrix))
            self._fills[below] = ranks + np.float32(below)
        return self._fills[below]

    @cached_property
    def _fills(self) -> dict[float, Floats]:
        return {}

    @cached_property
    def features(self) -> PairFeatures:
        """The features of pairs."""
        return PairFeatures.of(self.snapshot, self.models, self.candidates.scores)

    def of_users(self, users: ColdUsers, num_threads: int) -> tuple[Candidates, PairFeatures]:
        """Return the candidates of users outside the data, and the features of these, as of the same moment."""
        snapshot = self.snapshot.of_users(users)
        scores = [model._cold_scores(users, num_threads) for model in self.models]
        return self._candidates(scores, snapshot), self.features.of_users(snapshot, scores)

    @classmethod
    def fit(
        cls, snapshot: Snapshot, sources: Sequence[CandidateSource], sizes: Sequence[int], num_threads: int
    ) -> "Stage":
        """Fit copies of the sources' models to a snapshot."""
        models = [source.fit(snapshot, num_threads) for source in sources]
        return cls(snapshot, models, sizes, [bool(source.unsold) for source in sources])

    @classmethod
    def fit_to_score(
        cls,
        users: Indices,
        snapshot: Snapshot,
        sources: Sequence[CandidateSource],
        sizes: Sequence[int],
        num_threads: int,
    ) -> "Stage":
        """Fit copies of the sources' models to a snapshot, to score these users only."""
        return cls(snapshot, [source.fit_to_score(users, snapshot, num_threads) for source in sources], sizes)


@dataclass(frozen=True, eq=False)
class Labels:
    """What users bought in a period.

    Attributes
    ----------
    users : int32 array, shape (n_users,)
        The users who bought something, ascending; a sample of them if they are many.
    bought : int64 array
        Each pair of a user and an item that they bought, as the number ``user * n_items + item``; ascending.
    start, stop : datetime64
        The start of the period and its end, which is not part of it. The end may lie after the data.
    """

    users: Indices
    bought: Longs
    start: np.datetime64
    stop: np.datetime64

    @classmethod
    def of(
        cls, dataset: Dataset, start: np.datetime64, period: timedelta, max_users: int, rng: np.random.Generator
    ) -> "Labels":
        """Return what users bought in a period.

        Parameters
        ----------
        dataset : Dataset
            The data with that period.
        start : datetime64
            The start of the period.
        period : timedelta
            Its length.
        max_users : int
            The maximum number of users; more are sampled at random.
        rng : Generator
            For the sample.
        """
        rows, when, stop = dataset.interactions, times(dataset), start + np.timedelta64(period)
        purchases = rows.take((when >= start) & (when < stop)).positives()
        users = np.unique(purchases.user_index)
        if len(users) > max_users:
            users = np.sort(rng.choice(users, max_users, replace=False))
        return cls(users, np.unique(purchases.pairs()), start, stop)


@dataclass(frozen=True, eq=False)
class Examples:
    """The candidates of one training period, with features and labels.

    Users who bought none or all of their candidates are left out, because they say nothing about the order.

    Attributes
    ----------
    features : float32 array, shape (n, n_features)
        The features of each candidate at the start of the period.
    bought : bool array, shape (n,)
        The label: whether the user bought the item in the period.
    sizes : int64 array, shape (n_users,)
        The number of candidates of each user; candidates are sorted by user.
    users : int32 array, shape (n_users,)
        The users.
    start, stop : datetime64
        The start of the period and its end, which is not part of it. The end may lie after the data.
    """

    features: Floats
    bought: Bools
    sizes: Longs
    users: Indices
    start: np.datetime64
    stop: np.datetime64

    @classmethod
    def of(cls, stage: Stage, labels: Labels) -> "Examples":
        """Return the candidates of a stage with labels from the period after its moment."""
        blocks = range(0, max(len(labels.users), 1), BLOCK)
        parts = [_block(stage, labels.users[at : at + BLOCK], labels.bought) for at in blocks]
        features, bought, sizes, users = (np.concatenate(part) for part in zip(*parts, strict=True))
        return cls(features, bought, sizes, users, labels.start, labels.stop)

    def every_second(self) -> "Examples":
        """Return the candidates of every second user, from the first one on."""
        chosen = np.arange(len(self.sizes)) % 2 == 0
        rows = np.repeat(chosen, self.sizes)
        sizes, users = self.sizes[chosen], self.users[chosen]
        return Examples(self.features[rows], self.bought[rows], sizes, users, self.start, self.stop)


def _block(stage: Stage, users: Indices, bought: Longs) -> tuple[Floats, Bools, Longs, Indices]:
    pairs = stage.candidates.pairs(users)
    labels = np.isin(pairs.user.astype(np.int64) * pairs.n_items + pairs.items, bought)
    sizes = np.bincount(pairs.position, minlength=len(users))
    n_bought = np.bincount(pairs.position[labels], minlength=len(users))
    informative = (n_bought > 0) & (n_bought < sizes)
    chosen = pairs.of_users(informative)
    return stage.features.values(chosen), labels[informative[pairs.position]], sizes[informative], users[informative]
