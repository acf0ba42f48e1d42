"""EASE: an item's score is a weighted sum of all the items that the user had, in closed form."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import lapack

from gingham.arrays import Floats
from gingham.errors import ParameterError
from gingham.models.linear import LinearModel
from gingham.validation import check_integer, check_number

# How many rows of a square matrix are mirrored at a time.
_ROWS = 1024


class EASE(LinearModel):
    """Embarrassingly shallow autoencoder: each item's weights for every other one, by one inversion.

    The weights minimise the squared error of predicting what a user had from the other items that they had. They are a
    dense matrix: 4 bytes for each pair of items, twice that while it is made. Of a larger catalogue than `max_items`,
    the items that most users had take part, and a warning says so; the others come after them, in the order of how many
    users had them.

    Parameters
    ----------
    l2 : float
        The penalty on the weights, in users: the larger, the less do rare items count. 250 by default.
    max_items : int
        How many items may take part; 10,000 by default, which takes 0.8 GB and about a minute on one core.

    References
    ----------
    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019, https://arxiv.org/abs/1905.03375
    """

    _weights: Floats
    _items: npt.NDArray[np.int32]

    def __init__(self, l2: float = 250.0, max_items: int = 10_000) -> None:
        self.l2 = l2
        self.max_items = max_items

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If `l2` is not above zero, or `max_items` is no whole number from 1 on.
        """
        check_number("l2", self.l2, above=0)
        check_integer("max_items", self.max_items, 1)

    def _learn(self, had: sp.csr_matrix) -> None:
        n_items = had.shape[1]
        items = np.arange(n_items, dtype=np.int32)
        if n_items > self.max_items:
            users = np.bincount(had.indices, minlength=n_items)
            items = np.sort(np.argsort(-users, kind="stable")[: self.max_items]).astype(np.int32)
            warnings.warn(
                f"EASE learns of the {self.max_items:,} items that most users had, of {n_items:,}; all of them take "
                f"{8e-9 * n_items**2:.1f} GB: set max_items to {n_items} if there is as much memory.",
                stacklevel=3,
            )
        self._weights, self._items = _weights(had[:, items], float(self.l2)), items

    def _score(self, had: sp.csr_matrix) -> Floats:
        # A product of sparse rows adds in the order of a user's items, so that equal items have equal scores.
        scores = np.asarray(had[:, self._items] @ self._weights, np.float32)
        if len(self._items) == self.n_items:
            return scores
        # The places are below one, so that all of the others come after those that were scored.
        rest: Floats = scores.min(axis=1, keepdims=True) - 1 + self._places
        rest[:, self._items] = scores
        return rest

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {}, {"weights": self._weights, "items": self._items}

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        self._weights, self._items = arrays["weights"], arrays["items"]


def _weights(had: sp.csr_matrix, l2: float) -> Floats:
    """Solve for the weights: the inverse of the items' Gram matrix, each column over minus its diagonal."""
    if not had.shape[1]:
        return np.zeros((0, 0), np.float32)  # LAPACK takes no matrix of nothing
    try:
        gram = (had.T @ had).toarray(order="F")
        gram[np.diag_indices_from(gram)] += l2
        factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
        inverse, failed_too = (factor, failed) if failed else lapack.spotri(factor, lower=1, overwrite_c=1)
    except MemoryError:
        n_items = had.shape[1]
        raise ParameterError(
            f"EASE of {n_items:,} items takes {8e-9 * n_items**2:.1f} GB, which there is not; set max_items to less."
        ) from None
    if failed or failed_too:
        raise ParameterError(f"l2={l2!r} is too small to invert what items have in common; give a larger one.")
    for start in range(0, len(inverse), _ROWS):
        stop = start + _ROWS
        square = inverse[start:stop, start:stop]
        square[:] = np.tril(square) + np.tril(square, -1).T
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
    weights = np.ascontiguousarray(inverse)
    with np.errstate(all="ignore"):
        weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0)
    if not np.isfinite(weights.sum()):
        raise ParameterError(f"l2={l2!r} leaves nothing of what items have in common; give a smaller one.")
    return weights
