"""The largest values of each row of a sparse matrix."""

import numpy as np
import scipy.sparse as sp


def largest(matrix: sp.csr_matrix, n: int) -> sp.csr_matrix:
    """Return the `n` largest values above zero of each row, as float32 with columns ascending.

    Examples
    --------
    >>> largest(sp.csr_matrix([[3.0, 0.0, 5.0, 4.0], [0.0, -1.0, 2.0, 0.0]]), 2).toarray()
    array([[0., 0., 5., 4.],
           [0., 0., 2., 0.]], dtype=float32)
    """
    chosen = matrix.data > 0
    for row in np.flatnonzero(np.diff(matrix.indptr) > n):
        start, stop = matrix.indptr[row : row + 2]
        others = np.argpartition(matrix.data[start:stop], -n)[:-n]
        chosen[start + others] = False
    indptr = np.append(0, np.cumsum(chosen))[matrix.indptr]
    data, indices = matrix.data[chosen].astype(np.float32), matrix.indices[chosen].astype(np.int32)
    rows = sp.csr_matrix((data, indices, indptr), shape=matrix.shape)
    rows.sort_indices()
    return rows
