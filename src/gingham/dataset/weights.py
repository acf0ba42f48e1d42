"""Matrices of the weights of features."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from gingham.arrays import valid
from gingham.dataset.encodings import FeatureEntries
from gingham.errors import DataError


def weight_matrix(weights: Any, n_rows: int, n_columns: int | None, what: str) -> sp.csr_matrix:
    """Convert a dense or sparse matrix of finite weights to CSR, and check its shape."""
    try:
        numbers: Any = valid(weights, what) if sp.issparse(weights) else np.asarray(weights)
        with np.errstate(over="ignore"):  # a number too large for float32 becomes infinite and is refused below
            numbers = numbers.astype(np.float32)
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} is not a matrix of numbers: {error}; use one row per user or item.") from error
    shape = numbers.shape
    if len(shape) != 2 or shape[0] != n_rows or n_columns not in (None, shape[1]):
        wanted = f"{n_rows:,} rows" if n_columns is None else f"shape {(n_rows, n_columns)}"
        raise DataError(f"{what} has shape {shape}; it must be a matrix of {wanted}.")
    matrix: sp.csr_matrix = sp.csr_matrix(numbers)
    finite = np.isfinite(matrix.data)
    if not finite.all():
        entry = int(np.flatnonzero(~finite)[0])
        row = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
        raise DataError(
            f"{what} holds {matrix.data[entry]} in row {row}, column {matrix.indices[entry]}; use finite weights."
        )
    return matrix


def joined(blocks: list[FeatureEntries], shape: tuple[int, int]) -> sp.csr_matrix:
    """Return the entries of several columns as a matrix with sorted columns."""
    empty = FeatureEntries(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    parts = [(block.rows, block.codes, block.weights.astype(np.float32)) for block in (empty, *blocks)]
    rows, columns, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    matrix: sp.csr_matrix = sp.csr_matrix((weights, (rows, columns)), shape=shape)
    matrix.sort_indices()
    return matrix


def normalized(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Scale the absolute weights of each row to a sum of 1."""
    sums = np.asarray(abs(matrix).sum(axis=1)).ravel()
    weights = matrix.data / np.repeat(np.where(sums > 0, sums, 1), np.diff(matrix.indptr))
    return sp.csr_matrix((weights.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
