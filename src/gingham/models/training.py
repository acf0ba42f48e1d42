"""Interactions as the kernel trains on them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.dataset import Dataset
from gingham.errors import DataError
from gingham.models.known import Data, Known, canonical
from gingham.recommend import Floats, Indices, Pattern, pattern
from gingham.split import Matrix

# The losses that may draw any item of the catalogue as a negative.
_DRAW_ANY = ("warp", "warp-kos")


@dataclass(frozen=True, eq=False)
class Training:
    """What an epoch goes through.

    Attributes
    ----------
    examples
        User, item, weight (None for ones) and target (None but for logistic) of each example, shuffled: an epoch keeps
        runs of neighbours together.
    positives
        Each user's positive items, and their weights (None for ones).
    pool : int32 array
        The items of all entries, which "bpr" draws from.
    active : pair of bool arrays
        Which users and which items training can meet.
    """

    examples: tuple[Indices, Indices, Floats | None, Floats | None]
    positives: tuple[*Pattern, Floats | None]
    pool: Indices
    active: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.examples[0])

    @classmethod
    def of(cls, known: Known, sample_weight: Matrix | None, loss: str, seed: int) -> "Training":
        """Choose the examples of a loss, in an order that the seed decides.

        Raises
        ------
        DataError
            If the weights don't belong to the interactions, or there is nothing to learn from.
        """
        matrix = known.matrix
        weights = None if sample_weight is None else _weights(sample_weight, matrix)
        users = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
        positive = matrix.data > 0
        chosen = np.ones_like(positive) if loss == "logistic" else positive
        if not chosen.any():
            raise DataError(
                f"None of the {matrix.nnz:,} interactions has a value above zero, so {loss} has nothing to learn from; "
                "give each positive interaction a value such as 1."
            )
        pairs = np.stack([users[chosen], matrix.indices[chosen].astype(np.int32, copy=False)], axis=1)
        weighed = None if weights is None else weights[chosen]
        targets = positive.astype(np.float32) if loss == "logistic" else None
        # Equally long arrays and equal seeds make equal swaps; no array of positions is needed. A pair is moved as one
        # number: NumPy shuffles 8 bytes faster than twice 4.
        for part in (pairs.view(np.int64)[:, 0], weighed, targets):
            if part is not None:
                np.random.default_rng(seed).shuffle(part)
        examples = (pairs[:, 0].copy(), pairs[:, 1].copy(), weighed, targets)
        met = (examples[0], matrix.indices)
        active = [np.bincount(entities, minlength=size) > 0 for entities, size in zip(met, matrix.shape, strict=True)]
        if loss in _DRAW_ANY:
            active[1][:] = True
        return cls(
            examples,
            (*_rows(matrix, positive), None if weights is None else weights[positive]),
            matrix.indices.astype(np.int32, copy=False),
            (active[0], active[1]),
        )


def _rows(matrix: sp.csr_matrix, kept: npt.NDArray[np.bool_]) -> Pattern:
    """Keep some entries of a matrix."""
    indptr, indices = pattern(matrix)
    before = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
    return before[indptr], indices[kept]


def _weights(sample_weight: Matrix, matrix: sp.csr_matrix) -> Floats:
    weights = canonical(sample_weight, "sample_weight", matrix.shape)
    if not (np.array_equal(weights.indptr, matrix.indptr) and np.array_equal(weights.indices, matrix.indices)):
        raise DataError(
            f"sample_weight has {weights.nnz:,} entries at other places than the {matrix.nnz:,} interactions; give one "
            "for each interaction and no others."
        )
    if weights.nnz and weights.data.min() < 0:
        raise DataError(f"sample_weight holds {weights.data.min()}; give weights of 0 or above.")
    return weights.data


def inputs(
    data: Data, user_features: Matrix | None, item_features: Matrix | None
) -> tuple[Known, tuple[sp.csr_matrix | None, sp.csr_matrix | None]]:
    """Take the interactions and features to train on; None for features where each entity has its own alone.

    Raises
    ------
    DataError
        If a matrix has the wrong shape or holds a value that is not finite, or a dataset comes with other features.
    """
    known = Known.of(data)
    if isinstance(data, Dataset):
        if user_features is not None or item_features is not None:
            raise DataError("A dataset brings its own features; leave user_features and item_features out.")
        user_features, item_features = (
            None if features is None else features.matrix for features in (data.user_features, data.item_features)
        )
    n_users, n_items = known.matrix.shape
    return known, (
        _feature_rows(user_features, "user_features", n_users),
        _feature_rows(item_features, "item_features", n_items),
    )


def _feature_rows(features: Matrix | None, name: str, n_rows: int) -> sp.csr_matrix | None:
    if features is None:
        return None
    matrix = canonical(features, name)
    if matrix.shape[0] != n_rows:
        raise DataError(
            f"{name} has {matrix.shape[0]:,} rows for {n_rows:,} {name.partition('_')[0]}s; give a row each."
        )
    is_identity = (
        matrix.shape[1] == matrix.nnz == n_rows
        and np.array_equal(matrix.indices, np.arange(n_rows))
        and np.array_equal(matrix.indptr, np.arange(n_rows + 1))
        and bool((matrix.data == 1).all())
    )
    return None if is_identity else matrix
