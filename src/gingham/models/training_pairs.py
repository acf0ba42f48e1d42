"""Interactions as the kernel trains on them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Matrix, Pattern, canonical, pattern
from gingham.dataset import Dataset
from gingham.errors import DataError, ParameterError
from gingham.models.side import Side
from gingham.models.training_data import Data, TrainingData

# The losses that may draw any item of the catalogue as a negative.
_DRAW_ANY = ("warp", "warp-kos")


class Entries(NamedTuple):
    """Interactions one by one: whose, of which item, the value (above zero: a positive), the weight (None for ones)."""

    users: npt.NDArray[np.integer]
    items: npt.NDArray[np.integer]
    values: Floats
    weights: Floats | None


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
    def of(cls, known: TrainingData, sample_weight: Matrix | None, loss: str, seed: int) -> "Training":
        """Choose the examples of a loss among a model's interactions, in an order that the seed decides.

        Raises
        ------
        DataError
            If the weights don't belong to the interactions, or there is nothing to learn from.
        """
        matrix = known.matrix
        weights = None if sample_weight is None else weights_of(sample_weight, matrix)
        users = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
        training = cls.of_entries(Entries(users, matrix.indices, matrix.data, weights), matrix, weights, loss, seed)
        if not len(training):
            raise DataError(
                f"None of the {matrix.nnz:,} interactions has a value above zero, so {loss} has nothing to learn from; "
                "give each positive interaction a value such as 1."
            )
        return training

    @classmethod
    def of_entries(
        cls, entries: Entries, matrix: sp.csr_matrix, positive_weights: Floats | None, loss: str, seed: int
    ) -> "Training":
        """Choose the examples of a loss among entries, in an order that the seed decides; there may be none.

        Parameters
        ----------
        entries : Entries
            What to train on; a pair that is there twice is trained twice.
        matrix : csr_matrix of float32, shape (n_users, n_items)
            The same, duplicates summed: what positives and negatives are told by.
        positive_weights : float32 array
            What each entry of `matrix` weighs when "warp-kos" draws it; None for ones.
        loss : str
            One of HybridMF's.
        seed : int
            What the order depends on.
        """
        positive = entries.values > 0
        chosen = np.ones_like(positive) if loss == "logistic" else positive
        pairs = np.stack([part[chosen].astype(np.int32, copy=False) for part in entries[:2]], axis=1)
        weighed = None if entries.weights is None else entries.weights[chosen]
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
        kept = matrix.data > 0
        return cls(
            examples,
            (*_rows(matrix, kept), None if positive_weights is None else positive_weights[kept]),
            matrix.indices.astype(np.int32, copy=False),
            (active[0], active[1]),
        )


def _rows(matrix: sp.csr_matrix, kept: npt.NDArray[np.bool_]) -> Pattern:
    """Keep some entries of a matrix."""
    indptr, indices = pattern(matrix)
    before = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
    return before[indptr], indices[kept]


def weights_of(sample_weight: Matrix, matrix: sp.csr_matrix) -> Floats:
    """Take the weights of a matrix' entries.

    Raises
    ------
    DataError
        If they stand at other places, or one is negative or not finite.
    """
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
) -> tuple[TrainingData, tuple[sp.csr_matrix | None, sp.csr_matrix | None]]:
    """Take the interactions and features to train on; None for features where each entity has its own alone.

    Raises
    ------
    DataError
        If a matrix has the wrong shape or holds a value that is not finite, or a dataset comes with other features.
    """
    known = TrainingData.of(data)
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


def require_same(
    fits: tuple[TrainingData, TrainingData],
    sides: tuple[Side, Side],
    features: tuple[sp.csr_matrix | None, sp.csr_matrix | None],
    n_components: int,
    schedule: str,
) -> None:
    """Refuse to train on with others than a model was fitted to.

    Parameters
    ----------
    fits : pair of TrainingData
        What the model was fitted to, and what it is to be trained on.
    sides : pair of Side
        What it has learned about users, and about items.
    features : pair of csr_matrix or None
        The users' and the items' that it is to be trained on.
    n_components, schedule
        Its parameters as they are now.

    Raises
    ------
    DataError
        If the users, items or features are others.
    ParameterError
        If a parameter is.
    """
    old, known = fits
    for what, before, now in (
        ("users", old.user_ids, known.user_ids),
        ("items", old.item_ids, known.item_ids),
    ):
        if not before.values.equals(now.values):
            raise DataError(
                f"These are other {what} ({len(now):,}) than the model was fitted to ({len(before):,}); call fit."
            )
    for what, encoder, other in (
        ("user", old.user_encoder, known.user_encoder),
        ("item", old.item_encoder, known.item_encoder),
    ):
        if encoder is not None and other is not None and encoder.names != other.names:
            new = sorted(set(other.names) - set(encoder.names)) or list(other.names)
            raise DataError(
                f"The {what} features are others than the model was fitted with, {new[0]!r} among them; call fit."
            )
    for side, matrix, ids, what in (
        (sides[0], features[0], known.user_ids, "user"),
        (sides[1], features[1], known.item_ids, "item"),
    ):
        n_features = len(ids) if matrix is None else matrix.shape[1]
        if n_features != len(side.state):
            raise DataError(
                f"There are {n_features:,} {what} features; the model was fitted with {len(side.state):,}: call fit."
            )
        fitted = (side.n_components, Side.shape(n_features, side.n_components, schedule))
        if fitted != (n_components, side.state.shape):
            raise ParameterError(
                f"n_components={n_components} or learning_schedule={schedule!r} is another than "
                "the model was fitted with; call fit."
            )
