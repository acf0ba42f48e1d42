"""The caller's matrices, as the engine takes them; the caller's stay as they are."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Matrix, canonical
from gingham.errors import DataError
from gingham.models.training_pairs import Observations


def as_coo(data: Any, name: str) -> sp.coo_matrix:
    """Take any sparse matrix entry by entry, duplicates as they come.

    Raises
    ------
    DataError
        If it is none.
    """
    is_sparse: bool = sp.issparse(data)  # a bool, so that mypy does not narrow `data` to less than it is
    if not is_sparse:
        raise DataError(f"{name} is a {type(data).__name__}; give a SciPy sparse matrix.")
    return sp.coo_matrix(data)


def entries(coo: sp.coo_matrix, sample_weight: Any) -> Observations:
    """Take interactions one by one, duplicates as they come, each with its weight.

    Raises
    ------
    DataError
        If the weights are no COO matrix with entries at the very places of the interactions, in the same order.
    """
    values = coo.data.astype(np.float32, copy=False)
    if sample_weight is None:
        return Observations(coo.row, coo.col, values, None)
    if getattr(sample_weight, "format", None) != "coo":
        raise DataError(f"sample_weight is a {type(sample_weight).__name__}; give a COO matrix.")
    same = (
        sample_weight.shape == coo.shape
        and np.array_equal(sample_weight.row, coo.row)
        and np.array_equal(sample_weight.col, coo.col)
    )
    if not same:
        raise DataError(
            f"sample_weight has shape {sample_weight.shape} and {sample_weight.nnz:,} entries, the interactions have "
            f"shape {coo.shape} and {coo.nnz:,}; give one for each interaction, in the same order."
        )
    weights = sample_weight.data.astype(np.float32, copy=False)
    if not np.isfinite(weights).all():
        raise DataError("sample_weight holds a value that is not finite; leave out what is not known.")
    return Observations(coo.row, coo.col, values, weights)


def positive_weights(given: Observations, matrix: sp.csr_matrix) -> Floats | None:
    """Give the mean weight of the entries behind each entry of the matrix that sums them up."""
    if given.weights is None:
        return None
    places = given.users, given.items
    total, count = (
        canonical(sp.coo_matrix((values, places), shape=matrix.shape), "sample_weight").data
        for values in (given.weights, np.ones(len(given.weights), np.float32))
    )
    return np.asarray(total / count)


def feature_rows(features: Matrix | None, name: str, n_rows: int) -> sp.csr_matrix | None:
    """Take the features of the first `n_rows` users or items; None stays None.

    Raises
    ------
    DataError
        If there are fewer rows, or a value that is not finite.
    """
    if features is None:
        return None
    matrix = canonical(features, name)
    if matrix.shape[0] < n_rows:
        raise DataError(
            f"{name} has {matrix.shape[0]:,} rows for {n_rows:,} {name.partition('_')[0]}s; give a row each."
        )
    return matrix[:n_rows]


def index(ids: Any, name: str) -> Indices:
    """Take row numbers of any integer type, or floats that are whole; a single one for a list of one.

    Raises
    ------
    DataError
        If one is negative, too large or no whole number, or they are no list of numbers.
    """
    array = np.atleast_1d(np.asarray(ids))
    if array.dtype == np.int32 and array.ndim == 1:
        whole: npt.NDArray[Any] = array
    elif array.ndim != 1 or not (array.size == 0 or array.dtype.kind in "iuf"):
        raise DataError(f"{name} is {array.ndim}-dimensional of type {array.dtype}; give a list of row numbers.")
    else:
        with np.errstate(invalid="ignore"):
            whole = array.astype(np.int32)
        wrong = whole != array
        if wrong.any():
            largest = np.iinfo(np.int32).max
            raise DataError(f"{name} holds {array[wrong][0]}; give row numbers from 0 to {largest:,}.")
    if whole.size and whole.min() < 0:
        raise DataError(f"{name} holds {whole.min()}; give row numbers from 0 on.")
    return whole
