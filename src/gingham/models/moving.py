"""Arrays by user or item, with their entries at other indices."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Indices
from gingham.dataset import Ids

ArrayT = TypeVar("ArrayT", bound=npt.NDArray[Any])


@dataclass(frozen=True, eq=False)
class Places:
    """Where the users or items of earlier data are in later ones.

    Attributes
    ----------
    of_old : int32 array, shape (n_old,)
        The new index of each; -1 if it is not there any more. New indices are in the order of the old ones.
    size : int
        The new number of users or items.

    Examples
    --------
    >>> import numpy as np
    >>> places = Places(np.array([0, -1, 2], np.int32), 4)
    >>> places.array(np.array([5, 6, 7]), fill=0)
    array([5, 0, 7, 0])
    """

    of_old: Indices
    size: int

    @classmethod
    def of(cls, before: Ids, after: Ids) -> "Places":
        """Find the ids of earlier data among those of later data."""
        return cls(after.places_of(before), len(after))

    @property
    def unchanged(self) -> bool:
        """Whether there are neither new nor missing ones."""
        return len(self.of_old) == self.size and bool((self.of_old >= 0).all())

    def array(self, values: ArrayT, fill: Any) -> ArrayT:
        """Return the values of an array, shape (n_old, ...), at their new places, and `fill` for new entries."""
        moved: Any = np.full((self.size, *values.shape[1:]), fill, values.dtype)
        present = self.of_old >= 0
        moved[self.of_old[present]] = values[present]
        result: ArrayT = moved
        return result

    def indices(self, old: Indices) -> Indices:
        """Return the new indices of some old ones, without those that are missing."""
        new = self.of_old[old]
        return new[new >= 0]

    def columns(self, matrix: sp.csr_matrix) -> sp.csr_matrix:
        """Return a sparse matrix, shape (n, n_old), with its columns at their new places."""
        if self.unchanged:
            return matrix
        if (self.of_old >= 0).all():
            return sp.csr_matrix(
                (matrix.data, self.of_old[matrix.indices], matrix.indptr), (matrix.shape[0], self.size)
            )
        entries = matrix.tocoo()
        new = self.of_old[entries.col]
        present = new >= 0
        moved = sp.csr_matrix(
            (entries.data[present], (entries.row[present], new[present])), (matrix.shape[0], self.size)
        )
        moved.sort_indices()
        return moved

    def rows(self, matrix: sp.csr_matrix) -> sp.csr_matrix:
        """Return a sparse matrix, shape (n_old, n), with its rows at their new places; new ones are empty."""
        if self.unchanged:
            return matrix
        present = np.flatnonzero(self.of_old >= 0)
        sizes = np.zeros(self.size + 1, np.int64)
        sizes[self.of_old[present] + 1] = np.diff(matrix.indptr)[present]
        chosen = matrix if len(present) == matrix.shape[0] else matrix[present]
        return sp.csr_matrix((chosen.data, chosen.indices, np.cumsum(sizes)), (self.size, matrix.shape[1]))
