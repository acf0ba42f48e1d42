"""One side of a hybrid model: the parameters of users' or items' features, and which of them has which."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Csr, Floats, Indices, aligned, csr

# What an optimizer's memory starts from, part by part; a row of state holds the parameters, then these.
INITIAL_MEMORY = {"adagrad": (1.0,), "adadelta": (0.0, 0.0)}

# What adagrad must remember to take steps that are too small to change anything: it divides by the root of this.
_IMMOVABLE = np.float32(1e38)


@dataclass(frozen=True)
class Side:
    """What is learned about the features of users or of items.

    Attributes
    ----------
    state : float32 array, shape (n_features, parts * width)
        A row a feature: [parameters | gradients | momentum], as the schedule needs; parameters are [embedding, bias,
        zeros].
    features : csr_matrix of float32, shape (n_entities, n_features), or None
        The weight of each feature for each user or item; None: each has its own feature alone.
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
        """Start with small random embeddings, and with zeros for features of nobody `active`: training won't meet them.

        A user without history thus has what shared features say, and no noise.
        """
        met = active if features is None else np.asarray(features[active].getnnz(axis=0) > 0)
        width, state = _native.padded_width(n_components), aligned(*cls.shape(len(met), n_components, schedule))
        state[:, :width] = 0
        for part, value in enumerate(INITIAL_MEMORY[schedule], start=1):
            state[:, part * width : (part + 1) * width] = value
        embeddings = rng.random((len(met), n_components), np.float32)
        embeddings -= np.float32(0.5)
        embeddings /= np.float32(n_components)
        state[met, :n_components] = embeddings[met]
        return cls(state, features, n_components)

    @classmethod
    def of_parts(cls, parts: Sequence[tuple[Floats, Floats]], features: sp.csr_matrix | None) -> "Side":
        """Put together what was learned elsewhere, the reverse of `parts`.

        Parameters
        ----------
        parts : sequence of (embeddings, biases)
            Float32 arrays of shapes (n_features, n_components) and (n_features,): the parameters, then what the
            optimizer remembers of them. The parameters alone will do for scores.
        features : csr_matrix of float32, shape (n_entities, n_features), or None
            The weight of each feature for each user or item; None: each has its own feature alone.
        """
        n_features, n_components = parts[0][0].shape
        width = _native.padded_width(n_components)
        state = aligned(n_features, width * len(parts))
        # An optimizer divides by its memory, where nothing is remembered, too.
        for number, (embeddings, biases) in enumerate(parts):
            part = state[:, number * width : (number + 1) * width]
            part[:, :n_components], part[:, n_components], part[:, n_components + 1 :] = embeddings, biases, number > 0
        return cls(state, features, n_components)

    @classmethod
    def fixed(cls, rows: Floats) -> "Side":
        """Make entities that adagrad reads and leaves as they are, each of its own feature alone.

        Parameters
        ----------
        rows : float32 array, shape (n_entities, n_components + 1)
            The representation of each: embedding, then bias.
        """
        n_components = rows.shape[1] - 1
        state = aligned(*cls.shape(len(rows), n_components, "adagrad"))
        state[:] = _IMMOVABLE
        state[:, : _native.padded_width(n_components)] = 0
        state[:, : n_components + 1] = rows
        return cls(state, None, n_components)

    @classmethod
    def newcomer(cls, shared: Floats) -> "Side":
        """Make one entity, of whom nothing is learned yet but an embedding that adagrad leaves as it is."""
        own = np.append(np.stack([np.zeros_like(shared), shared]), np.zeros((2, 1), np.float32), axis=1)
        side = cls.fixed(own)
        side.state[0, _native.padded_width(side.n_components) :] = INITIAL_MEMORY["adagrad"]
        return replace(side, features=sp.csr_matrix(np.ones((1, 2), np.float32)))

    def parts(self) -> list[tuple[Floats, Floats]]:
        """Give copies of the parameters, then of what the optimizer remembers of them, as (embeddings, biases)."""
        width, size = _native.padded_width(self.n_components), self.n_components
        by_part = self.state.reshape(len(self.state), -1, width).swapaxes(0, 1)
        return [(part[:, :size].copy(), part[:, size].copy()) for part in by_part]

    @property
    def embeddings(self) -> Floats:
        """The features' embeddings; a view."""
        return self.state[:, : self.n_components]

    @property
    def biases(self) -> Floats:
        """The features' biases; a view."""
        return self.state[:, self.n_components]

    @staticmethod
    def shape(n_features: int, n_components: int, schedule: str) -> tuple[int, int]:
        """Tell the shape of the state that so many features need."""
        return n_features, _native.padded_width(n_components) * (1 + len(INITIAL_MEMORY[schedule]))

    def native(self, alpha: float) -> tuple[Floats, Csr | None, float]:
        """Give the kernel's view."""
        return self.state, None if self.features is None else csr(self.features), float(alpha)

    def rows(self, features: sp.csr_matrix | None = None) -> Floats:
        """Make the representation of every entity, or of other rows of features: each row begins [embedding, bias]."""
        features = self.features if features is None else features
        if features is None:
            return self.state
        out = aligned(features.shape[0], _native.padded_width(self.n_components))
        _native.represent(features=csr(features), state=self.state, out=out)
        return out

    def rows_of(self, entities: Indices) -> Floats:
        """Make the representations of some entities; rows as those of `rows`, in an array of their own."""
        if self.features is not None:
            return self.rows(self.features[entities])
        return self.state[entities, : _native.padded_width(self.n_components)]


class Checkpoint:
    """Remembers what some sides have learned, to go back to it."""

    def __init__(self, *sides: Side) -> None:
        self._sides = sides
        self._kept: list[Floats] = []

    def take(self) -> None:
        """Remember the sides as they are now, in place of what was remembered before."""
        if not self._kept:
            self._kept = [aligned(*side.state.shape) for side in self._sides]
        for kept, side in zip(self._kept, self._sides, strict=True):
            np.copyto(kept, side.state)

    def restore(self) -> None:
        """Put back what was remembered; nothing happens if that was nothing."""
        for kept, side in zip(self._kept, self._sides, strict=False):
            np.copyto(side.state, kept)


class Average:
    """The decaying mean of what some sides' parameters are after each epoch, which stands in their place in between.

    Parameters
    ----------
    decay : float
        How much the mean so far counts when an epoch is taken in, from 0 to 1; with 0 nothing is done at all.
    sides : Side
    """

    def __init__(self, decay: float, *sides: Side) -> None:
        self._decay = np.float32(decay)
        self._parameters = [side.state[:, : _native.padded_width(side.n_components)] for side in sides if decay]
        self._last: list[Floats] = []
        self._means: list[Floats] = []

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Let an epoch go on from where the one before it ended, then take it in; if it fails, the mean stays."""
        self._put(self._last)
        try:
            yield
            self._take()
        finally:
            self._put(self._means)

    def _put(self, values: Iterable[Floats]) -> None:
        for parameters, value in zip(self._parameters, values, strict=False):
            np.copyto(parameters, value)

    def _take(self) -> None:
        self._last = [parameters.copy() for parameters in self._parameters]
        if not self._means:
            self._means = [last.copy() for last in self._last]
        for mean, last in zip(self._means, self._last, strict=True):
            mean += (1 - self._decay) * (last - mean)
