"""Convert the caller's matrices to the form that the engine needs, without changing them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Matrix, canonical, valid
from gingham.errors import DataError
from gingham.models.training_pairs import Observations


def as_coo(data: Any, name: str) -> sp.coo_matrix:
    """Convert a sparse matrix of any format to COO; duplicate entries of a COO matrix are kept.

    Raises
    ------
    DataError
        If `data` is not a valid sparse matrix.
    """
    return sp.coo_matrix(valid(data, name))


def observations(coo: sp.coo_matrix, sample_weight: Any) -> Observations:
    """Return the interactions with their weights; duplicate entries are kept.

    Raises
    ------
    DataError
        If `sample_weight` is not a COO matrix with the same entries as the interactions, in the same order, or a weight
        is not finite.
    """
    values = coo.data.astype(np.float32, copy=False)
    if sample_weight is None:
        return Observations(coo.row, coo.col, values, None)
    if getattr(sample_weight, "format", None) != "coo":
        raise DataError(f"sample_weight is a {type(sample_weight).__name__}; pass a COO matrix.")
    same = (
        sample_weight.shape == coo.shape
        and np.array_equal(sample_weight.row, coo.row)
        and np.array_equal(sample_weight.col, coo.col)
    )
    if not same:
        raise DataError(
            f"sample_weight has shape {sample_weight.shape} and {sample_weight.nnz:,} entries, which do not match the "
            f"interactions of shape {coo.shape} with {coo.nnz:,}; pass one weight per interaction, in the same order."
        )
    weights = sample_weight.data.astype(np.float32, copy=False)
    if not np.isfinite(weights).all():
        raise DataError("sample_weight holds a value that is not finite; pass finite weights.")
    return Observations(coo.row, coo.col, values, weights)


def positive_weights(pairs: Observations, matrix: sp.csr_matrix) -> Floats | None:
    """Return the mean weight of the observations of each entry of `matrix`; None without weights."""
    if pairs.weights is None:
        return None
    positions = pairs.users, pairs.items
    total, count = (
        canonical(sp.coo_matrix((values, positions), shape=matrix.shape), "sample_weight").data
        for values in (pairs.weights, np.ones(len(pairs.weights), np.float32))
    )
    return np.asarray(total / count)


def feature_rows(features: Matrix | None, name: str, n_rows: int) -> sp.csr_matrix | None:
    """Return the features of the first `n_rows` users or items; None if there are no features.

    Raises
    ------
    DataError
        If there are fewer rows or a value is not finite.
    """
    if features is None:
        return None
    matrix = canonical(features, name)
    if matrix.shape[0] < n_rows:
        raise DataError(
            f"{name} has {matrix.shape[0]:,} rows for {n_rows:,} {name.partition('_')[0]}s; pass one row per "
            f"{name.partition('_')[0]}."
        )
    return matrix[:n_rows]


def index(ids: Any, name: str) -> Indices:
    """Convert row numbers of any numeric type to int32; a single number becomes an array of length 1.

    Raises
    ------
    DataError
        If `ids` is not a list of numbers, or a number is negative, too large or not an integer.
    """
    array = np.atleast_1d(np.asarray(ids))
    if array.dtype == np.int32 and array.ndim == 1:
        integers: npt.NDArray[Any] = array
    elif array.ndim != 1 or not (array.size == 0 or array.dtype.kind in "iuf"):
        raise DataError(f"{name} is {array.ndim}-dimensional with dtype {array.dtype}; pass a list of row numbers.")
    else:
        with np.errstate(invalid="ignore"):
            integers = array.astype(np.int32)
        wrong = integers != array
        if wrong.any():
            largest = np.iinfo(np.int32).max
            raise DataError(f"{name} holds {array[wrong][0]}; pass row numbers from 0 to {largest:,}.")
    if integers.size and integers.min() < 0:
        raise DataError(f"{name} holds {integers.min()}; pass row numbers from 0.")
    return integers
