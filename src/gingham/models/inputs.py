"""The inputs of models of features: interactions, feature matrices and weights, checked."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Floats, Matrix, canonical
from gingham.dataset import Dataset
from gingham.errors import DataError, ParameterError
from gingham.models.side import Side
from gingham.models.training_data import Data, TrainingData, all_entries

# The users' and the items' feature matrices; None where each user or item has only its own feature.
FeatureMatrices = tuple[sp.csr_matrix | None, sp.csr_matrix | None]


def read_inputs(
    data: Data, user_features: Matrix | None, item_features: Matrix | None
) -> tuple[TrainingData, sp.csr_matrix, FeatureMatrices]:
    """Return the training data, the interactions of any value, and the feature matrices of a fit.

    The training data have positives only; a loss may learn from the other interactions as negatives.

    Raises
    ------
    DataError
        If a matrix has the wrong shape or holds a value that is not finite, or a dataset comes with other features.
    """
    entries = all_entries(data)
    training_data = TrainingData.of_entries(data, entries)
    if isinstance(data, Dataset):
        if user_features is not None or item_features is not None:
            raise DataError("A dataset has its own features; leave out user_features and item_features.")
        user_features, item_features = (
            None if features is None else features.matrix for features in (data.user_features, data.item_features)
        )
    n_users, n_items = entries.shape
    features = (
        _feature_rows(user_features, "user_features", n_users),
        _feature_rows(item_features, "item_features", n_items),
    )
    return training_data, entries, features


def _feature_rows(features: Matrix | None, name: str, n_rows: int) -> sp.csr_matrix | None:
    if features is None:
        return None
    matrix = canonical(features, name)
    if matrix.shape[0] != n_rows:
        raise DataError(
            f"{name} has {matrix.shape[0]:,} rows for {n_rows:,} {name.partition('_')[0]}s; pass one row for each."
        )
    is_identity = (
        matrix.shape[1] == matrix.nnz == n_rows
        and np.array_equal(matrix.indices, np.arange(n_rows))
        and np.array_equal(matrix.indptr, np.arange(n_rows + 1))
        and bool((matrix.data == 1).all())
    )
    return None if is_identity else matrix


def has_repeats(data: Data, entries: sp.csr_matrix) -> bool:
    """Return whether a dataset has several interactions of the same user and item; a matrix has not.

    Parameters
    ----------
    data : Dataset or sparse matrix
    entries : csr_matrix
        The matrix of the same interactions.
    """
    return isinstance(data, Dataset) and len(data.interactions) > entries.nnz


def has_launches(data: Data) -> bool:
    """Return whether items without transactions are articles to be launched; those of a matrix are not."""
    return isinstance(data, Dataset) and data.candidates == "all"


def entry_weights(interactions: sp.csr_matrix, sample_weight: Matrix | None, weighted: bool) -> Floats | None:
    """Return the weight of each interaction, in the order of the matrix's entries; None if all weights are 1.

    Parameters
    ----------
    interactions : csr_matrix, shape (n_users, n_items)
    sample_weight : sparse matrix, shape (n_users, n_items), or None
        Weights with the same sparsity pattern.
    weighted : bool
        Whether a positive's value is its weight.

    Raises
    ------
    ParameterError
        If both are used.
    DataError
        If `sample_weight` has another pattern, or holds a value that is negative or not finite.
    """
    if sample_weight is None:
        return np.where(interactions.data > 0, interactions.data, np.float32(1)) if weighted else None
    if weighted:
        raise ParameterError("weighted=True takes the interactions' values as weights; leave out sample_weight.")
    weights = canonical(sample_weight, "sample_weight", interactions.shape)
    same_pattern = np.array_equal(weights.indptr, interactions.indptr) and np.array_equal(
        weights.indices, interactions.indices
    )
    if not same_pattern:
        raise DataError(
            f"sample_weight has {weights.nnz:,} entries at other places than the {interactions.nnz:,} interactions; "
            "pass exactly one weight for each interaction."
        )
    if weights.nnz and weights.data.min() < 0:
        raise DataError(f"sample_weight holds {weights.data.min()}; use weights of at least 0.")
    return weights.data


def check_same_inputs(before: TrainingData, now: TrainingData, sides: tuple[Side, Side], new: FeatureMatrices) -> None:
    """Check that training can go on with these users, items and features.

    Parameters
    ----------
    before, now : TrainingData
        The data of the fit, and the new data.
    sides : pair of Side
        The parameters of users and of items.
    new : pair of csr_matrix or None
        The new feature matrices.

    Raises
    ------
    DataError
        If the users, items or features differ.
    """
    parts: tuple[tuple[str, Any, Any, Any, Any, Side, sp.csr_matrix | None], ...] = (
        ("user", before.user_ids, now.user_ids, before.user_encoder, now.user_encoder, sides[0], new[0]),
        ("item", before.item_ids, now.item_ids, before.item_encoder, now.item_encoder, sides[1], new[1]),
    )
    for what, old_ids, ids, old_encoder, encoder, side, features in parts:
        if not old_ids.values.equals(ids.values):
            raise DataError(
                f"The {what}s ({len(ids):,}) differ from those that the model was fitted to ({len(old_ids):,}); "
                "call fit."
            )
        if old_encoder is not None and encoder is not None and old_encoder.names != encoder.names:
            names = sorted(set(encoder.names) - set(old_encoder.names)) or list(encoder.names)
            raise DataError(
                f"The {what} features differ from those that the model was fitted with, for example {names[0]!r}; "
                "call fit."
            )
        n_features = len(ids) if features is None else features.shape[1]
        if n_features != len(side.state):
            raise DataError(
                f"There are {n_features:,} {what} features, but the model was fitted with {len(side.state):,}; "
                "call fit."
            )
