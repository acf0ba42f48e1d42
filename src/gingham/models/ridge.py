"""Ridge regression of many targets on sparse inputs: exact for frequent items, one input at a time for the others."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

from gingham.arrays import Bools, Doubles, Floats, Indices
from gingham.errors import ParameterError
from gingham.models.basket_examples import Examples
from gingham.models.contributions import entries_of
from gingham.models.largest import largest

# The number of dense cells of a block of items.
_CELLS = 2**22


@dataclass(frozen=True, eq=False)
class Ridge:
    """The weights from items (rows) to items (columns).

    Attributes
    ----------
    items : int32 array, shape (n,)
        The items with exact weights, ascending.
    weights : float32 array, shape (n, n)
        Their weights.
    others : csr_matrix of float32, shape (n_items, n_items)
        The weights of all other pairs.
    """

    items: Indices
    weights: Floats
    others: sp.csr_matrix

    @classmethod
    def fit(cls, examples: Examples, items: Indices, l2: float, n_neighbours: int, n_threads: int) -> "Ridge":
        """Fit the weights.

        Parameters
        ----------
        examples : Examples
            Inputs, targets and weights.
        items : int32 array, shape (n,)
            The items with exact weights, ascending.
        l2 : float
            The penalty as a multiple of the mean diagonal of these items' Gram matrix.
        n_neighbours : int
            The largest number of weights of an item in `others`.
        n_threads : int
            The number of threads that multiply; they do not change the result.

        Raises
        ------
        ParameterError
            If the weights need more memory than is available.
        """
        try:
            return _fit(examples, items, l2, n_neighbours, n_threads)
        except MemoryError:
            raise ParameterError(
                f"A regression of {len(items):,} items needs {12e-9 * len(items) ** 2:.1f} GB of memory, more than is "
                "available; use a smaller max_items."
            ) from None

    def predict(self, histories: sp.csr_matrix) -> Floats:
        """Score all items for histories, in a new array."""
        scores: Floats = (histories @ self.others).toarray()
        scores[:, self.items] += np.asarray(histories[:, self.items] @ self.weights, np.float32)
        return scores

    def weights_between(self, sources: Indices, targets: Indices) -> Doubles:
        """Return the weight of an item of a history in the score of an item, for two arrays of length n."""
        weights = entries_of(self.others, sources, targets)
        place = np.full(self.others.shape[0], -1)
        place[self.items] = np.arange(len(self.items))
        row, column = place[sources], place[targets]
        exact = (row >= 0) & (column >= 0)
        weights[exact] += self.weights[row[exact], column[exact]]
        return weights


def _fit(examples: Examples, items: Indices, l2: float, n_neighbours: int, n_threads: int) -> Ridge:
    n_items = examples.histories.shape[1]
    diagonal = examples.gram_diagonal()
    penalty = l2 * diagonal[items].mean() if len(items) else 0.0
    # A row per item: its place in histories, and in baskets.
    histories, baskets = examples.histories.T.tocsr(), examples.targets.T.tocsr()
    baskets.data[:] = 1
    factors = examples.gram_factors[:, items]
    half, right = (np.empty((len(items), len(items)), np.float32, "F") for _ in range(2))
    is_exact = np.zeros(n_items, bool)
    is_exact[items] = True
    place = np.cumsum(is_exact) - 1

    def fill(block: slice) -> sp.csr_matrix:
        exact = is_exact[block]
        at, products = place[block][exact], histories[block] @ examples.targets
        half[at] = (histories[block][exact] @ factors + 0.5 * (baskets[block][exact] @ factors)).toarray()
        right[at] = products[exact][:, items].toarray()
        return _others(products, exact, is_exact, diagonal[block] + penalty, n_neighbours)

    size = max(_CELLS // max(n_items, 1), 1)
    with ThreadPoolExecutor(n_threads) as executor:
        others = list(executor.map(fill, (slice(at, at + size) for at in range(0, n_items, size))))
    half += half.T  # now the Gram matrix
    return Ridge(items, _solved(half, right, penalty), sp.vstack(others, "csr", np.float32) if others else histories)


def _others(products: sp.csr_matrix, exact: Bools, is_exact: Bools, scale: Doubles, n: int) -> sp.csr_matrix:
    """Return the largest weights of a block of items to items that have no exact weights with them."""
    rows = np.repeat(np.arange(products.shape[0]), np.diff(products.indptr))
    products.data[exact[rows] & is_exact[products.indices]] = 0
    products.data /= np.where(scale > 0, scale, np.inf)[rows].astype(np.float32)
    products.eliminate_zeros()
    return largest(products, n)


def _solved(gram: Floats, right: Floats, penalty: float) -> Floats:
    """Return ``(gram + penalty * I)^-1 right``; both arrays are overwritten."""
    if not len(gram) or not penalty:
        return np.zeros(gram.shape, np.float32)  # no example; LAPACK refuses empty matrices
    gram[np.diag_indices_from(gram)] += np.float32(penalty)
    factor, error = lapack.spotrf(gram, lower=1, overwrite_a=1)
    solution: Any = None
    if not error:
        solution, error = lapack.spotrs(factor, right, lower=1, overwrite_b=1)
    if error or not np.isfinite(solution.sum()):
        raise ParameterError("l2 is too small: the Gram matrix of the items is singular; use a larger value.")
    return np.ascontiguousarray(solution)
