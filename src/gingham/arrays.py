"""Array types shared by every module, and the form in which the native kernel takes sparse matrices."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.errors import DataError

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
# Sparse rows as the kernel takes them: offsets from zero and columns; `Csr` adds the values.
Pattern: TypeAlias = tuple[Longs, Indices]
Csr: TypeAlias = tuple[Longs, Indices, Floats]
Matrix: TypeAlias = sp.spmatrix | sp.sparray

# Linux backs memory with this alignment by its large pages. Training reads rows in random order, and with small pages
# spends much of its time on page table lookups.
_ALIGNMENT = 2 << 20


def aligned(rows: int, columns: int) -> Floats:
    """Allocate an uninitialised float32 array whose first element starts a large page.

    Parameters
    ----------
    rows, columns : int
        The shape. With a multiple of 16 columns, every row starts a cache line.

    Returns
    -------
    float32 array, shape (rows, columns)
    """
    n_bytes = rows * columns * 4
    buffer = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + n_bytes].view(np.float32).reshape(rows, columns)


def pattern(matrix: sp.csr_matrix, start: int = 0, stop: int | None = None) -> Pattern:
    """Return (indptr, indices) of some rows as the kernel takes them.

    Parameters
    ----------
    matrix : csr_matrix
    start, stop : int
        The first row and the one after the last; all rows by default.

    Returns
    -------
    indptr : int64 array, shape (n_rows + 1,)
        Offsets from zero.
    indices : int32 array
        Columns.
    """
    indptr = matrix.indptr[start : None if stop is None else stop + 1].astype(np.int64)
    indices = matrix.indices[indptr[0] : indptr[-1]].astype(np.int32, copy=False)
    return indptr - indptr[0], indices


def csr(matrix: sp.csr_matrix) -> Csr:
    """Return (indptr, indices, data) of a float32 matrix as the kernel takes them."""
    return *pattern(matrix), matrix.data


def canonical(data: Any, name: str, shape: tuple[int, int] | None = None) -> sp.csr_matrix:
    """Copy a sparse matrix of any format as float32 CSR with sorted columns and duplicates summed.

    Explicit zeros are kept. The input is not changed.

    Parameters
    ----------
    data : sparse matrix
    name : str
        The name of the argument, for error messages.
    shape : tuple of int, optional
        The shape that the matrix must have; any shape by default.

    Raises
    ------
    DataError
        If `data` is not a sparse matrix, has another shape or holds a value that is not finite.
    """
    is_sparse: bool = sp.issparse(data)  # a bool, because mypy would otherwise narrow `data` too far
    if not is_sparse:
        raise DataError(f"{name} is a {type(data).__name__}; pass a Dataset or a SciPy sparse matrix.")
    if data.ndim != 2 or (shape is not None and data.shape != shape):
        expected = "two dimensions" if shape is None else f"shape {shape}"
        raise DataError(f"{name} has shape {data.shape}; pass a matrix of {expected}.")
    with np.errstate(over="ignore"):  # a value too large for float32 becomes infinite and is refused below
        matrix: sp.csr_matrix = sp.csr_matrix(data, dtype=np.float32, copy=True)
    matrix.sum_duplicates()
    finite = np.isfinite(matrix.data)
    if not finite.all():
        entry = int(np.flatnonzero(~finite)[0])
        row = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
        raise DataError(
            f"{name} holds {matrix.data[entry]} in row {row}, column {matrix.indices[entry]}; pass finite values, and "
            "leave out unknown ones."
        )
    return matrix
