"""The arguments of training for the kernel and its twin: settings, pairs and the two sides of a model."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native
from gingham.models import plan

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Owners = npt.NDArray[np.uint8]
Csr = tuple[Longs, Ints, Floats | None]

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
class Plan:
    """How an epoch is cut into lanes and blocks: the first user and the first example of each lane, and block ends."""

    first_users: Longs
    lanes: Longs
    blocks: Longs

    def positions(self) -> list[range]:
        """Return the positions of each lane."""
        return [range(first, last) for first, last in pairwise(self.lanes.tolist())]

    def shares(self, first: int, last: int) -> list[range]:
        """Return the positions of each lane that belong to the block of the examples from `first` to before `last`."""
        size = int(self.lanes[-1])
        return [lane[len(lane) * first // size : len(lane) * last // size] for lane in self.positions()]


@dataclass(frozen=True)
class Pairs:
    """The examples of an epoch; `positives` is a CSR matrix of users by items, its data the weights (None for ones)."""

    user: Ints
    item: Ints
    positives: sp.csr_matrix
    pool: Ints
    weight: Floats | None = None
    target: Floats | None = None
    plan: Plan | None = None

    def __len__(self) -> int:
        return len(self.user)

    @property
    def counts(self) -> Longs:
        """The number of examples of each user."""
        return np.bincount(self.user, minlength=self.positives.shape[0])

    def take(self, at: Ints | Longs) -> "Pairs":
        """Return some of the pairs, without a plan."""
        weight, target = (None if part is None else part[at] for part in (self.weight, self.target))
        return replace(self, user=self.user[at], item=self.item[at], weight=weight, target=target, plan=None)

    def grouped(self, first_users: Longs | None = None, block: int = 16) -> "Pairs":
        """Return the pairs grouped by lane, to be trained in blocks of `block`.

        `first_users` are those of the lanes, and the number of users; by default lanes are as even as possible.
        """
        first_users = plan.lanes(self.counts) if first_users is None else first_users
        lane = np.searchsorted(first_users, self.user, side="right")
        lanes = np.concatenate([[0], np.cumsum(self.counts)])[first_users]
        blocks = np.append(np.arange(block, len(self), block), len(self)) if len(self) else np.zeros(0)
        parts = Plan(first_users, lanes.astype(np.int64), blocks.astype(np.int64))
        return replace(self.take(np.argsort(lane, kind="stable")), plan=parts)

    def only(self, at: int) -> "Pairs":
        """Return one of the pairs as an epoch."""
        return self.take(np.array([at])).grouped()


def lanes_of(n_users: int, size: int) -> Longs:
    """Return the first users of lanes of `size` users, and the number of users; the last lanes are empty."""
    return np.minimum(np.arange(plan.N_LANES + 1) * size, n_users)


def pairs(
    positives: sp.csr_matrix, size: int | None = None, seed: int = 0, weighted: bool = False, block: int = 16
) -> Pairs:
    """Return `size` random pairs of users and positives (by default each pair once), with targets for logistic.

    Lanes have three users or, if there are more than 192 users, about the same number of pairs.
    """
    rng = np.random.default_rng(seed)
    entries = positives.tocoo()
    at = np.arange(entries.nnz) if size is None else rng.integers(entries.nnz, size=size)
    user, item = entries.row[at].astype(np.int32), entries.col[at].astype(np.int32)
    random = Pairs(
        user,
        item,
        positives,
        positives.indices.astype(np.int32),
        weight=entries.data[at].astype(np.float32) if weighted else None,
        target=rng.integers(2, size=len(at)).astype(np.float32),
    )
    n_users = positives.shape[0]
    return random.grouped(lanes_of(n_users, 3) if n_users <= 3 * plan.N_LANES else None, block)


@dataclass
class Side:
    """Users or items; without `features`, each has only its own feature."""

    state: Floats
    features: sp.csr_matrix | None = None
    regularization: float = 0.0
    alpha: float = 0.0
    # The owner of each row of state; by default those of `Model.owners`.
    owners: Owners | None = None

    def native(self, owners: Owners) -> tuple[Floats, Csr | None, Owners, float, float]:
        features = None if self.features is None else native_csr(self.features)
        return self.state, features, owners if self.owners is None else self.owners, self.regularization, self.alpha


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

    def owners(self, pairs: Pairs) -> tuple[Owners, Owners]:
        """Return the owners of the rows of users, as training chooses them, and those of items, one after another."""
        assert pairs.plan is not None
        if self.users.features is None:
            users = np.full(len(self.users.state), plan.LANE_OWNED, np.uint8)
        else:
            users = plan.user_owners(self.users.features, pairs.plan.first_users, pairs.counts)
        return users, (np.arange(len(self.items.state)) % plan.N_OWNERS).astype(np.uint8)

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
        assert pairs.plan is not None
        users, items = (side.native(owners) for side, owners in zip(self.sides, self.owners(pairs), strict=True))
        return _native.train_epoch(
            loss=settings.loss,
            schedule=settings.schedule,
            examples=(pairs.user, pairs.item, pairs.weight, pairs.target),
            positives=native_csr(pairs.positives),
            pool=pairs.pool,
            users=users,
            items=items,
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
            plan=(pairs.plan.lanes, pairs.plan.blocks),
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
    """Return each entity's own feature and some of seven shared ones of various weights; the last entity has none."""
    rng = np.random.default_rng(seed)
    # The first two mostly have the same weight, so that a positive and a negative update them in opposite directions.
    shared = (rng.random((n_entities, 6)) < 0.5) * np.where(np.arange(6) < 2, 0.5, rng.uniform(0.2, 1, (n_entities, 6)))
    # All that have the seventh are users of the same lane.
    close = np.where(np.arange(n_entities) < 2, 0.7, 0)[:, None]
    rows = np.hstack([np.eye(n_entities), shared, close])
    rows[-1] = 0
    return sp.csr_matrix(rows, dtype=np.float32)


def model(
    settings: Settings,
    n_users: int,
    n_items: int,
    with_features: bool = False,
    seed: int = 0,
    regularization: tuple[float, float] = (0.0, 0.0),
    alphas: tuple[float, float] = (0.0, 0.0),
) -> Model:
    """Return a model with random parameters, in which every other feature has been trained before."""
    sides = []
    for number, size in enumerate((n_users, n_items)):
        rng = np.random.default_rng((seed, number))
        rows = features(size, seed + number) if with_features else None
        state = np.zeros((size if rows is None else rows.shape[1], settings.parts, settings.width), np.float32)
        used = settings.n_components + 1
        state[:, 0, :used] = rng.uniform(-0.5, 0.5, (len(state), used))
        for part, start in enumerate(MEMORY[settings.schedule], 1):
            state[:, part] = start
            state[::2, part, :used] += rng.uniform(0, 0.1**part, (len(state[::2]), used))
        sides.append(Side(state.reshape(len(state), -1), rows, regularization[number], alphas[number]))
    return Model(settings, sides[0], sides[1])


def blank(settings: Settings, n_users: int, n_items: int) -> Model:
    """Return an untrained model of zeros, whose scores are all equal."""
    start = np.repeat([0.0, *MEMORY[settings.schedule]], settings.width).astype(np.float32)
    return Model(settings, Side(np.tile(start, (n_users, 1))), Side(np.tile(start, (n_items, 1))))
