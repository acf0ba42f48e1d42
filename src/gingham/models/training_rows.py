"""The rows to which a model was fitted, so that rows that a test shares with them can be counted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from gingham.arrays import Longs
from gingham.checked import TIMES, Values, require, stored_array, stored_pattern
from gingham.dataset import Dataset


class _StoredRows(Values):
    """The JSON values of training rows; there are none in artifacts that were stored without rows."""

    source: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    until: Annotated[int, Field(ge=TIMES[0], le=TIMES[1])] | None = None


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows to which a model was fitted.

    Attributes
    ----------
    source : str or None
        The fingerprint of the dataset of which they are rows; None for a matrix, or for rows of several datasets.
    bits : uint8 array
        One bit per row of that dataset, in the order of `numpy.packbits`.
    until : datetime64 or None
        The time of the last row; None if some rows have no time.
    earlier : csr_matrix or None
        The pairs of earlier training data, if ``fit_partial`` replaced them; None without such pairs.
    """

    source: str | None = None
    bits: npt.NDArray[np.uint8] | None = None
    until: np.datetime64 | None = None
    earlier: sp.csr_matrix | None = None

    @classmethod
    def of(cls, data: object) -> "TrainingRows":
        """Build the rows of a dataset; the rows of a matrix are not known."""
        if not isinstance(data, Dataset):
            return cls()
        rows, times = data.interactions.rows, data.interactions.timestamp
        until = times.max() if times is not None and len(times) else None
        return cls(rows.source, np.packbits(rows.mask()), until)

    def after(self, before: "TrainingRows", old: sp.csr_matrix, new: sp.csr_matrix) -> "TrainingRows":
        """Return the rows of a model that was fitted to `before` (matrix `old`) and then to these (matrix `new`)."""
        bits = None
        if self.source == before.source and self.bits is not None and before.bits is not None:
            # An artifact may claim the same source for another number of rows.
            bits = self.bits | before.bits if len(self.bits) == len(before.bits) else None
        until = None if self.until is None or before.until is None else max(self.until, before.until)
        earlier = before.earlier
        if not _same_pairs(old, new):
            earlier = _ones(old) if earlier is None else _ones(earlier) + _ones(old)
        return replace(self, source=None if bits is None else self.source, bits=bits, until=until, earlier=earlier)

    def shared(self, test: object, matrix: sp.csr_matrix, training_matrix: sp.csr_matrix) -> int:
        """Count the rows that a test shares with these.

        Rows of the same dataset are compared by their numbers. A row of other data is shared if its pair is in the
        training data, unless it is later than all training rows.

        Parameters
        ----------
        test : Dataset or sparse matrix
            The test data; interactions of zero or less are ignored.
        matrix : csr_matrix
            The positives of the test data as a matrix.
        training_matrix : csr_matrix
            The interactions of the training data.

        Returns
        -------
        int
            The number of rows of a dataset, or of pairs of a matrix.
        """
        interactions = test.interactions.positives() if isinstance(test, Dataset) else None
        rows = None if interactions is None else interactions.rows
        if rows is not None and rows.source == self.source and self.bits is not None:
            in_training = np.unpackbits(self.bits, count=rows.size).view(bool)
            return int(np.count_nonzero(in_training if rows.numbers is None else in_training[rows.numbers]))
        parts = [part for part in (training_matrix, self.earlier) if part is not None]
        pairs = np.unique(np.concatenate([_shared_pairs(matrix, part) for part in parts]))
        if interactions is None:
            return len(pairs)
        times = interactions.timestamp
        is_shared = np.isin(interactions.pairs(), pairs)
        if times is not None and self.until is not None:
            is_shared &= times <= self.until
        return int(np.count_nonzero(is_shared))

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what an artifact stores: JSON values and arrays."""
        until = None if self.until is None else int(self.until.astype("datetime64[us]").astype(np.int64))
        arrays: dict[str, npt.NDArray[Any]] = {} if self.bits is None else {"fitted.bits": self.bits}
        if self.earlier is not None:
            arrays |= {f"fitted.{part}": getattr(self.earlier, part) for part in ("indptr", "indices")}
        return {"source": self.source, "until": until}, arrays

    @classmethod
    def restored(cls, state: Any, arrays: Mapping[str, npt.NDArray[Any]], matrix: sp.csr_matrix) -> "TrainingRows":
        """Build the rows from what `stored` returned.

        Parameters
        ----------
        state : mapping
            Empty for artifacts that were stored without rows.
        arrays : mapping of str to array
            May hold other arrays too.
        matrix : csr_matrix
            The interactions of the training data.

        Raises
        ------
        DataError
            If the values do not fit together.
        """
        values, bits, earlier = _StoredRows.of(state, "fitted"), None, None
        if values.source is not None:
            bits = stored_array(arrays, "fitted.bits", "uint8", (None,))
            n_rows = int(np.bitwise_count(bits).sum())
            require(
                n_rows >= matrix.nnz, f"the array 'fitted.bits' has {n_rows:,} rows for {matrix.nnz:,} interactions"
            )
        if "fitted.indptr" in arrays:
            indptr, indices = stored_pattern(arrays, "fitted", matrix.shape)
            earlier = sp.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=matrix.shape)
        until = None if values.until is None else np.datetime64(values.until, "us")
        return cls(values.source, bits, until, earlier)


def _ones(matrix: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _same_pairs(one: sp.csr_matrix, other: sp.csr_matrix) -> bool:
    return np.array_equal(one.indptr, other.indptr) and np.array_equal(one.indices, other.indices)


def _pairs(matrix: sp.csr_matrix, users: npt.NDArray[Any]) -> Longs:
    """Return the pairs of some users as numbers, ascending, as `Interactions.pairs` does."""
    rows = matrix[users]
    return np.repeat(users.astype(np.int64), np.diff(rows.indptr)) * matrix.shape[1] + rows.indices


def _shared_pairs(one: sp.csr_matrix, other: sp.csr_matrix) -> Longs:
    """Return the pairs that are entries of both matrices as numbers, ascending."""
    users = np.flatnonzero(np.diff(one.indptr))
    return np.intersect1d(_pairs(one, users), _pairs(other, users), assume_unique=True)
