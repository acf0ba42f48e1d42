"""Convert the caller's matrices to the form that the engine needs, without changing them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Matrix, canonical, valid
from gingham.errors import DataError
from gingham.models.training_pairs import Observations
from gingham.validation import shown


def as_coo(data: Any, name: str) -> sp.coo_matrix:
    """Convert a sparse matrix of any format to COO; duplicate entries of a COO matrix are kept.

    Raises
    ------
    DataError
        If `data` is not a valid sparse matrix.
    """
    _require_sparse(data, name)
    return sp.coo_matrix(valid(data, name))


def as_csr(data: Any, name: str, shape: tuple[int, int] | None = None) -> sp.csr_matrix:
    """Convert a sparse matrix of any format to float32 CSR as `gingham.arrays.canonical` does, with the same errors."""
    _require_sparse(data, name)
    return canonical(data, name, shape)


def _require_sparse(data: Any, name: str) -> None:
    if sp.issparse(data):
        return
    remedy = f"that of Dataset.build_{name if name.endswith('features') else 'interactions'}, or coo_matrix({name})"
    if name == "sample_weight":
        remedy = "the second one of Dataset.build_interactions"
    raise DataError(f"{name} is a {type(data).__name__}; pass a sparse matrix: {remedy}.")


def observations(coo: sp.coo_matrix, sample_weight: Any) -> Observations:
    """Return the interactions with their weights; duplicate entries are kept.

    Raises
    ------
    DataError
        If `sample_weight` is not a sparse matrix with the same entries as the interactions, in the same order, or a
        weight is not finite.
    """
    values = _floats(coo)
    if sample_weight is None:
        return Observations(coo.row, coo.col, values, None)
    sample_weight = as_coo(sample_weight, "sample_weight")
    same = (
        sample_weight.shape == coo.shape
        and np.array_equal(sample_weight.row, coo.row)
        and np.array_equal(sample_weight.col, coo.col)
    )
    if not same:
        raise DataError(
            f"sample_weight has shape {sample_weight.shape} and {sample_weight.nnz:,} entries, which do not match the "
            f"interactions of shape {coo.shape} with {coo.nnz:,}; pass one weight per interaction, in the same order, "
            "and split weights as the interactions are split."
        )
    weights = _floats(sample_weight)
    wrong = np.flatnonzero(~np.isfinite(weights))
    if len(wrong):
        first = wrong[0]
        raise DataError(
            f"sample_weight holds {sample_weight.data[first]} in row {coo.row[first]}, column {coo.col[first]}; pass "
            "finite weights."
        )
    return Observations(coo.row, coo.col, values, weights)


def _floats(matrix: sp.coo_matrix) -> Floats:
    with np.errstate(over="ignore"):  # a value too large for float32 becomes infinite, which is refused later
        return np.asarray(matrix.data, np.float32)


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
    matrix = as_csr(features, name)
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
    try:
        array = np.atleast_1d(np.asarray(ids))
        if array.dtype.kind == "O":  # perhaps integers, as the columns of some frames have them
            array = np.asarray(array.tolist())
    except ValueError as error:
        raise DataError(f"{name} holds lists of different lengths; pass a list of row numbers.") from error
    if array.dtype.kind in "USO" and array.size:
        raise DataError(f"{name} holds {shown(array.tolist()[0])}; pass row numbers, which Dataset.mapping returns.")
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
