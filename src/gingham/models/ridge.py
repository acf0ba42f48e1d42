"""Ridge regression of many targets on sparse inputs: exact for frequent items, one input at a time for the others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import lapack

from gingham.arrays import Bools, Doubles, Floats, Indices
from gingham.errors import ParameterError
from gingham.models.basket_examples import Examples
from gingham.models.contributions import entries_of
from gingham.models.largest import largest
from gingham.models.moving import Places

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
        with _enough_memory(items):
            equations = Equations.of(examples, items, l2, n_neighbours, n_threads)
            return cls(items, equations.weights(), equations.others)

    @staticmethod
    def predictions(
        histories: sp.csr_matrix, examples: Examples, items: Indices, l2: float, n_neighbours: int, n_threads: int
    ) -> Floats:
        """Fit the weights for some histories only, and return what `predict` would, up to rounding.

        Parameters
        ----------
        histories : csr_matrix of float32, shape (m, n_items)
            The histories to score.
        examples, items, l2, n_neighbours, n_threads
            As for `fit`.
        """
        if histories.shape[0] > len(items) // 2:
            return Ridge.fit(examples, items, l2, n_neighbours, n_threads).predict(histories)
        with _enough_memory(items):
            equations = Equations.of(examples, items, l2, n_neighbours, n_threads)
            scores: Floats = (histories @ equations.others).toarray()
            scores[:, items] += equations.products(histories[:, items].toarray())
            return scores

    def moved(self, places: Places) -> "Ridge":
        """Return the weights for other items; new ones have none."""
        present = places.of_old[self.items] >= 0
        weights = self.weights if present.all() else np.ascontiguousarray(self.weights[np.ix_(present, present)])
        return Ridge(places.indices(self.items), weights, places.rows(places.columns(self.others)))

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


@dataclass(frozen=True, eq=False)
class Equations:
    """The normal equations of the exact items, ``(gram + penalty * I) weights = right``, and other weights.

    Solving them overwrites both matrices.

    Attributes
    ----------
    gram, right : float32 array, shape (n, n)
        The Gram matrix of the inputs, and the products of inputs (rows) and targets (columns).
    penalty : float
        The L2 penalty.
    others : csr_matrix of float32, shape (n_items, n_items)
        The weights of pairs with an item that is not exact.
    """

    gram: Floats
    right: Floats
    penalty: float
    others: sp.csr_matrix

    @classmethod
    def of(cls, examples: Examples, items: Indices, l2: float, n_neighbours: int, n_threads: int) -> "Equations":
        """Sum the products of the examples; the arguments are those of `Ridge.fit`."""
        n_items = examples.histories.shape[1]
        diagonal = examples.gram_diagonal()
        penalty = l2 * diagonal[items].mean() if len(items) else 0.0
        # A row per item: its place in histories, and in baskets.
        histories, baskets = examples.histories.T.tocsr(), examples.targets.T.tocsr()
        baskets.data[:] = 1
        factors, products = examples.gram_factors, _both(examples.targets, examples.gram_factors)
        half, right = (np.empty((len(items), len(items)), np.float32) for _ in range(2))
        is_exact = np.zeros(n_items, bool)
        is_exact[items] = True
        before = np.append(0, np.cumsum(is_exact))  # the number of exact items before each item

        def fill(block: slice) -> sp.csr_matrix:
            exact = is_exact[block]
            at, sums = slice(*before[[block.start, min(block.stop, n_items)]]), histories[block] @ products
            dense = _dense(sums, exact, is_exact)
            half[at] = dense.imag
            half[at] += 0.5 * _dense(baskets[block] @ factors, exact, is_exact)
            right[at] = dense.real
            return _others(sums, exact, is_exact, diagonal[block] + penalty, n_neighbours)

        size = max(_CELLS // max(n_items, 1), 1)
        with ThreadPoolExecutor(n_threads) as executor:
            others = list(executor.map(fill, (slice(at, at + size) for at in range(0, n_items, size))))
        half += half.T  # now the Gram matrix
        return cls(half.T, right, float(penalty), sp.vstack(others, "csr", np.float32) if others else histories)

    def weights(self) -> Floats:
        """Return the weights."""
        return np.ascontiguousarray(self._solved(np.asfortranarray(self.right)))

    def products(self, inputs: Floats) -> Floats:
        """Return inputs times weights; `inputs`, shape (m, n), are overwritten.

        This takes less time than computing the weights if m is less than half of n.
        """
        return np.asarray(self._solved(inputs.T).T @ self.right)

    def _solved(self, right: Floats) -> Floats:
        """Return ``(gram + penalty * I)^-1 right``."""
        if not len(self.gram) or not self.penalty:
            return np.zeros(right.shape, np.float32)  # no example; LAPACK refuses empty matrices
        self.gram[np.diag_indices_from(self.gram)] += np.float32(self.penalty)
        factor, error = lapack.spotrf(self.gram, lower=1, overwrite_a=1)
        solution: Any = None
        if not error:
            solution, error = lapack.spotrs(factor, right, lower=1, overwrite_b=1)
        if error or not np.isfinite(solution.sum()):
            raise ParameterError("l2 is too small: the Gram matrix of the items is singular; use a larger value.")
        return np.asarray(solution)


def _dense(sums: sp.csr_matrix, rows: Bools, columns: Bools) -> npt.NDArray[Any]:
    """Return the chosen rows and columns as a dense array."""
    if not columns.all():
        sums = sums[rows][:, columns]
    return np.asarray(sums.toarray())


def _both(real: sp.csr_matrix, imaginary: sp.csr_matrix) -> sp.csr_matrix:
    """Return two matrices with the same entries as a complex one, so that one product computes two."""
    data = np.empty(real.nnz, np.complex64)
    data.real, data.imag = real.data, imaginary.data
    return sp.csr_matrix((data, real.indices, real.indptr), real.shape)


def _others(products: sp.csr_matrix, exact: Bools, is_exact: Bools, scale: Doubles, n: int) -> sp.csr_matrix:
    """Return the largest weights of a block of items to items that have no exact weights with them."""
    if is_exact.all():
        return sp.csr_matrix(np.zeros(products.shape, bool), dtype=np.float32)
    products = products.real
    rows = np.repeat(np.arange(products.shape[0]), np.diff(products.indptr))
    products.data[exact[rows] & is_exact[products.indices]] = 0
    products.data /= np.where(scale > 0, scale, np.inf)[rows].astype(np.float32)
    products.eliminate_zeros()
    return largest(products, n)


@contextmanager
def _enough_memory(items: Indices) -> Iterator[None]:
    """Replace a `MemoryError` by a message with the parameter that decides how much is needed."""
    try:
        yield
    except MemoryError:
        raise ParameterError(
            f"A regression of {len(items):,} items needs {12e-9 * len(items) ** 2:.1f} GB of memory, more than is "
            "available; use a smaller max_items."
        ) from None
