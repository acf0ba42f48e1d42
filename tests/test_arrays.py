import numpy as np
import scipy.sparse as sp

from gingham.arrays import pattern


def test_pattern_returns_some_rows() -> None:
    matrix = sp.csr_matrix(np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]]))
    for copy in (
        matrix,
        sp.csr_matrix((matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64))),
    ):
        for start, stop, rows in ((0, None, matrix), (2, 4, matrix[2:4]), (1, 2, matrix[1:2]), (3, 3, matrix[3:3])):
            indptr, indices = pattern(copy, start, stop)
            assert (indptr.dtype, indices.dtype) == (np.int64, np.int32)
            assert indptr.tolist() == rows.indptr.tolist()
            assert indices.tolist() == rows.indices.tolist()
