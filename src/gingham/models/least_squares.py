"""One half of an epoch of alternating least squares: a side's parameters are solved for while the other's are fixed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Floats, Indices, Pattern, aligned, pattern
from gingham.models.side import Side

Doubles = npt.NDArray[np.float64]

# How many steps of conjugate gradients an epoch spends on shared features. They start from the epoch before's solution.
_STEPS = 3


@dataclass(frozen=True)
class Penalties:
    """The L2 penalty of a feature: `l2` times a power of how often it is met.

    Of an entity that is the sum of its pairs' weights, and what all other pairs weigh together; of a feature, its
    entities', times the square of its weight.

    Attributes
    ----------
    l2, exponent : float
        The penalty, and the power.
    unobserved : float
        What an entity's pairs with everything on the other side weigh together.
    """

    l2: float
    exponent: float
    unobserved: float

    def of(self, pairs: sp.csr_matrix, features: sp.csr_matrix | None = None) -> Floats:
        """Give the penalty of each feature; without features, of each row of pairs."""
        met = pairs @ np.ones(pairs.shape[1]) + self.unobserved
        if features is not None:
            met = features.astype(np.float64).power(2).T @ met
        with np.errstate(over="ignore"):  # what float32 cannot hold is found after the epoch
            return np.asarray(self.l2 * met**self.exponent, np.float32)


@dataclass(frozen=True, eq=False)
class Axes:
    """The fixed side as the kernel takes it: in the principal axes of its Gram matrix.

    Attributes
    ----------
    fixed : float32 array, shape (n_entities, width)
        Its representations.
    eigenvalues : float64 array, shape (n_components,)
        Those of the Gram matrix, which is diagonal.
    turn : float32 array, shape (n_components, n_components)
        The axes, a row each: what anything else must be turned by.
    """

    fixed: Floats
    eigenvalues: Doubles
    turn: Floats

    @classmethod
    def of(cls, rows: Floats, n_components: int, n_threads: int) -> "Axes | None":
        """Turn representations, in place; None if they are not finite."""
        gram = np.empty((n_components, n_components))
        _native.als_gram(rows=rows, out=gram, num_threads=n_threads)
        if not np.isfinite(gram).all():
            return None
        eigenvalues, vectors = np.linalg.eigh(gram)
        turn = np.ascontiguousarray(vectors.T, np.float32)
        _native.als_rotate(rows=rows, axes=turn, num_threads=n_threads)
        return cls(rows, np.maximum(eigenvalues, 0), turn)

    def spectrum(self, unobserved_weight: float) -> Floats:
        """Give what the unobserved pairs add to every row's equations."""
        return np.asarray(unobserved_weight * self.eigenvalues, np.float32)


@dataclass(frozen=True, eq=False)
class Half:
    """What does not change of a side's problem from epoch to epoch.

    A feature that a single entity has is its own, and is solved for in closed form; an entity has one of these at most.
    All others are shared.

    Attributes
    ----------
    pairs
        Each entity's positives, and their weights (None for ones).
    penalty : float32 array, shape (n_features,)
        The L2 penalty of each feature.
    own : int32 array, shape (n_entities,), or None
        The feature that is an entity's own, -1 where there is none; None: there are no features but these.
    own_weight : float32 array, shape (n_entities,), or None
        Its weight.
    shared : csr_matrix, shape (n_entities, n_features), or None
        The weights of all other features; None if there are no others.
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
        """Find what is each entity's own.

        Parameters
        ----------
        positives : csr_matrix, shape (n_entities, n_others)
            The weights of the positives, above zero.
        features : csr_matrix, shape (n_entities, n_features), or None
            The weight of each feature; None: each entity has its own alone.
        penalties : Penalties
            How features are penalised.
        """
        weights = None if (positives.data == 1).all() else positives.data
        pairs, penalty = (*pattern(positives), weights), penalties.of(positives, features)
        if features is None:
            return cls(pairs, penalty)
        rows = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
        alone = np.flatnonzero((features.getnnz(axis=0)[features.indices] == 1) & (features.data != 0))
        owners, first = np.unique(rows[alone], return_index=True)
        entries = alone[first]
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
            What to solve for, in the fixed side's former axes.
        axes : Axes
            What is fixed.
        unobserved_weight : float
            What a pair weighs that is not among the positives.
        block_size : int
            How many of an entity's equations are solved at once.
        n_threads, progress
            As for the kernel.

        Returns
        -------
        float
            The positives' weighted squared errors and the unobserved's weighted squared scores, summed.
        """
        if self.own is None:
            self._turn_long_rows(side, axes, block_size, n_threads)
            return self.solve_rows(
                side.state, None, self.penalty, axes, unobserved_weight, block_size, n_threads, progress
            )
        assert self.own_weight is not None  # as `own`
        _native.als_rotate(rows=side.state, axes=axes.turn, num_threads=n_threads)
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

    def _turn_long_rows(self, side: Side, axes: Axes, block_size: int, n_threads: int) -> None:
        """Turn what the kernel starts from; rows that it solves at once start from nothing."""
        long = np.flatnonzero(np.diff(self.pairs[0]) > block_size)
        if block_size < side.n_components and len(long):
            rows = side.state[long]
            _native.als_rotate(rows=rows, axes=axes.turn, num_threads=n_threads)
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
        """Solve for representations, in place, each pulled towards its row of `centre` by its penalty."""
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
        """Improve the shared features' embeddings together: conjugate gradients, scaled by the equations' diagonal."""
        used = np.flatnonzero(shared.getnnz(axis=0))
        weights, n_components = sp.csr_matrix(shared[:, used]), side.n_components
        embeddings = side.state[used, :n_components].astype(np.float64)
        penalty = self.penalty[used, None].astype(np.float64)

        def descend(representations: Floats, target: float) -> Doubles:
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

        def curved(direction: Doubles) -> Doubles:
            state = aligned(len(side.state), side.state.shape[1])
            state[:] = 0
            state[used, :n_components] = direction
            return penalty * direction - descend(Side(state, None, n_components).rows(shared), 0.0)

        diagonal = (
            weights.astype(np.float64).power(2).T @ self._diagonals(axes.fixed[:, :n_components], spectrum) + penalty
        )
        residual = descend(side.rows(), 1.0) - penalty * embeddings
        scaled = residual / diagonal
        direction, size = scaled, float((residual * scaled).sum())
        for _ in range(_STEPS):
            if size <= 0:
                break
            curve = curved(direction)
            step = size / float((direction * curve).sum())
            embeddings += step * direction
            residual -= step * curve
            scaled = residual / diagonal
            before, size = size, float((residual * scaled).sum())
            direction = scaled + size / before * direction
        side.state[used, :n_components] = embeddings

    def _diagonals(self, fixed: Floats, spectrum: Floats) -> Floats:
        """Give the diagonal of each entity's equations, without penalties."""
        indptr, indices, weights = self.pairs
        data = np.ones(len(indices), np.float32) if weights is None else weights
        matrix = sp.csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, len(fixed)))
        return np.asarray(matrix @ np.square(fixed) + spectrum)
