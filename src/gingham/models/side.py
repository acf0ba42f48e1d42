"""One side of a model of embeddings: the parameters of users' or items' features, and who has which feature."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Csr, Floats, Indices, aligned, csr, csr_rows
from gingham.checked import require
from gingham.models.plan import Owners

# The initial values of an optimizer's memory, one per part; a row of state holds the parameters, then these parts.
INITIAL_MEMORY = {"adagrad": (1.0,), "adadelta": (0.0, 0.0)}

# Adagrad divides by the square root of its memory: with this value, its steps are too small to change a parameter.
_IMMOVABLE = np.float32(1e38)


@dataclass(frozen=True)
class Side:
    """The parameters of the features of users or of items.

    Attributes
    ----------
    state : float32 array, shape (n_features, parts * width)
        One row per feature: [parameters | gradients | momentum], as the schedule needs; parameters are [embedding,
        bias, zeros].
    features : csr_matrix of float32, shape (n_entities, n_features), or None
        The weight of each feature for each user or item; None if each has only its own feature.
    n_components : int
        The size of an embedding.
    """

    state: Floats
    features: sp.csr_matrix | None
    n_components: int

    @classmethod
    def initial(
        cls,
        features: sp.csr_matrix | None,
        active: npt.NDArray[np.bool_],
        n_components: int,
        schedule: str,
        rng: np.random.Generator,
    ) -> "Side":
        """Return small random embeddings, and zeros for features that no `active` user or item has.

        Training cannot reach the latter, so a user without history is represented by shared features, without noise.
        """
        reached = active if features is None else np.asarray(features[active].getnnz(axis=0) > 0)
        width, state = _native.padded_width(n_components), aligned(*cls.shape(len(reached), n_components, schedule))
        state[:, :width] = 0
        for part, value in enumerate(INITIAL_MEMORY[schedule], start=1):
            state[:, part * width : (part + 1) * width] = value
        embeddings = rng.random((len(reached), n_components), np.float32)
        embeddings -= np.float32(0.5)
        embeddings /= np.float32(n_components)
        state[reached, :n_components] = embeddings[reached]
        return cls(state, features, n_components)

    @classmethod
    def of_parts(cls, parts: Sequence[tuple[Floats, Floats]], features: sp.csr_matrix | None) -> "Side":
        """Build a side from parameters that were trained elsewhere; the inverse of `parts`.

        Parameters
        ----------
        parts : sequence of (embeddings, biases)
            Float32 arrays of shapes (n_features, n_components) and (n_features,): the parameters, then the optimizer's
            memory of them. Scores need only the parameters.
        features : csr_matrix of float32, shape (n_entities, n_features), or None
            The weight of each feature for each user or item; None if each has only its own feature.
        """
        n_features, n_components = parts[0][0].shape
        width = _native.padded_width(n_components)
        state = aligned(n_features, width * len(parts))
        # The padding of the memory is 1, because the optimizer divides by it.
        for number, (embeddings, biases) in enumerate(parts):
            part = state[:, number * width : (number + 1) * width]
            part[:, :n_components], part[:, n_components], part[:, n_components + 1 :] = embeddings, biases, number > 0
        return cls(state, features, n_components)

    @classmethod
    def zeros(cls, n_features: int, features: sp.csr_matrix | None, n_components: int) -> "Side":
        """Build a side whose parameters are zero, without a memory of an optimizer."""
        state = aligned(*cls.shape(n_features, n_components, None))
        state[:] = 0
        return cls(state, features, n_components)

    @classmethod
    def fixed(cls, rows: Floats) -> "Side":
        """Build entities that adagrad reads but does not change, each with only its own feature.

        Parameters
        ----------
        rows : float32 array, shape (n_entities, n_components + 1)
            The representation of each: embedding and bias.
        """
        n_components = rows.shape[1] - 1
        state = aligned(*cls.shape(len(rows), n_components, "adagrad"))
        state[:] = _IMMOVABLE
        state[:, : _native.padded_width(n_components)] = 0
        state[:, : n_components + 1] = rows
        return cls(state, None, n_components)

    def fixed_copy(self) -> "Side":
        """Return the representations as entities that adagrad reads but does not change."""
        return self.fixed(self.rows()[:, : self.n_components + 1])

    @classmethod
    def cold_user(cls, shared: Floats) -> "Side":
        """Build one untrained entity that also has a feature with a fixed embedding."""
        own = np.append(np.stack([np.zeros_like(shared), shared]), np.zeros((2, 1), np.float32), axis=1)
        side = cls.fixed(own)
        side.state[0, _native.padded_width(side.n_components) :] = INITIAL_MEMORY["adagrad"]
        return replace(side, features=sp.csr_matrix(np.ones((1, 2), np.float32)))

    def parts(self) -> list[tuple[Floats, Floats]]:
        """Return copies of the parameters, then of the optimizer's memory of them, as (embeddings, biases)."""
        width, size = _native.padded_width(self.n_components), self.n_components
        by_part = self.state.reshape(len(self.state), -1, width).swapaxes(0, 1)
        return [(part[:, :size].copy(), part[:, size].copy()) for part in by_part]

    @property
    def embeddings(self) -> Floats:
        """The embeddings of the features; a view."""
        return self.state[:, : self.n_components]

    @property
    def biases(self) -> Floats:
        """The biases of the features; a view."""
        return self.state[:, self.n_components]

    @staticmethod
    def shape(n_features: int, n_components: int, schedule: str | None) -> tuple[int, int]:
        """Return the shape of the state of a number of features; without a schedule, it has no memory."""
        n_parts = 1 if schedule is None else 1 + len(INITIAL_MEMORY[schedule])
        return n_features, _native.padded_width(n_components) * n_parts

    def require_valid(self, what: str) -> None:
        """Check what training guarantees about the state of users or items (`what`).

        Raises
        ------
        DataError
            If the padding of the parameters is not zero, or the optimizer's memory is negative.
        """
        width = _native.padded_width(self.n_components)
        require(
            not self.state[:, self.n_components + 1 : width].any(),
            f"the array '{what}.state' has a padding that is not zero",
        )
        require(
            (self.state[:, width:] >= 0).all(), f"the array '{what}.state' has a memory of the optimizer below zero"
        )

    def native(
        self, owners: Owners, regularization: float, alpha: float
    ) -> tuple[Floats, Csr | None, Owners, float, float]:
        """Return the side as the kernel takes it."""
        features = None if self.features is None else csr(self.features)
        return self.state, features, owners, float(regularization), float(alpha)

    def rows(self, features: sp.csr_matrix | None = None) -> Floats:
        """Return the representation of every entity, or of other feature rows; a row starts with [embedding, bias]."""
        features = self.features if features is None else features
        if features is None:
            return self.state
        out = aligned(features.shape[0], _native.padded_width(self.n_components))
        _native.represent(features=csr(features), state=self.state, out=out)
        return out

    def rows_of(self, entities: Indices) -> Floats:
        """Return the representations of some entities, as `rows` does, in a new array."""
        if self.features is not None:
            out = aligned(len(entities), _native.padded_width(self.n_components))
            _native.represent(features=csr_rows(self.features, entities), state=self.state, out=out)
            return out
        return self.state[entities, : _native.padded_width(self.n_components)]


class Checkpoint:
    """A copy of the parameters of some sides, to restore them later."""

    def __init__(self, *sides: Side) -> None:
        self._sides = sides
        self._copies: list[Floats] = []

    def take(self) -> None:
        """Copy the parameters as they are now."""
        if not self._copies:
            self._copies = [aligned(*side.state.shape) for side in self._sides]
        for copy, side in zip(self._copies, self._sides, strict=True):
            np.copyto(copy, side.state)

    def restore(self) -> None:
        """Restore the copied parameters, if there are any."""
        for copy, side in zip(self._copies, self._sides, strict=False):
            np.copyto(side.state, copy)


class Average:
    """An exponential moving average of parameters over epochs, which replaces them between epochs.

    Parameters
    ----------
    decay : float
        The weight of the average so far when an epoch is added, from 0 (no averaging) to below 1.
    sides : Side
    """

    def __init__(self, decay: float, *sides: Side) -> None:
        self._decay = np.float32(decay)
        self._parameters = [side.state[:, : _native.padded_width(side.n_components)] for side in sides if decay]
        self._last: list[Floats] = []
        self._means: list[Floats] = []

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Restore the parameters before averaging for an epoch, then add the result; an error keeps the average."""
        self._put(self._last)
        try:
            yield
            self._add()
        finally:
            self._put(self._means)

    def _put(self, values: Iterable[Floats]) -> None:
        for parameters, value in zip(self._parameters, values, strict=False):
            np.copyto(parameters, value)

    def _add(self) -> None:
        self._last = [parameters.copy() for parameters in self._parameters]
        if not self._means:
            self._means = [last.copy() for last in self._last]
        for mean, last in zip(self._means, self._last, strict=True):
            mean += (1 - self._decay) * (last - mean)
