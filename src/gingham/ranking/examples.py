"""What the ranker learns from: candidates as of a moment, and which of them were bought in the period after it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gingham.arrays import Floats, Indices
from gingham.dataset import Dataset
from gingham.models import Recommender
from gingham.ranking.candidates import Candidates, Source
from gingham.ranking.features import PairFeatures
from gingham.ranking.snapshot import Longs, Snapshot, times

# Of so many users' candidates the features are made at a time.
BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Stage:
    """The first stage as of a moment: sources, what they suggest, and what is known of that.

    Attributes
    ----------
    snapshot : Snapshot
        What was known.
    models : sequence of Recommender
        The sources, fitted to it.
    sizes : sequence of int
        How many candidates each suggests to a user.
    """

    snapshot: Snapshot
    models: Sequence[Recommender]
    sizes: Sequence[int]

    def __getstate__(self) -> dict[str, Any]:
        # What is worked out of these is worked out again where it is wanted.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def candidates(self) -> Candidates:
        """What the sources suggest."""
        return Candidates(self.models, self.sizes, self.snapshot)

    @cached_property
    def features(self) -> PairFeatures:
        """What is known of that."""
        return PairFeatures(self.snapshot, self.models, self.candidates.scores)

    @classmethod
    def fitted(cls, snapshot: Snapshot, sources: Sequence[Source], sizes: Sequence[int]) -> "Stage":
        """Fit sources to a snapshot."""
        return cls(snapshot, [source.fitted(snapshot) for source in sources], sizes)


@dataclass(frozen=True, eq=False)
class Examples:
    """Candidates of one period.

    Attributes
    ----------
    features : float32 array, shape (n, n_features)
        What was known of each when the period began.
    bought : bool array, shape (n,)
        Whether the user bought the item in it.
    sizes : int64 array, shape (n_users,)
        How many candidates each user has, one user after another.
    users : int32 array, shape (n_users,)
        Who they are. Those who bought none of their candidates, or all, are left out: they have no order to learn.
    start, stop : datetime64
        When the period begins, and when it has ended; its last part may lie after the data.
    """

    features: Floats
    bought: npt.NDArray[np.bool_]
    sizes: Longs
    users: Indices
    start: np.datetime64
    stop: np.datetime64

    @classmethod
    def of(cls, stage: Stage, dataset: Dataset, n_users: int, rng: np.random.Generator) -> "Examples":
        """Hold a stage's candidates against what was bought in the period after its moment, by a sample of users."""
        start, rows = stage.snapshot.moment, dataset.interactions
        when, stop = times(dataset), start + np.timedelta64(stage.snapshot.period)
        later = (when >= start) & (when < stop) & (rows.value > 0)
        bought = np.unique(rows.pairs()[later])
        buyers = np.unique(rows.user_index[later])
        if len(buyers) > n_users:
            buyers = np.sort(rng.choice(buyers, n_users, replace=False))
        parts = [_block(stage, buyers[at : at + BLOCK], bought) for at in range(0, max(len(buyers), 1), BLOCK)]
        features, hit, sizes, users = (np.concatenate(part) for part in zip(*parts, strict=True))
        return cls(features, hit, sizes, users, start, stop)


def _block(stage: Stage, users: Indices, bought: Longs) -> tuple[Floats, npt.NDArray[np.bool_], Longs, Indices]:
    pairs = stage.candidates.of(users)
    hit = np.isin(pairs.user.astype(np.int64) * pairs.n_items + pairs.items, bought)
    sizes = np.bincount(pairs.place, minlength=len(users))
    hits = np.bincount(pairs.place[hit], minlength=len(users))
    telling = (hits > 0) & (hits < sizes)
    chosen = pairs.of_users(telling)
    return stage.features.of(chosen), hit[telling[pairs.place]], sizes[telling], users[telling]
