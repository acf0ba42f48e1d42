"""A simple, slow implementation of the kernel's training: NumPy, float64, exact square roots.

It draws the same random numbers as the kernel, because these depend only on (seed, position). It trains the same lanes
and blocks one after another. A difference larger than rounding is a bug in one of the two.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from gingham.models.plan import LANE_OWNED

from . import problem
from .draws import Order, Random, mix
from .problem import Model, Pairs, Settings

Doubles = npt.NDArray[np.float64]


# Step sizes ----------------------------------------------------------------------------------------------------------


class Optimizer(Protocol):
    """Computes the learning rates of one feature's parameters."""

    REFRESHES: ClassVar[int]  # how many items' representations are computed again per example

    def rates(self, memory: Doubles, gradient: Doubles) -> Doubles:
        """Return the learning rate of each parameter; update the memory of its gradients."""
        ...


class Adagrad:
    REFRESHES = 2

    def __init__(self, settings: Settings) -> None:
        self._learning_rate = settings.learning_rate

    def rates(self, memory: Doubles, gradient: Doubles) -> Doubles:
        (gradients,) = memory
        rates: Doubles = self._learning_rate / np.sqrt(gradients)
        gradients += gradient**2
        return rates


class Adadelta:
    REFRESHES = 20

    def __init__(self, settings: Settings) -> None:
        self._rho, self._epsilon = settings.rho, settings.epsilon

    def rates(self, memory: Doubles, gradient: Doubles) -> Doubles:
        gradients, momentum = memory
        gradients[:] = self._mean(gradients, gradient**2)
        rates: Doubles = np.sqrt(momentum + self._epsilon) / np.sqrt(gradients + self._epsilon)
        momentum[:] = self._mean(momentum, (rates * gradient) ** 2)
        return rates

    def _mean(self, mean: Doubles, value: Doubles) -> Doubles:
        return self._rho * mean + (1 - self._rho) * value


# The model -----------------------------------------------------------------------------------------------------------


class Side:
    """Users or items. An entity with only its own feature has a row of the identity."""

    MAX_SCALE = 1e6

    def __init__(self, side: problem.Side, settings: Settings, optimizer: Optimizer) -> None:
        self.state = np.empty((len(side.state), settings.parts, settings.width))
        self.weights = np.eye(len(self.state)) if side.features is None else side.features.toarray().astype(float)
        self.cached = side.features is not None
        self.cache = np.empty((len(self.weights), settings.width))
        self.scale = 1.0
        self._regularization, self._alpha = side.regularization, side.alpha
        self._used = settings.n_components + 1
        self._optimizer = optimizer
        self.read(side)

    @property
    def parameters(self) -> Doubles:
        return self.state[:, 0]

    def read(self, side: problem.Side) -> None:
        self.state[:] = side.state.reshape(self.state.shape)

    def represent(self, entities: int | list[int]) -> Doubles:
        rows: Doubles = self.scale * (self.weights[entities] @ self.parameters)
        return rows

    def search_row(self, entity: int) -> Doubles:
        """Return the row that the search reads: from the cache for entities with features, otherwise current."""
        return self.cache[entity] if self.cached else self.represent(entity)

    def descend(self, weights: Doubles, gradient: Doubles) -> float:
        """Update the features with these weights along a gradient; return the sum of their learning rates.

        Features of weight zero don't change.
        """
        total = 0.0
        for feature in np.flatnonzero(weights):
            parameters, memory = self.state[feature, 0], self.state[feature, 1:]
            whole = weights[feature] * gradient + self._regularization / self.scale * parameters
            rates = self._optimizer.rates(memory, whole)
            parameters[:] = (parameters - rates * whole) * (1 + self._alpha * rates)
            total += float(rates[: self._used].sum())
        return total

    def grow_scale(self, n_steps: int, rate: float) -> None:
        """Grow the scale by a number of steps and their mean learning rate."""
        self.scale *= (1 + self._alpha * rate) ** n_steps
        if self.scale > self.MAX_SCALE:
            self.fold_scale()

    def fold_scale(self) -> None:
        """Shrink all parameters by the scale."""
        self.parameters[:] /= self.scale
        self.scale = 1.0


@dataclass
class Queued:
    """An update of some features of a side; `share` is that of a learning rate in the mean of its step."""

    side: Side
    weights: Doubles
    gradient: Doubles
    share: float

    def apply(self) -> float:
        return self.share * self.side.descend(self.weights, self.gradient)


class Step:
    """A loss's view of the model during a step of one user."""

    def __init__(self, twin: "Twin", user: int) -> None:
        self._twin = twin
        self._bias = twin.settings.n_components
        self.user = user
        self.user_row = twin.users.represent(user)
        self._user_bias = self.user_row[self._bias]
        self.user_row[self._bias] = 1  # multiplied by the item's bias

    def search_score(self, item: int) -> float:
        return float(self.user_row @ self._twin.items.search_row(item))

    def score(self, item: int) -> float:
        return float(self.user_row @ self._twin.items.represent(item) + self._user_bias)

    def margin(self, item: int, other: int) -> float:
        items = self._twin.items
        return float(self.user_row @ (items.represent(item) - items.represent(other)))

    def exceeds(self, a: float, b: float) -> bool:
        """Return whether a > b; the twin records the smallest difference, because rounding may change close results."""
        self._twin.closest = min(self._twin.closest, abs(a - b))
        return a > b

    def updates(self, update: "Update") -> list[Queued]:
        """Return the updates of the user, the item and the other item."""
        users, items = self._twin.users, self._twin.items
        direction = items.represent(update.item)
        if update.other is not None:
            direction -= items.represent(update.other)
        # The user's bias is part of a score, but cancels in the difference of two scores.
        direction[self._bias] = 1 if update.other is None else 0
        changes = [
            (users, users.weights[self.user], update.gradient * direction),
            (items, items.weights[update.item], update.gradient * self.user_row),
        ]
        if update.other is not None:
            changes.append((items, items.weights[update.other], -update.gradient * self.user_row))
        n_rows = max(1, sum(np.count_nonzero(weights) for _, weights, _ in changes))
        share = 1 / (n_rows * (self._bias + 1))
        return [Queued(*change, share) for change in changes]


# Losses --------------------------------------------------------------------------------------------------------------


@dataclass
class Update:
    """The derivative of the loss with respect to the score, or to the margin of the item over the other."""

    item: int
    gradient: float
    loss: float
    other: int | None = None


class Loss(Protocol):
    """Chooses the update of a step, or None."""

    def __init__(self, settings: Settings, pairs: Pairs, n_items: int) -> None: ...
    def sample(self, step: Step, at: int, random: Random) -> Update | None: ...


def softplus(x: float) -> float:
    return float(np.logaddexp(0, x))


def sigmoid(x: float) -> float:
    return float(np.exp(-np.logaddexp(0, -x)))


class _PairLoss:
    def __init__(self, settings: Settings, pairs: Pairs, n_items: int) -> None:
        self.settings, self.pairs, self.n_items = settings, pairs, n_items
        self.item, self.target = pairs.item.tolist(), pairs.target
        self.weight = [1.0] * len(pairs) if pairs.weight is None else pairs.weight.tolist()
        self.positives = [row.tolist() for row in np.split(pairs.positives.indices, pairs.positives.indptr[1:-1])]


class Logistic(_PairLoss):
    def sample(self, step: Step, at: int, random: Random) -> Update:
        assert self.target is not None
        score, weight, target = step.score(self.item[at]), self.weight[at], float(self.target[at])
        loss = softplus(score) - target * score
        return Update(self.item[at], weight * (sigmoid(score) - target), weight * loss)


class Bpr(_PairLoss):
    MAX_DRAWS = 64

    def sample(self, step: Step, at: int, random: Random) -> Update | None:
        for _ in range(self.MAX_DRAWS):
            other = int(self.pairs.pool[random.below(len(self.pairs.pool))])
            if other not in self.positives[step.user]:
                margin, weight = step.margin(self.item[at], other), self.weight[at]
                return Update(self.item[at], -weight * sigmoid(-margin), weight * softplus(-margin), other)
        return None


class Warp(_PairLoss):
    MAX_PUSH = 10.0

    def sample(self, step: Step, at: int, random: Random) -> Update | None:
        return self.search(step, self.item[at], self.weight[at], random)

    def search(self, step: Step, item: int, weight: float, random: Random) -> Update | None:
        threshold = step.search_score(item) - 1
        for draws in range(1, self.settings.max_sampled + 1):
            other = random.below(self.n_items)
            if not step.exceeds(step.search_score(other), threshold) or other in self.positives[step.user]:
                continue
            margin = step.margin(item, other)
            if step.exceeds(1, margin):
                push = min(self.MAX_PUSH, weight * np.log(max(1, (self.n_items - 1) // draws)))
                return Update(item, -push, push * (1 - margin), other)
        return None


class WarpKos(Warp):
    def sample(self, step: Step, at: int, random: Random) -> Update | None:
        positives = self.positives[step.user]
        size = min(self.settings.n, len(positives))
        draws = [place for _ in range((size + 1) // 2) for place in random.two_below(len(positives))][:size]
        scores = [step.search_score(positives[place]) for place in draws]
        kth = sorted(scores, reverse=True)[min(self.settings.k, len(draws)) - 1]
        place = draws[scores.index(kth)]
        for other, score in zip(draws, scores, strict=True):
            if other != place:
                step.exceeds(score, kth)
        weight = self.pairs.positives.data[self.pairs.positives.indptr[step.user] + place]
        return self.search(step, positives[place], float(weight), random)


# Training ------------------------------------------------------------------------------------------------------------


class Twin:
    """A copy of a model, which is trained by this module."""

    OPTIMIZERS: ClassVar[dict[str, type[Adagrad | Adadelta]]] = {"adagrad": Adagrad, "adadelta": Adadelta}
    LOSSES: ClassVar[dict[str, type[Loss]]] = {"logistic": Logistic, "bpr": Bpr, "warp": Warp, "warp-kos": WarpKos}

    def __init__(self, model: Model) -> None:
        self.settings = settings = model.settings
        self._model = model
        optimizer = self._optimizer = self.OPTIMIZERS[settings.schedule](settings)
        self.users, self.items = (Side(side, settings, optimizer) for side in model.sides)
        self.closest = np.inf

    def follow(self, model: Model) -> None:
        """Copy the parameters and memory of the model."""
        for side, other in zip((self.users, self.items), model.sides, strict=True):
            side.read(other)

    def train(self, pairs: Pairs, seed: int = 0) -> float:
        """Train an epoch; return the sum of the losses."""
        assert pairs.plan is not None
        n_items = len(self.items.weights)
        loss = self.LOSSES[self.settings.loss](self.settings, pairs, n_items)
        lanes = pairs.plan.positions()
        orders = [Order(len(lane), mix(seed) + number) for number, lane in enumerate(lanes)]
        lane_owned = self._model.owners(pairs)[0] == LANE_OWNED
        self.items.cache[:] = self.items.represent(list(range(n_items)))
        total = 0.0
        for first, last in pairwise([0, *pairs.plan.blocks.tolist()]):
            rates: list[float] = []  # the part of each step's updates in its mean learning rate
            queue: list[Queued] = []
            n_steps = 0
            # In this loop, the rows that lanes share don't change.
            for lane, order, positions in zip(lanes, orders, pairs.plan.shares(first, last), strict=True):
                for position in positions:
                    at = lane.start + order(position - lane.start)
                    step = Step(self, int(pairs.user[at]))
                    update = loss.sample(step, at, Random(seed, position))
                    if update is None:
                        continue
                    user, *items = step.updates(update)
                    rates.append(replace(user, weights=user.weights * lane_owned).apply())
                    queue += [replace(user, weights=user.weights * ~lane_owned), *items]
                    total += update.loss
                    n_steps += 1
            self._refresh_cache(first, last)
            rates += [queued.apply() for queued in queue]
            for side in (self.users, self.items):
                side.grow_scale(n_steps, sum(rates) / max(1, n_steps))
        for side in (self.users, self.items):
            side.fold_scale()
        return total

    def _refresh_cache(self, first: int, last: int) -> None:
        """Refresh the items that a block refreshes; called before its queued updates are applied."""
        n_items, per_example = len(self.items.weights), self._optimizer.REFRESHES
        places = range(per_example * first, per_example * last)[:n_items]
        items = [place % n_items for place in places]
        self.items.cache[items] = self.items.represent(items)
