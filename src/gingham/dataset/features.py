"""What is known about users or items besides their ids, as a sparse matrix of weights."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from gingham.errors import DataError


@dataclass(frozen=True, eq=False)
class Features:
    """The features of every user or item.

    Attributes
    ----------
    matrix : csr_matrix of float32, shape (n_rows, n_features)
        The weight of each feature in each row.
    names : tuple of str
        What the last ``len(names)`` features mean. Those before are the rows' identities, one a row in their order,
        and have no names: there are millions.

    Raises
    ------
    DataError
        If a weight is not finite, or there are more names than features.
    """

    matrix: sp.csr_matrix
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) > self.n_features:
            raise DataError(f"{len(self.names)} names for {self.n_features} features; give one a feature at most.")
        finite = np.isfinite(self.matrix.data)
        if not finite.all():
            entry = int(np.flatnonzero(~finite)[0])
            row = int(np.searchsorted(self.matrix.indptr, entry, side="right")) - 1
            raise DataError(
                f"Feature {self.matrix.indices[entry]} of row {row} is {self.matrix.data[entry]}; "
                "give finite weights, and leave out what is not known."
            )

    @property
    def n_rows(self) -> int:
        """How many users or items there are."""
        return int(self.matrix.shape[0])

    @property
    def n_features(self) -> int:
        """How many features there are, identities included."""
        return int(self.matrix.shape[1])
