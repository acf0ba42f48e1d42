"""The largest values of each row of a dense array, as a sparse matrix."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp


def largest(rows: npt.NDArray[np.floating[Any]], n: int) -> sp.csr_matrix:
    """Return the `n` largest values above zero of each row, as float32 with columns ascending."""
    chosen = rows > 0
    if n < rows.shape[1]:
        crowded = np.flatnonzero(chosen.sum(axis=1) > n)
        top = np.argpartition(rows[crowded], -n, axis=1)[:, -n:]
        chosen[crowded] = False
        chosen[crowded[:, None], top] = True
    row, column = np.nonzero(chosen)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(rows)))])
    return sp.csr_matrix((rows[row, column].astype(np.float32), column.astype(np.int32), indptr), shape=rows.shape)
