"""A simple, slow implementation of the kernel's training: NumPy, float64, exact square roots.

It draws the same random numbers as the kernel, because these depend only on (seed, position). A difference larger than
rounding is a bug in one of the two.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from . import problem
from .problem import Model, Pairs, Settings

Doubles = npt.NDArray[np.float64]

_WORD = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15


# Draws ---------------------------------------------------------------------------------------------------------------


def mix(x: int) -> int:
    """Return the finalizer of SplitMix64."""
    x &= _WORD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _WORD
    return x ^ (x >> 31)


class Random:
    """The draws of one step."""

    def __init__(self, seed: int, position: int) -> None:
        self._state = mix(seed + _GAMMA * (position + 1))

    def next(self) -> int:
        self._state += _GAMMA
        return mix(self._state)

    def below(self, bound: int) -> int:
        return (self.next() * bound) >> 64

    def two_below(self, bound: int) -> tuple[int, int]:
        bits = self.next()
        return ((bits >> 32) * bound) >> 32, ((bits & 0xFFFFFFFF) * bound) >> 32


class Permutation:
    """A bijection of the numbers below a size."""

    ROUNDS = 5

    def __init__(self, size: int, key: int) -> None:
        self._size = size
        bits = max(2, (size - 1).bit_length())
        self._mask = (1 << bits) - 1
        self._shift = (bits + 1) // 2
        self._rounds = [(mix(key + 2 * number) | 1, mix(key + 2 * number + 1)) for number in range(self.ROUNDS)]

    def __call__(self, position: int) -> int:
        x = self._scatter(position)
        while x >= self._size:
            x = self._scatter(x)
        return x

    def _scatter(self, x: int) -> int:
        for multiplier, addend in self._rounds:
            x = (x * multiplier + addend) & self._mask
            x ^= x >> self._shift
        return x


class Order:
    """The order of an epoch: runs of neighbours are permuted, and the remainder comes last."""

    RUN = 16

    def __init__(self, size: int, key: int) -> None:
        self._whole = size // self.RUN
        self._runs = Permutation(self._whole, key)

    def __call__(self, position: int) -> int:
        run, place = divmod(position, self.RUN)
        return position if run >= self._whole else self.RUN * self._runs(run) + place


# Step sizes ----------------------------------------------------------------------------------------------------------


class Optimizer(Protocol):
    """Updates one feature's row, [parameters, memory...], in place."""

    def step(self, row: Doubles, gradient: Doubles) -> None: ...


class Adagrad:
    REFRESHES = 2

    def __init__(self, settings: Settings) -> None:
        self._learning_rate = settings.learning_rate

    def step(self, row: Doubles, gradient: Doubles) -> None:
        parameters, gradients = row
        parameters -= self._learning_rate * gradient / np.sqrt(gradients)
        gradients += gradient**2


class Adadelta:
    REFRESHES = 20

    def __init__(self, settings: Settings) -> None:
        self._rho, self._epsilon = settings.rho, settings.epsilon

    def step(self, row: Doubles, gradient: Doubles) -> None:
        parameters, gradients, momentum = row
        gradients[:] = self._mean(gradients, gradient**2)
        update = gradient * np.sqrt(momentum + self._epsilon) / np.sqrt(gradients + self._epsilon)
        momentum[:] = self._mean(momentum, update**2)
        parameters -= update

    def _mean(self, mean: Doubles, value: Doubles) -> Doubles:
        return self._rho * mean + (1 - self._rho) * value


# The model -----------------------------------------------------------------------------------------------------------


class Side:
    """Users or items. An entity with only its own feature has a row of the identity."""

    def __init__(self, side: problem.Side, parts: int, optimizer: Optimizer) -> None:
        self.state = np.empty((len(side.state), parts, side.state.shape[1] // parts))
        self.weights = np.eye(len(self.state)) if side.features is None else side.features.toarray().astype(float)
        self._alpha = side.alpha
        self._optimizer = optimizer
        self._cached = side.features is not None
        self.read(side)

    @property
    def parameters(self) -> Doubles:
        return self.state[:, 0]

    def read(self, side: problem.Side) -> None:
        self.state[:] = side.state.reshape(self.state.shape)

    def represent(self, entity: int) -> Doubles:
        row: Doubles = self.weights[entity] @ self.parameters
        return row

    def refresh(self) -> None:
        self._cache = self.weights @ self.parameters

    def search_row(self, entity: int) -> Doubles:
        """Return the row that the search reads: delayed for entities with features, otherwise current."""
        row: Doubles = self._cache[entity] if self._cached else self.parameters[entity]
        return row

    def descend(self, weights: Doubles, gradient: Doubles) -> None:
        """Update the features with these weights along a gradient; features of weight zero don't change."""
        for feature in np.flatnonzero(weights):
            parameters = self.parameters[feature]
            self._optimizer.step(self.state[feature], weights[feature] * gradient + self._alpha * parameters)


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

    def apply(self, update: "Update") -> None:
        users, items = self._twin.users, self._twin.items
        difference = items.weights[update.item].copy()
        if update.other is not None:
            difference -= items.weights[update.other]
        direction = difference @ items.parameters
        # The user's bias is part of a score, but cancels in the difference of two scores.
        direction[self._bias] = 1 if update.other is None else 0
        users.descend(users.weights[self.user], update.gradient * direction)
        items.descend(items.weights[update.item], update.gradient * self.user_row)
        if update.other is not None:
            items.descend(items.weights[update.other], -update.gradient * self.user_row)


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
        optimizer = self._optimizer = self.OPTIMIZERS[settings.schedule](settings)
        self.users, self.items = (Side(side, settings.parts, optimizer) for side in model.sides)
        self.closest = np.inf

    def follow(self, model: Model) -> None:
        """Copy the parameters and memory of the model."""
        for side, other in zip((self.users, self.items), model.sides, strict=True):
            side.read(other)

    def train(self, pairs: Pairs, seed: int = 0) -> float:
        n_items = len(self.items.weights)
        loss = self.LOSSES[self.settings.loss](self.settings, pairs, n_items)
        order = Order(len(pairs), mix(seed))
        users = pairs.user.tolist()
        total = 0.0
        for position in range(len(pairs)):
            if position % max(1, n_items // self._optimizer.REFRESHES) == 0:
                self.items.refresh()
            at = order(position)
            step = Step(self, users[at])
            update = loss.sample(step, at, Random(seed, position))
            if update is not None:
                step.apply(update)
                total += update.loss
        return total
