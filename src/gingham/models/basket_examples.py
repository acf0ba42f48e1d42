"""The examples of a regression from histories to next baskets, and their sums of products."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Doubles, Longs
from gingham.models.neighbours import normalised
from gingham.models.steps import Steps, decayed

# The largest number of entries of all histories together, 8 bytes each, of which there are two copies.
_ENTRIES = 2**27


@dataclass(frozen=True, eq=False)
class Examples:
    """The baskets of all users with the histories before them, a row per basket.

    A history h is the decayed sum of the user's earlier baskets x. The input of an example is h / |h|, its target is x,
    and its weight is w. A user's first basket has no history and is not an example. The Gram matrix of the inputs is
    the sum of ``w / |h|^2 * h h'``. Histories are long, so the products of their items are many. But the next history
    is the last one plus the basket, decayed. So the sum over a user's examples equals the sum over their baskets of
    ``r * (x h' + h x' + x x')``, where r is the sum of ``w / |h|^2`` over later examples, decayed twice.

    Attributes
    ----------
    histories : csr_matrix of float32, shape (n, n_items)
        The decayed history before each basket.
    gram_factors : csr_matrix of float32, shape (n, n_items)
        Each basket times its r.
    targets : csr_matrix of float32, shape (n, n_items)
        Each basket times ``w / |h|``.
    """

    histories: sp.csr_matrix
    gram_factors: sp.csr_matrix
    targets: sp.csr_matrix

    @classmethod
    def of(cls, steps: Steps, decay: float, training_decay: float, n_items: int) -> "Examples":
        """Build the examples.

        If the histories could have more than about 134 million entries, the oldest baskets are left out.

        Parameters
        ----------
        steps : Steps
            The baskets.
        decay : float
            The weight of a basket in the history relative to the next day or, without days, to the next basket.
        training_decay : float
            The weight of an example relative to one of the next day; has no effect without days.
        n_items : int
            The number of items.
        """
        steps = _newest(steps)
        starts = steps.starts()
        bounds = np.append(starts, len(steps.item))
        baskets = sp.csr_matrix((np.ones(len(steps.item), np.float32), steps.item, bounds), (len(starts), n_items))
        when = (steps.step if steps.day is None else steps.day)[starts]
        decays = _decays(when, _numbers(steps.user[starts]), decay)
        histories = (decays @ baskets).tocsr()
        histories.sort_indices()
        rows = np.repeat(np.arange(len(starts)), np.diff(histories.indptr))
        squares = np.bincount(rows, histories.data.astype(np.float64) ** 2, len(starts))
        age = when.max(initial=0) - when if steps.day is not None else np.zeros(len(starts))
        weights = decayed(training_decay, age) * (squares > 0)
        decays.data **= 2
        later = decays.T @ (weights / np.where(squares > 0, squares, 1))
        return cls(
            histories, _scaled(baskets, later), _scaled(baskets, weights / np.sqrt(np.where(squares > 0, squares, 1)))
        )

    def gram_diagonal(self) -> Doubles:
        """Return the diagonal of the Gram matrix of the inputs, shape (n_items,)."""
        products = self.histories.multiply(self.gram_factors).sum(axis=0, dtype=np.float64)
        return np.asarray(2 * products + self.gram_factors.sum(axis=0, dtype=np.float64)).ravel()


def _newest(steps: Steps) -> Steps:
    """Leave out the oldest baskets where the histories could have more entries than `_ENTRIES`."""
    starts = steps.starts()
    sizes = np.diff(np.append(starts, len(steps.item)))
    first = np.flatnonzero(steps.step[starts] == 0)
    before = np.cumsum(sizes) - sizes
    # A history has at most the entries of all earlier baskets.
    entries = before - np.repeat(before[first], np.diff(np.append(first, len(starts))))
    if entries.sum() <= _ENTRIES:
        return steps
    recent = np.argsort((steps.back() if steps.day is None else -steps.day)[starts], kind="stable")
    chosen = np.zeros(len(starts), bool)
    chosen[recent[np.cumsum(entries[recent]) <= _ENTRIES]] = True
    return steps.take(np.repeat(chosen, sizes))


def _numbers(user: npt.NDArray[np.int32]) -> Longs:
    """Return for each basket how many earlier ones its user has; baskets are sorted by user."""
    first = np.flatnonzero(np.diff(user, prepend=-1))
    return np.arange(len(user)) - np.repeat(first, np.diff(np.append(first, len(user))))


def _decays(when: Longs, number: Longs, decay: float) -> sp.csr_matrix:
    """Return the weight of each earlier basket of the same user (column) in the history before each basket (row)."""
    row = np.repeat(np.arange(len(when)), number)
    bounds = np.append(0, np.cumsum(number))
    column = row - np.repeat(bounds[1:], number) + np.arange(len(row))
    return sp.csr_matrix((decayed(decay, when[row] - when[column]), column, bounds), (len(when), len(when)))


def _scaled(baskets: sp.csr_matrix, factors: Doubles) -> sp.csr_matrix:
    """Multiply each row by a factor."""
    data = np.repeat(factors, np.diff(baskets.indptr)).astype(np.float32)
    return sp.csr_matrix((data, baskets.indices, baskets.indptr), baskets.shape)


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Return a matrix with sorted columns and rows of unit L2 norm."""
    matrix.sum_duplicates()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    matrix.data = normalised(matrix.data, rows, matrix.shape[0])
    return matrix
