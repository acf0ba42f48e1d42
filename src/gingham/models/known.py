"""What a model remembers of the data it was fitted to, and how it is stored."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.columns import ITEM_ID, NAME, TYPE, USER_ID
from gingham.dataset import Dataset, FeatureEncoder, Ids
from gingham.errors import DataError
from gingham.models.fitted import FittedRows
from gingham.split import Matrix
from gingham.store import Artifact, csr_arrays, csr_of

Data: TypeAlias = Dataset | Matrix

# The fields of `Known` that hold an encoder, which artifacts keep under the same names.
_ENCODERS = ("user_encoder", "item_encoder")


@dataclass(frozen=True, eq=False)
class Known:
    """What a model was fitted to.

    Attributes
    ----------
    user_ids, item_ids : Ids
        The external ids; row and column numbers, where it was fitted to a bare matrix.
    matrix : csr_matrix of float32, shape (n_users, n_items)
        The interactions; one entry a pair, in the order of columns, duplicates summed.
    item_labels : polars.DataFrame or None
        ``item_id`` and what is known of ``name`` and ``type``, in the order of `item_ids`.
    user_encoder, item_encoder : FeatureEncoder or None
        What makes features of what is told about users and items; None where no columns were features.
    fitted : FittedRows
        Which rows these were, and which were learned from before.
    """

    user_ids: Ids
    item_ids: Ids
    matrix: sp.csr_matrix
    item_labels: pl.DataFrame | None = None
    user_encoder: FeatureEncoder | None = None
    item_encoder: FeatureEncoder | None = None
    fitted: FittedRows = field(default_factory=FittedRows)

    @classmethod
    def of(cls, data: Data) -> "Known":
        """Take a dataset or a bare matrix.

        Raises
        ------
        DataError
            If it is neither, or holds a value that is not finite.
        """
        if isinstance(data, Dataset):
            encoders = data.user_encoder, data.item_encoder
            return cls(data.user_ids, data.item_ids, data.matrix(), data.item_labels, *encoders, FittedRows.of(data))
        matrix = canonical(data, "interactions")
        users, items = (Ids(pl.Series(np.arange(size, dtype=np.int64))) for size in matrix.shape)
        return cls(users, items, matrix)

    def purchases(self, data: Data, decay: timedelta | float | None) -> sp.csr_matrix:
        """Make the matrix in which what is older counts for less, and what is not above zero for nothing.

        Parameters
        ----------
        data : Dataset or sparse matrix
            What this was made of.
        decay : timedelta, float or None
            A half-life, or a power of days, as for `Interactions.decayed`; None for all alike, which a bare matrix and
            a dataset without timestamps have anyway.

        Returns
        -------
        csr_matrix of float32
            With the entries of `matrix`, and data of its own; what does not count is an explicit zero.
        """
        matrix = self.matrix
        if decay is not None and isinstance(data, Dataset):
            matrix = data.interactions.decayed(decay).matrix()
        return sp.csr_matrix((np.maximum(matrix.data, 0), matrix.indices, matrix.indptr), shape=matrix.shape)

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]], dict[str, pl.DataFrame]]:
        """Give what an artifact keeps of it: JSON values, arrays and tables."""
        fitted, rows = self.fitted.stored()
        state: dict[str, Any] = {"fitted": fitted}
        arrays = csr_arrays("known", self.matrix) | rows
        items = pl.DataFrame({ITEM_ID: self.item_ids.values}) if self.item_labels is None else self.item_labels
        tables = {"users": pl.DataFrame({USER_ID: self.user_ids.values}), "items": items}
        for name in _ENCODERS:
            encoder: FeatureEncoder | None = getattr(self, name)
            if encoder is not None:
                state[name], tables[name] = encoder.state()
        return state, arrays, tables

    @classmethod
    def restored(cls, stored: Artifact) -> "Known":
        """Take what `stored` gave."""
        users, items = Ids(stored.tables["users"][USER_ID]), Ids(stored.tables["items"][ITEM_ID])
        matrix = csr_of("known", stored.arrays, (len(users), len(items)))
        labelled = any(label in stored.tables["items"].columns for label in (NAME, TYPE))
        encoders = {
            name: FeatureEncoder.of_state(stored.state[name], stored.tables[name])
            for name in _ENCODERS
            if name in stored.state
        }
        fitted = FittedRows.restored(stored.state.get("fitted", {}), stored.arrays, matrix.shape)
        return cls(users, items, matrix, stored.tables["items"] if labelled else None, **encoders, fitted=fitted)


def canonical(data: Any, name: str, shape: tuple[int, int] | None = None) -> sp.csr_matrix:
    """Make a float32 CSR matrix with sorted columns and no duplicates of any sparse matrix.

    Explicit zeros are kept, duplicates are summed. The caller's matrix stays as it is.

    Raises
    ------
    DataError
        If it is no sparse matrix, has another shape than it should, or holds a value that is not finite.
    """
    is_sparse: bool = sp.issparse(data)  # a bool, so that mypy does not narrow `data` to less than it is
    if not is_sparse:
        raise DataError(f"{name} is a {type(data).__name__}; give a Dataset or a SciPy sparse matrix.")
    if data.ndim != 2 or (shape is not None and data.shape != shape):
        wanted = "two dimensions" if shape is None else f"shape {shape}"
        raise DataError(f"{name} has shape {data.shape}; give a matrix of {wanted}.")
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused below
        matrix: sp.csr_matrix = sp.csr_matrix(data, dtype=np.float32, copy=True)
    matrix.sum_duplicates()
    finite = np.isfinite(matrix.data)
    if not finite.all():
        entry = int(np.flatnonzero(~finite)[0])
        row = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
        raise DataError(
            f"{name} holds {matrix.data[entry]} in row {row}, column {matrix.indices[entry]}; give finite values, and "
            "leave out what is not known."
        )
    return matrix
