"""Array types shared by every module, and the form in which the native kernel takes sparse matrices."""

import copy
from typing import Any, Literal, TypeAlias

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
_INT32_MAX = 2**31 - 1


def aligned(rows: int, columns: int) -> Floats:
    """Allocate an uninitialised float32 array whose first element starts a large page.

    Parameters
    ----------
    rows, columns : int
        The shape.

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


def csr_rows(matrix: sp.csr_matrix, rows: Indices) -> Csr:
    """Return (indptr, indices, data) of some rows of a float32 matrix, without the checks of SciPy's indexing."""
    starts = matrix.indptr[rows].astype(np.int64)
    sizes = matrix.indptr[rows + 1] - starts
    indptr = np.append(0, np.cumsum(sizes))
    entries = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], sizes)
    return indptr, matrix.indices[entries].astype(np.int32, copy=False), matrix.data[entries]


def positive_entries(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Return the entries of a matrix that are above zero; the matrix itself if all of them are."""
    if not matrix.nnz or matrix.data.min() > 0:
        return matrix
    chosen = matrix.data > 0
    before = np.concatenate([[0], np.cumsum(chosen, dtype=np.int64)])
    indptr = before[matrix.indptr].astype(matrix.indptr.dtype)
    return sp.csr_matrix((matrix.data[chosen], matrix.indices[chosen], indptr), shape=matrix.shape)


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
        If `data` is not a valid sparse matrix, has another shape or holds a value that is not finite.
    """
    matrix = valid(data, name, shape)
    with np.errstate(over="ignore"):  # a value too large for float32 becomes infinite and is refused below
        matrix = sp.csr_matrix(matrix, dtype=np.float32, copy=True)
    # As new, because the caller's matrix may remember an order that its indices had earlier.
    matrix = sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
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


def valid(data: Any, name: str, shape: tuple[int, int] | None = None) -> Any:
    """Check that a sparse matrix of any format is one: SciPy and the kernel trust its indices.

    Parameters
    ----------
    data, name, shape
        As for `canonical`.

    Returns
    -------
    sparse matrix
        The same matrix, or if its indices cannot be checked as they are, the matrix in CSR format.

    Raises
    ------
    DataError
        If `data` is not a valid sparse matrix of numbers, or has another shape.

    Examples
    --------
    >>> matrix = sp.csr_matrix(np.eye(2))
    >>> matrix.indices[0] = 7
    >>> valid(matrix, "interactions")
    Traceback (most recent call last):
        ...
    gingham.errors.DataError: interactions is not a valid csr matrix: indices must be < 2; build it anew.
    """
    check_matrix(name, data)
    if data.ndim != 2 or (shape is not None and data.shape != shape):
        expected = "two dimensions" if shape is None else f"shape {shape}"
        raise DataError(f"{name} has shape {data.shape}; pass a matrix of {expected}.")
    if max(data.shape) > _INT32_MAX:
        raise DataError(f"{name} has shape {data.shape}; use at most {_INT32_MAX:,} rows and columns.")
    if data.dtype.kind not in "biuf":
        raise DataError(f"{name} holds values of type {data.dtype}; pass real numbers.")
    try:
        if data.format == "coo":
            sp.coo_matrix((data.data, (data.row, data.col)), shape=data.shape)  # which checks the indices
            return data
        if data.format not in ("csr", "csc", "bsr"):
            data = data.tocsr()
        # Of a copy that shares the arrays, because the check may shorten them.
        copy.copy(data).check_format(full_check=True)
    except (ValueError, TypeError, IndexError) as error:
        reason = str(error).rstrip(".")
        raise DataError(f"{name} is not a valid {data.format} matrix: {reason}; build it anew.") from error
    return data


def check_matrix(name: str, data: Any) -> None:
    """Check that data are a sparse matrix; the message also names the datasets that most functions accept.

    Raises
    ------
    DataError
        If they are not.
    """
    if not sp.issparse(data):
        dataset = " or a Dataset, such as gg.Dataset.from_tables(gg.Tables(transactions))"
        remedy = "a SciPy sparse matrix" + ("" if name.endswith(("features", "weight")) else dataset)
        raise DataError(f"{name} is a {type(data).__name__}; pass {remedy}.")


def array_of(values: Any, name: str, what: Literal["integers", "numbers", "times"]) -> npt.NDArray[Any]:
    """Convert values to an array of one dimension, which is not copied if it has the right type already.

    Parameters
    ----------
    values : array-like
    name : str
        The name of the argument, for error messages.
    what : {"integers", "numbers", "times"}
        Whether the array has integers of any size, float32 or datetime64[us].

    Raises
    ------
    DataError
        If the values cannot be converted.

    Examples
    --------
    >>> array_of([1.5], "user_index", "integers")
    Traceback (most recent call last):
        ...
    gingham.errors.DataError: user_index is a 1-dimensional array of float64; pass one dimension of integers.
    """
    kinds, dtype = {
        "integers": ("iu", None),
        "numbers": ("biufO", np.float32),
        "times": ("MOUiu", "datetime64[us]"),
    }[what]
    try:
        array = np.asarray(values)
        if array.ndim != 1 or (array.size and array.dtype.kind not in kinds):
            raise DataError(
                f"{name} is a {array.ndim}-dimensional array of {array.dtype}; pass one dimension of {what}."
            )
        with np.errstate(over="ignore"):  # a number too large for float32 becomes infinite
            return array if dtype is None else np.asarray(array, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{name} is not an array of {what}: {str(error).rstrip('.')}; pass one entry per row."
        ) from error


def require_indices(name: str, index: npt.NDArray[Any], size: int) -> None:
    """Check that an array holds numbers from 0 to `size` - 1.

    Raises
    ------
    DataError
        If one is outside.
    """
    if index.size and (index.min() < 0 or index.max() >= size):
        wrong = index.min() if index.min() < 0 else index.max()
        raise DataError(f"{name} holds {wrong}, which is outside 0 to {size - 1}; check the shape of the matrix.")
