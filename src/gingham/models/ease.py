"""EASE: a linear autoencoder, fitted in closed form."""

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import lapack

from gingham.arrays import Floats, Indices
from gingham.checked import LARGEST, require, stored_array
from gingham.errors import ParameterError
from gingham.models.linear import LinearModel
from gingham.validation import Check, check_integer, check_number

# The number of rows of a square matrix that are mirrored at a time.
_ROWS = 1024


class EASE(LinearModel):
    """Embarrassingly shallow autoencoder: item-item weights by ridge regression, with one matrix inversion.

    The score of an item is the sum of its weights with the items of the user's history. The weights minimise the
    squared error of predicting a user's binary history from the other items in it, plus an L2 penalty; no item predicts
    itself.

    The weights are a dense matrix: 4 bytes for each pair of items, and twice that during `fit`. If the catalogue is
    larger than `max_items`, the model is fitted to the items with the most users and warns about it; the other items
    rank after these, by their number of users.

    Parameters
    ----------
    l2 : float
        The L2 penalty on the weights, in units of users: the larger it is, the less rare items count. 250 by default.
    max_items : int
        The largest number of items to fit weights for; 10,000 by default, which takes 0.8 GB and about a minute on one
        core.

    References
    ----------
    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019, https://arxiv.org/abs/1905.03375

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.EASE(l2=50).fit(gg.synth.sample_dataset())
    >>> model.recommend(["u07"], k=3)["item_id"].to_list()
    ['i00', 'i01', 'i02']
    """

    kind: ClassVar[str] = "ease"
    panel_cost: ClassVar[float | None] = 5.0
    default_space: ClassVar[Mapping[str, Any]] = {"l2": {"low": 10.0, "high": 10_000.0, "log": True}}
    constraints: ClassVar[Mapping[str, Check]] = {
        "l2": partial(check_number, above=0),
        "max_items": check_integer,
    }

    _weights: Floats
    _items: Indices

    def __init__(self, l2: float = 250.0, max_items: int = 10_000) -> None:
        self.l2 = l2
        self.max_items = max_items

    def _fit_history(self, history: sp.csr_matrix, n_threads: int) -> None:  # noqa: ARG002
        n_items = history.shape[1]
        items = np.arange(n_items, dtype=np.int32)
        if n_items > self.max_items:
            n_users = np.bincount(history.indices, minlength=n_items)
            items = np.sort(np.argsort(-n_users, kind="stable")[: self.max_items]).astype(np.int32)
            warnings.warn(
                f"EASE is fitted to the {self.max_items:,} items with the most users, of {n_items:,}. All items need "
                f"{_gigabytes(n_items)} of memory; set max_items={n_items} to include them.",
                stacklevel=4,
            )
        self._weights, self._items = _fit_weights(history[:, items], float(self.l2)), items

    def _score(self, history: sp.csr_matrix) -> Floats:
        # A sparse product adds in the order of the user's items, so that equal items get equal scores.
        scores = np.asarray(history[:, self._items] @ self._weights, np.float32)
        if len(self._items) == self.n_items:
            return scores
        # The popularity scores are below one: all other items rank after those with weights.
        all_scores: Floats = scores.min(axis=1, keepdims=True) - 1 + self._popularity
        all_scores[:, self._items] = scores
        return all_scores

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {}, {"weights": self._weights, "items": self._items}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        items = stored_array(arrays, "items", "int32", (None,), least=0, most=self.n_items - 1)
        require((items[1:] > items[:-1]).all(), "the array 'items' does not ascend")
        weights = stored_array(arrays, "weights", "float32", (len(items), len(items)), least=-LARGEST, most=LARGEST)
        require(not np.diagonal(weights).any(), "the array 'weights' has an item that predicts itself")
        self._weights, self._items = weights, items


def _gigabytes(n_items: int) -> str:
    return f"{8e-9 * n_items**2:.1f} GB"


def _fit_weights(history: sp.csr_matrix, l2: float) -> Floats:
    """Return the weights: the inverse of the regularised Gram matrix, each column divided by minus its diagonal."""
    n_items = history.shape[1]
    if not n_items:
        return np.zeros((0, 0), np.float32)  # LAPACK refuses empty matrices
    try:
        gram = (history.T @ history).toarray(order="F")
        gram[np.diag_indices_from(gram)] += l2
        factor, error = lapack.spotrf(gram, lower=1, overwrite_a=1)
        inverse, inversion_error = (factor, error) if error else lapack.spotri(factor, lower=1, overwrite_c=1)
    except MemoryError:
        raise ParameterError(
            f"EASE of {n_items:,} items needs {_gigabytes(n_items)} of memory, more than is available; use a smaller "
            "max_items."
        ) from None
    if error or inversion_error:
        raise ParameterError(f"l2={l2!r} is too small: the Gram matrix of the items is singular; use a larger value.")
    for start in range(0, n_items, _ROWS):
        stop = start + _ROWS
        square = inverse[start:stop, start:stop]
        square[:] = np.tril(square) + np.tril(square, -1).T
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
    weights = np.ascontiguousarray(inverse)
    with np.errstate(all="ignore"):
        weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0)
    if not np.isfinite(weights.sum()):
        raise ParameterError(f"l2={l2!r} is too large: the weights are not finite; use a smaller value.")
    return weights
