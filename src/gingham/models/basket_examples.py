"""The examples of a regression from histories to next baskets."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Longs
from gingham.models.neighbours import normalised
from gingham.models.steps import Steps, decayed

# The largest number of entries of all inputs together, 8 bytes each: about a gigabyte.
_ENTRIES = 2**27


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs and targets, a row per example.

    Attributes
    ----------
    inputs : csr_matrix of float32, shape (n, n_items)
        The decayed history before a basket, scaled to unit L2 norm.
    targets : csr_matrix of float32, shape (n, n_items)
        Ones for the items of the basket, times the weight of the example.
    weights : float32 array, shape (n,)
        The weight of each example.
    """

    inputs: sp.csr_matrix
    targets: sp.csr_matrix
    weights: Floats

    @classmethod
    def of(cls, steps: Steps, decay: float, training_decay: float, n_items: int) -> "Examples":
        """Build an example of each basket except a user's first.

        If the inputs would have more than about 134 million entries, the oldest baskets are left out.

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
        starts = steps.starts()
        user, when = steps.user[starts], (steps.step if steps.day is None else steps.day)[starts]
        bounds = np.append(starts, len(steps.item))
        baskets = sp.csr_matrix((np.ones(len(steps.item), np.float32), steps.item, bounds), (len(starts), n_items))
        chosen = _chosen(steps.step[starts], when, np.diff(bounds), steps.day is not None)
        inputs = unit_rows(_decays(user, when, steps.step[starts], chosen, decay) @ baskets)
        age = when.max(initial=0) - when[chosen] if steps.day is not None else np.zeros(len(chosen))
        weights = decayed(training_decay, age)
        targets = baskets[chosen]
        targets.data *= np.repeat(weights, np.diff(targets.indptr))
        return cls(inputs, targets, weights)


def _chosen(step: Longs, when: Longs, sizes: Longs, in_days: bool) -> Longs:
    """Return the baskets that are examples, ascending."""
    chosen = np.flatnonzero(step)
    # An input has at most the entries of all earlier baskets.
    before = np.cumsum(sizes) - sizes
    starts = np.flatnonzero(step == 0)
    entries = (before - np.repeat(before[starts], np.diff(np.append(starts, len(step)))))[chosen]
    if entries.sum() <= _ENTRIES:
        return chosen
    newest = np.argsort(-(when if in_days else step)[chosen], kind="stable")
    recent = newest[np.cumsum(entries[newest]) <= _ENTRIES]
    return np.sort(chosen[recent])


def _decays(user: npt.NDArray[np.int32], when: Longs, step: Longs, chosen: Longs, decay: float) -> sp.csr_matrix:
    """Return the weight of each earlier basket of the same user (column) in the input of each chosen one (row)."""
    sizes = step[chosen]  # as many baskets as are earlier
    row = np.repeat(chosen, sizes)
    column = row - np.repeat(np.cumsum(sizes), sizes) + np.arange(len(row))
    weights = decayed(decay, when[row] - when[column])
    return sp.csr_matrix((weights, column, np.append(0, np.cumsum(sizes))), (len(chosen), len(user)))


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Return a matrix with sorted columns and rows of unit L2 norm."""
    matrix.sum_duplicates()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    matrix.data = normalised(matrix.data, rows, matrix.shape[0])
    return matrix
