"""Which rows of a dataset a part of it has, so that rows that a train and a test part share can be counted."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gingham.arrays import Bools


@dataclass(frozen=True, eq=False)
class Rows:
    """A selection of the rows of a dataset.

    Attributes
    ----------
    source : str
        The fingerprint of the dataset. The same rows, read again from the same tables, have the same fingerprint.
    size : int
        The number of rows of the dataset.
    numbers : int array, or None
        The places of the selected rows in the dataset; None for all.
    """

    source: str
    size: int
    numbers: npt.NDArray[np.integer] | None = None

    @classmethod
    def all_of(cls, *columns: npt.NDArray[Any] | None) -> "Rows":
        """Select all rows of a dataset, whose fingerprint is that of these columns."""
        fingerprint = hashlib.sha256()
        for column in columns:
            if column is not None:
                fingerprint.update(f"{column.dtype} {len(column)} ".encode())
                fingerprint.update(np.ascontiguousarray(column).view(np.uint8).data)
        return cls(fingerprint.hexdigest(), max(len(column) for column in columns if column is not None))

    def take(self, rows: npt.NDArray[Any]) -> "Rows":
        """Select some of these rows, by a bool array or by an array of places among these rows."""
        if self.numbers is None:
            numbers = np.flatnonzero(rows) if rows.dtype == bool else np.asarray(rows)
            return Rows(self.source, self.size, numbers.astype(np.min_scalar_type(-max(self.size, 1)), copy=False))
        return Rows(self.source, self.size, self.numbers[rows])

    def mask(self) -> Bools:
        """Return whether each row of the dataset is selected."""
        if self.numbers is None:
            return np.ones(self.size, bool)
        mask = np.zeros(self.size, bool)
        mask[self.numbers] = True
        return mask
