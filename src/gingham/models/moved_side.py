"""The parameters of users or items after others were added or removed."""

import numpy as np
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Floats, Indices, aligned
from gingham.errors import DataError
from gingham.models.moving import Places
from gingham.models.side import INITIAL_MEMORY, Side

# The memory of the optimizer by the number of parts of a row.
_MEMORY = {0: (), **{len(memory): memory for memory in INITIAL_MEMORY.values()}}


def shared_features(features: sp.csr_matrix | None) -> sp.csr_matrix | None:
    """Return the features after the identities of a feature matrix.

    Parameters
    ----------
    features : csr_matrix, shape (n_entities, n_features), or None
        The weight of each feature; column j of the first n_entities is the identity of row j.

    Returns
    -------
    csr_matrix, shape (n_entities, n_features - n_entities), or None
        None if there are no other features, or the matrix does not start with an identity for each row.
    """
    if features is None or features.shape[1] <= features.shape[0]:
        return None
    n = features.shape[0]
    identities = features[:, :n]
    diagonal = identities.diagonal()
    return features[:, n:] if identities.nnz == n and diagonal.all() else None


def moved_side(side: Side, places: Places, features: sp.csr_matrix | None) -> Side:
    """Return the parameters for other users or items, in a new array.

    Identities of new ones are zero. Shared features keep their parameters.

    Parameters
    ----------
    side : Side
        The parameters so far.
    places : Places
        Where its users or items are.
    features : csr_matrix, shape (n_entities, n_features), or None
        The new features: identities first if those of the side are, then the same shared features.

    Raises
    ------
    DataError
        If these are other features.
    """
    n_old, n_features = len(places.of_old), places.size if features is None else features.shape[1]
    n_own = n_old if side.features is None or len(side.state) - n_old == n_features - places.size else 0
    if (features is None) != (side.features is None) or len(side.state) - n_own != n_features - places.size * bool(
        n_own
    ):
        raise DataError(
            "The model was fitted with matrices of features, which an update does not have; fit it to a "
            "gingham.Dataset, or fit again."
        )
    width = _native.padded_width(side.n_components)
    state = aligned(n_features, side.state.shape[1])
    state[n_features - (len(side.state) - n_own) :] = side.state[n_own:]
    if n_own:
        state[: places.size] = _new_row(width, side)
        present = places.of_old >= 0
        state[places.of_old[present]] = side.state[:n_old][present]
    return Side(state, features, side.n_components)


def shared_part(side: Side, chosen: Indices) -> tuple[Floats, Floats]:
    """Return the part of some representations that is not their identity's.

    Returns
    -------
    embeddings : float32 array, shape (n, n_components)
        The sums of the embeddings of their shared features.
    weight : float32 array, shape (n, 1)
        The weights of their identities; 0 without identities.
    """
    if side.features is None:
        return np.zeros((len(chosen), side.n_components), np.float32), np.ones((len(chosen), 1), np.float32)
    rows, weight = sp.csr_matrix(side.features[chosen]), np.zeros((len(chosen), 1), np.float32)
    if shared_features(side.features) is not None:
        own = rows.indices == np.repeat(chosen, np.diff(rows.indptr))
        weight[:, 0] = rows.data[own]
        rows.data[own] = 0
    return side.rows(rows)[:, : side.n_components].copy(), weight


def place_embeddings(side: Side, chosen: Indices, embeddings: Floats) -> None:
    """Set the identities of some users or items such that they are represented by these embeddings; biases become 0."""
    shared, weight = shared_part(side, chosen)
    if weight.all():
        side.state[chosen, : _native.padded_width(side.n_components)] = 0
        side.state[chosen, : side.n_components] = (embeddings - shared) / weight


def _new_row(width: int, side: Side) -> Floats:
    memory = _MEMORY[side.state.shape[1] // width - 1]
    return np.repeat(np.array([0.0, *memory], np.float32), width)
