"""The arguments of training for the kernel and its twin: settings, pairs and the two sides of a model."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Csr = tuple[npt.NDArray[np.int64], Ints, Floats | None]

SCHEDULES = ("adagrad", "adadelta")
# Initial values of the optimizer's memory of each parameter.
MEMORY = {"adagrad": (1.0,), "adadelta": (0.0, 0.0)}


@dataclass(frozen=True)
class Settings:
    """The parameters of training."""

    loss: str = "warp"
    schedule: str = "adagrad"
    n_components: int = 10
    learning_rate: float = 0.05
    rho: float = 0.95
    epsilon: float = 1e-6
    max_sampled: int = 10
    k: int = 2
    n: int = 4

    @property
    def width(self) -> int:
        return _native.padded_width(self.n_components)

    @property
    def parts(self) -> int:
        return 1 + len(MEMORY[self.schedule])


@dataclass(frozen=True)
class Pairs:
    """The examples of an epoch; `positives` is a CSR matrix of users by items, its data the weights (None for ones)."""

    user: Ints
    item: Ints
    positives: sp.csr_matrix
    pool: Ints
    weight: Floats | None = None
    target: Floats | None = None

    def __len__(self) -> int:
        return len(self.user)

    def only(self, at: int) -> "Pairs":
        """Return one of the pairs as an epoch."""
        one = slice(at, at + 1)
        weight, target = (None if part is None else part[one] for part in (self.weight, self.target))
        return replace(self, user=self.user[one], item=self.item[one], weight=weight, target=target)


def pairs(positives: sp.csr_matrix, size: int | None = None, seed: int = 0, weighted: bool = False) -> Pairs:
    """Return `size` random pairs of users and positives (by default each pair once), with targets for logistic."""
    rng = np.random.default_rng(seed)
    entries = positives.tocoo()
    at = np.arange(entries.nnz) if size is None else rng.integers(entries.nnz, size=size)
    user, item = entries.row[at].astype(np.int32), entries.col[at].astype(np.int32)
    return Pairs(
        user,
        item,
        positives,
        positives.indices.astype(np.int32),
        weight=entries.data[at].astype(np.float32) if weighted else None,
        target=rng.integers(2, size=len(at)).astype(np.float32),
    )


@dataclass
class Side:
    """Users or items; without `features`, each has only its own feature."""

    state: Floats
    features: sp.csr_matrix | None = None
    alpha: float = 0.0

    def native(self) -> tuple[Floats, Csr | None, float]:
        return self.state, None if self.features is None else native_csr(self.features), self.alpha


@dataclass
class Model:
    """A model that the kernel trains in place."""

    settings: Settings
    users: Side
    items: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.users, self.items

    @property
    def n_items(self) -> int:
        return len(self.items.state) if self.items.features is None else self.items.features.shape[0]

    def copy(self) -> "Model":
        return deepcopy(self)

    def parts(self, side: Side) -> list[Floats]:
        """Return views of the parameters and of the optimizer's memory, each an array of features by width."""
        return np.split(side.state, self.settings.parts, axis=1)

    def biases(self, side: Side) -> Floats:
        return side.state[:, self.settings.n_components]

    def item_representations(self) -> Floats:
        """Return the contents of the kernel's cache after a refresh."""
        assert self.items.features is not None
        out = np.empty((self.n_items, self.settings.width), np.float32)
        _native.represent(features=native_csr(self.items.features), state=self.items.state, out=out)
        return out

    def train(
        self,
        pairs: Pairs,
        seed: int = 0,
        num_threads: int = 1,
        progress: Callable[[int], object] | None = None,
        item_cache: Floats | None = None,
    ) -> float:
        """Train an epoch in the kernel; return the sum of the losses."""
        settings = self.settings
        return _native.train_epoch(
            loss=settings.loss,
            schedule=settings.schedule,
            examples=(pairs.user, pairs.item, pairs.weight, pairs.target),
            positives=native_csr(pairs.positives),
            pool=pairs.pool,
            users=self.users.native(),
            items=self.items.native(),
            item_cache=self._item_cache() if item_cache is None else item_cache,
            n_components=settings.n_components,
            n_items=self.n_items,
            learning_rate=settings.learning_rate,
            rho=settings.rho,
            epsilon=settings.epsilon,
            max_sampled=settings.max_sampled,
            k=settings.k,
            n=settings.n,
            seed=seed,
            num_threads=num_threads,
            progress=progress,
        )

    def _item_cache(self) -> Floats | None:
        return None if self.items.features is None else np.empty((self.n_items, self.settings.width), np.float32)


def native_csr(matrix: sp.csr_matrix) -> Csr:
    data = None if matrix.data is None else matrix.data.astype(np.float32)
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), data


def random_positives(
    n_users: int, n_items: int, density: float = 0.3, seed: int = 0, weighted: bool = False
) -> sp.csr_matrix:
    """Return random positives, at least one per user; if weighted, some weights are zero or large."""
    rng = np.random.default_rng(seed)
    mask = rng.random((n_users, n_items)) < density
    mask[np.arange(n_users), rng.integers(n_items, size=n_users)] = True
    matrix = sp.csr_matrix(mask.astype(np.float32))
    if weighted:
        matrix.data[:] = rng.choice([0, 0.5, 1, 2, 6], matrix.nnz)
    return matrix


def features(n_entities: int, seed: int = 0) -> sp.csr_matrix:
    """Return each entity's own feature and some of six shared ones of various weights; the last entity has none."""
    rng = np.random.default_rng(seed)
    # The first two mostly have the same weight, so that a positive and a negative update them in opposite directions.
    shared = (rng.random((n_entities, 6)) < 0.5) * np.where(np.arange(6) < 2, 0.5, rng.uniform(0.2, 1, (n_entities, 6)))
    rows = np.hstack([np.eye(n_entities), shared])
    rows[-1] = 0
    return sp.csr_matrix(rows, dtype=np.float32)


def model(
    settings: Settings,
    n_users: int,
    n_items: int,
    with_features: bool = False,
    seed: int = 0,
    alphas: tuple[float, float] = (0.0, 0.0),
) -> Model:
    """Return a model with random parameters, in which every other feature has been trained before."""
    sides = []
    for number, (size, alpha) in enumerate(zip((n_users, n_items), alphas, strict=True)):
        rng = np.random.default_rng((seed, number))
        rows = features(size, seed + number) if with_features else None
        state = np.zeros((size if rows is None else rows.shape[1], settings.parts, settings.width), np.float32)
        used = settings.n_components + 1
        state[:, 0, :used] = rng.uniform(-0.5, 0.5, (len(state), used))
        for part, start in enumerate(MEMORY[settings.schedule], 1):
            state[:, part] = start
            state[::2, part, :used] += rng.uniform(0, 0.1**part, (len(state[::2]), used))
        sides.append(Side(state.reshape(len(state), -1), rows, alpha))
    return Model(settings, sides[0], sides[1])


def blank(settings: Settings, n_users: int, n_items: int) -> Model:
    """Return an untrained model of zeros, whose scores are all equal."""
    start = np.repeat([0.0, *MEMORY[settings.schedule]], settings.width).astype(np.float32)
    return Model(settings, Side(np.tile(start, (n_users, 1))), Side(np.tile(start, (n_items, 1))))
