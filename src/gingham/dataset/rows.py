"""Which rows of a whole a part has: what splits and filters keep, so that a test can be held against its train part."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a whole.

    Attributes
    ----------
    source : str
        The whole's fingerprint. The same rows, read again from the same tables, have the same one.
    size : int
        How many rows the whole has.
    numbers : int array, or None
        Which of them these are; None for all.
    """

    source: str
    size: int
    numbers: npt.NDArray[np.integer] | None = None

    @classmethod
    def all_of(cls, *columns: npt.NDArray[Any] | None) -> "Rows":
        """Take all rows of a whole, of which these are the columns that tell one row from another."""
        fingerprint = hashlib.sha256()
        for column in columns:
            if column is not None:
                fingerprint.update(f"{column.dtype} {len(column)} ".encode())
                fingerprint.update(np.ascontiguousarray(column).view(np.uint8).data)
        return cls(fingerprint.hexdigest(), max(len(column) for column in columns if column is not None))

    def take(self, rows: npt.NDArray[Any]) -> "Rows":
        """Select some of these: by a bool array, or an array of places among these."""
        if self.numbers is None:
            chosen = np.flatnonzero(rows) if rows.dtype == bool else np.asarray(rows)
            return Rows(self.source, self.size, chosen.astype(np.min_scalar_type(-max(self.size, 1)), copy=False))
        return Rows(self.source, self.size, self.numbers[rows])

    def mask(self) -> npt.NDArray[np.bool_]:
        """Tell for each row of the whole whether it is one of these."""
        if self.numbers is None:
            return np.ones(self.size, bool)
        mask = np.zeros(self.size, bool)
        mask[self.numbers] = True
        return mask
