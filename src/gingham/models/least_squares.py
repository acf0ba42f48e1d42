"""One half of an epoch of alternating least squares: solve for one side's parameters while the other side is fixed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Doubles, Floats, Indices, Pattern, aligned, pattern
from gingham.models.side import Side

# Conjugate gradient steps for the shared features in an epoch. They start from the solution of the previous epoch.
_STEPS = 3


@dataclass(frozen=True)
class Penalties:
    """The L2 penalty of a feature: `l2` times a power of its frequency.

    The frequency of an entity (a user or an item) is the total weight of its pairs, observed and unobserved. The
    frequency of a feature is the sum of its entities' frequencies, each times the square of the feature's weight.

    Attributes
    ----------
    l2, exponent : float
        The penalty, and the power.
    unobserved : float
        The total weight of an entity's pairs with all entities of the other side, as if none were observed.
    """

    l2: float
    exponent: float
    unobserved: float

    def of(self, pairs: sp.csr_matrix, features: sp.csr_matrix | None = None) -> Floats:
        """Return the penalty of each feature; without features, of each row of pairs."""
        frequency = pairs @ np.ones(pairs.shape[1]) + self.unobserved
        if features is not None:
            frequency = features.astype(np.float64).power(2).T @ frequency
        with np.errstate(over="ignore"):  # values too large for float32 are detected after the epoch
            return np.asarray(self.l2 * frequency**self.exponent, np.float32)


@dataclass(frozen=True, eq=False)
class Axes:
    """The fixed side as the kernel takes it: rotated to the principal axes of its Gram matrix.

    Attributes
    ----------
    fixed : float32 array, shape (n_entities, width)
        The rotated representations.
    eigenvalues : float64 array, shape (n_components,)
        The eigenvalues of the Gram matrix, which is diagonal after the rotation.
    rotation : float32 array, shape (n_components, n_components)
        The axes as rows; all other embeddings must be rotated by it too.
    """

    fixed: Floats
    eigenvalues: Doubles
    rotation: Floats

    @classmethod
    def of(cls, rows: Floats, n_components: int, n_threads: int) -> "Axes | None":
        """Rotate representations in place; return None if they are not finite."""
        gram = np.empty((n_components, n_components))
        _native.als_gram(rows=rows, out=gram, num_threads=n_threads)
        if not np.isfinite(gram).all():
            return None
        eigenvalues, vectors = np.linalg.eigh(gram)
        rotation = np.ascontiguousarray(vectors.T, np.float32)
        _native.als_rotate(rows=rows, axes=rotation, num_threads=n_threads)
        return cls(rows, np.maximum(eigenvalues, 0), rotation)

    def spectrum(self, unobserved_weight: float) -> Floats:
        """Return the diagonal that unobserved pairs add to the equations of every row."""
        return np.asarray(unobserved_weight * self.eigenvalues, np.float32)


@dataclass(frozen=True, eq=False)
class Half:
    """The part of one side's problem that stays the same in all epochs.

    A feature that only one entity has is the entity's own feature, and is solved for in closed form. An entity has at
    most one own feature; all other features are shared.

    Attributes
    ----------
    pairs : tuple of (indptr, indices, weights)
        The positives of each entity and their weights; the weights are None if all are one.
    penalty : float32 array, shape (n_features,)
        The L2 penalty of each feature.
    own : int32 array, shape (n_entities,), or None
        The own feature of each entity, -1 if it has none; None if every entity has only its own feature.
    own_weight : float32 array, shape (n_entities,), or None
        The weight of the own feature; None if `own` is.
    shared : csr_matrix, shape (n_entities, n_features), or None
        The weights of the shared features; None if there are none.
    """

    pairs: tuple[*Pattern, Floats | None]
    penalty: Floats
    own: Indices | None = None
    own_weight: Floats | None = None
    shared: sp.csr_matrix | None = None

    def __len__(self) -> int:
        return len(self.pairs[1])

    @classmethod
    def of(cls, positives: sp.csr_matrix, features: sp.csr_matrix | None, penalties: Penalties) -> "Half":
        """Set up the problem, and separate own from shared features.

        Parameters
        ----------
        positives : csr_matrix, shape (n_entities, n_others)
            The weights of the positives, above zero.
        features : csr_matrix, shape (n_entities, n_features), or None
            The weight of each feature; None if every entity has only its own feature.
        penalties : Penalties
            The L2 penalties.
        """
        weights = None if (positives.data == 1).all() else positives.data
        pairs, penalty = (*pattern(positives), weights), penalties.of(positives, features)
        if features is None:
            return cls(pairs, penalty)
        rows = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
        unshared = np.flatnonzero((features.getnnz(axis=0)[features.indices] == 1) & (features.data != 0))
        owners, first = np.unique(rows[unshared], return_index=True)
        entries = unshared[first]
        own, own_weight = np.full(features.shape[0], -1, np.int32), np.ones(features.shape[0], np.float32)
        own[owners], own_weight[owners] = features.indices[entries], features.data[entries]
        shared = features.copy()
        shared.data[entries] = 0
        shared.eliminate_zeros()
        return cls(pairs, penalty, own, own_weight, shared if shared.nnz else None)

    def solve(
        self,
        side: Side,
        axes: Axes,
        unobserved_weight: float,
        block_size: int,
        n_threads: int,
        progress: Callable[[int], object] | None = None,
    ) -> float:
        """Solve for a side's parameters, in place.

        Parameters
        ----------
        side : Side
            The side to solve for, in the axes of the fixed side before its rotation.
        axes : Axes
            The fixed side.
        unobserved_weight : float
            The weight of a pair that is not among the positives.
        block_size : int
            The number of an entity's equations that are solved at once.
        n_threads, progress
            As for the kernel.

        Returns
        -------
        float
            The sum of the weighted squared errors of the positives and the weighted squared scores of other pairs.
        """
        if self.own is None:
            self._rotate_long_rows(side, axes, block_size, n_threads)
            return self.solve_rows(
                side.state, None, self.penalty, axes, unobserved_weight, block_size, n_threads, progress
            )
        assert self.own_weight is not None  # because `own` is not
        _native.als_rotate(rows=side.state, axes=axes.rotation, num_threads=n_threads)
        centre = None
        if self.shared is not None:
            self._solve_shared(side, self.shared, axes, axes.spectrum(unobserved_weight), n_threads)
            centre = side.rows(self.shared)
        rows, owners = side.rows(), np.flatnonzero(self.own >= 0)
        penalty = np.full(len(self.own), np.inf, np.float32)
        penalty[owners] = self.penalty[self.own[owners]] / self.own_weight[owners] ** 2
        loss = self.solve_rows(rows, centre, penalty, axes, unobserved_weight, block_size, n_threads, progress)
        rest = rows[owners] if centre is None else rows[owners] - centre[owners]
        side.state[self.own[owners]] = rest / self.own_weight[owners, None]
        return loss

    def _rotate_long_rows(self, side: Side, axes: Axes, block_size: int, n_threads: int) -> None:
        """Rotate the rows that the kernel improves; rows that it solves at once need no starting point."""
        long = np.flatnonzero(np.diff(self.pairs[0]) > block_size)
        if block_size < side.n_components and len(long):
            rows = side.state[long]
            _native.als_rotate(rows=rows, axes=axes.rotation, num_threads=n_threads)
            side.state[long] = rows

    def solve_rows(
        self,
        rows: Floats,
        centre: Floats | None,
        penalty: Floats,
        axes: Axes,
        unobserved_weight: float,
        block_size: int,
        n_threads: int,
        progress: Callable[[int], object] | None = None,
    ) -> float:
        """Solve for representations in place; the penalty pulls each towards its row of `centre` (None for zero)."""
        return _native.als_solve(
            pairs=self.pairs,
            fixed=axes.fixed,
            spectrum=axes.spectrum(unobserved_weight),
            penalty=penalty,
            centre=centre,
            out=rows,
            block_size=block_size,
            num_threads=n_threads,
            progress=progress,
        )

    def _solve_shared(self, side: Side, shared: sp.csr_matrix, axes: Axes, spectrum: Floats, n_threads: int) -> None:
        """Improve the embeddings of all shared features by conjugate gradients with a diagonal preconditioner."""
        used = np.flatnonzero(shared.getnnz(axis=0))
        weights, n_components = sp.csr_matrix(shared[:, used]), side.n_components
        embeddings = side.state[used, :n_components].astype(np.float64)
        penalty = self.penalty[used, None].astype(np.float64)

        def descent_direction(representations: Floats, target: float) -> Doubles:
            out = aligned(*representations.shape)
            _native.als_descend(
                pairs=self.pairs,
                fixed=axes.fixed,
                spectrum=spectrum,
                representations=representations,
                target=target,
                out=out,
                num_threads=n_threads,
            )
            return np.asarray(weights.T @ out[:, :n_components].astype(np.float64))

        def hessian_product(direction: Doubles) -> Doubles:
            state = aligned(len(side.state), side.state.shape[1])
            state[:] = 0
            state[used, :n_components] = direction
            return penalty * direction - descent_direction(Side(state, None, n_components).rows(shared), 0.0)

        diagonal = (
            weights.astype(np.float64).power(2).T @ self._diagonals(axes.fixed[:, :n_components], spectrum) + penalty
        )
        residual = descent_direction(side.rows(), 1.0) - penalty * embeddings
        scaled = residual / diagonal
        direction, size = scaled, float((residual * scaled).sum())
        for _ in range(_STEPS):
            if size <= 0:
                break
            curvature = hessian_product(direction)
            step = size / float((direction * curvature).sum())
            embeddings += step * direction
            residual -= step * curvature
            scaled = residual / diagonal
            previous_size, size = size, float((residual * scaled).sum())
            direction = scaled + size / previous_size * direction
        side.state[used, :n_components] = embeddings

    def _diagonals(self, fixed: Floats, spectrum: Floats) -> Floats:
        """Return the diagonal of each entity's equations, without penalties."""
        indptr, indices, weights = self.pairs
        data = np.ones(len(indices), np.float32) if weights is None else weights
        matrix = sp.csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, len(fixed)))
        return np.asarray(matrix @ np.square(fixed) + spectrum)


@dataclass(frozen=True, eq=False)
class Halves:
    """What an epoch goes through: users are solved for, then items.

    Attributes
    ----------
    trained : pair of Half
        Of users and of items.
    priors : pair of Half or None
        The same pairs for the priors; None where there is no prior.
    """

    trained: tuple[Half, Half]
    priors: tuple[Half | None, Half | None]

    def __len__(self) -> int:
        return sum(len(half) for half in self.trained)


def positive_weights(interactions: sp.csr_matrix, weights: Floats | None) -> sp.csr_matrix:
    """Return the weights of the positive interactions as a matrix."""
    data = np.where(interactions.data > 0, np.float32(1) if weights is None else weights, np.float32(0))
    positives = sp.csr_matrix((data, interactions.indices, interactions.indptr), shape=interactions.shape, copy=True)
    positives.eliminate_zeros()
    return positives
