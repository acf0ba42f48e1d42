"""The part of its training data that a model keeps, and how it is stored."""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Floats, Matrix, canonical, positive_entries
from gingham.checked import LARGEST, require, stored_csr
from gingham.columns import ITEM_ID, NAME, TYPE, USER_ID
from gingham.dataset import Dataset, Feature, FeatureEncoder, Ids, Interactions
from gingham.errors import DataError
from gingham.models.moving import Places
from gingham.models.training_log import log_parts, restored_log
from gingham.models.training_rows import TrainingRows
from gingham.store import Artifact, csr_arrays

Data: TypeAlias = Dataset | Matrix

# The integers up to this one are exact in float32.
_EXACT = 2**24
# The fields of `TrainingData` that hold an encoder, which artifacts keep under the same names.
_ENCODERS = ("user_encoder", "item_encoder")


def all_entries(data: Data) -> sp.csr_matrix:
    """Return interactions of any value as a matrix; pairs of zero or less are entries, too.

    Raises
    ------
    DataError
        If `data` is neither a dataset nor a matrix, or holds a value that is not finite or too large to compute with.
    """
    matrix = data.matrix() if isinstance(data, Dataset) else canonical(data, "interactions")
    _require_moderate(matrix)
    return matrix


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The data to which a model was fitted.

    An interaction of a user with an item is a positive if its value is above zero. This class applies the rule: the
    matrix of every model, and so its history, has only positives.

    Attributes
    ----------
    user_ids, item_ids : Ids
        The external ids; row and column numbers if the model was fitted to a matrix.
    matrix : csr_matrix of float32, shape (n_users, n_items)
        The positives: one entry above zero per pair, with sorted columns and duplicates summed.
    item_labels : polars.DataFrame or None
        ``item_id`` and, if they are known, ``name`` and ``type``, in the order of `item_ids`.
    user_encoder, item_encoder : FeatureEncoder or None
        The encoders of the columns of new users and items; None without features from columns.
    rows : TrainingRows
        The rows of these data, and those of earlier calls of ``fit_partial``.
    dataset : Dataset or None
        The log: all interactions, of any value and in their order, and the features. None for a matrix, and for a model
        that version 0.1 stored.
    """

    user_ids: Ids
    item_ids: Ids
    matrix: sp.csr_matrix
    item_labels: pl.DataFrame | None = None
    user_encoder: FeatureEncoder | None = None
    item_encoder: FeatureEncoder | None = None
    rows: TrainingRows = field(default_factory=TrainingRows)
    dataset: Dataset | None = None

    @classmethod
    def of(cls, data: Data) -> "TrainingData":
        """Build the training data from the positives of a dataset or a matrix.

        Raises
        ------
        DataError
            If `data` is neither, or holds a value that is not finite or too large to compute with.
        """
        return cls.of_entries(data, all_entries(data))

    @classmethod
    def of_entries(cls, data: Data, entries: sp.csr_matrix) -> "TrainingData":
        """Build the training data from the positives of a dataset or a matrix, of which `all_entries` are known."""
        matrix = positive_entries(entries)
        if isinstance(data, Dataset):
            encoders = data.user_encoder, data.item_encoder
            rows = TrainingRows.of(data)
            return cls(data.user_ids, data.item_ids, matrix, data.item_labels, *encoders, rows, data)
        users, items = (Ids(pl.Series(np.arange(size, dtype=np.int64))) for size in matrix.shape)
        return cls(users, items, matrix)

    def extended(self, log: Dataset) -> "TrainingData":
        """Return the training data of a longer log, which starts with that of these data.

        They are those of `of`, but where all values are positive integers, the new rows are added to the matrix, which
        takes a fraction of the time. Which rows of which dataset they are is not known.
        """
        rows = log.interactions
        entries = self._longer_matrix(rows, log) if _are_counts(rows.value) else None
        if entries is None or entries.data.max(initial=0) >= _EXACT:
            entries = all_entries(log)
        until = rows.timestamp.max() if rows.timestamp is not None and len(rows) else None
        encoders = log.user_encoder, log.item_encoder
        matrix = positive_entries(entries)
        return TrainingData(
            log.user_ids, log.item_ids, matrix, log.item_labels, *encoders, TrainingRows(until=until), log
        )

    def _longer_matrix(self, rows: Interactions, log: Dataset) -> sp.csr_matrix:
        """Return the matrix of a longer log whose values are counts, in which the order of additions has no effect."""
        users, items = Places.of(self.user_ids, log.user_ids), Places.of(self.item_ids, log.item_ids)
        new = slice(len(self.log().interactions), None)
        added = sp.csr_matrix(
            (rows.value[new], (rows.user_index[new], rows.item_index[new])), shape=(rows.n_users, rows.n_items)
        )
        matrix: sp.csr_matrix = users.rows(items.columns(self.matrix)) + added
        matrix.sort_indices()
        return matrix

    def log(self) -> Dataset:
        """Return all interactions and the features; for a model of a matrix, each of its entries is an interaction.

        Raises
        ------
        DataError
            If version 0.1 stored the model, without its log.
        """
        if self.dataset is not None:
            return self.dataset
        encoders = self.user_encoder, self.item_encoder
        if (
            self.rows.until is not None
            or self.rows.source is not None
            or any(encoder is not None for encoder in encoders)
        ):
            raise DataError("The model was stored by version 0.1, without its transactions and features; fit it again.")
        entries = self.matrix.tocoo()
        rows = Interactions(entries.row, entries.col, *entries.shape, entries.data)
        return Dataset(self.user_ids, self.item_ids, rows, item_labels=self.item_labels)

    def features(self, side: Literal["user", "item"]) -> tuple[Feature, ...]:
        """Return the meaning of the features of users or items, without identities; nothing where it is unknown."""
        features = None if self.dataset is None else getattr(self.dataset, f"{side}_features")
        if features is not None:
            return tuple(features.definitions)
        encoder = self.user_encoder if side == "user" else self.item_encoder
        return () if encoder is None else encoder.features

    @cached_property
    def last_time(self) -> np.datetime64 | None:
        """The time of the last positive, from which ages are counted; None without timestamps."""
        if self.dataset is None:
            return self.rows.until  # an artifact without the log has the time of the last row
        rows = self.dataset.interactions.positives()
        return None if rows.timestamp is None or not len(rows) else rows.timestamp.max()

    def positives(self, data: Data) -> Data:
        """Return the positives of the data from which this was built; see `Dataset.positives`."""
        return data.positives() if isinstance(data, Dataset) else self.matrix

    def purchases(self, data: Data, decay: timedelta | float | None) -> sp.csr_matrix:
        """Return the positives, weighted by their age.

        Parameters
        ----------
        data : Dataset or sparse matrix
            The positives of the data from which this was built.
        decay : timedelta, float or None
            A half-life or a power of days, as for `Interactions.decayed`. Without it (None), and for a matrix or a
            dataset without timestamps, all ages have the same weight.

        Returns
        -------
        csr_matrix of float32
            With the entries of `matrix` and data of its own. An entry is zero if newer returns outweigh purchases.
        """
        matrix = self.matrix
        if decay is not None and isinstance(data, Dataset):
            matrix = data.interactions.decayed(decay).matrix()
        return sp.csr_matrix((np.maximum(matrix.data, 0), matrix.indices, matrix.indptr), shape=matrix.shape)

    def test_matrix(self, test: Data) -> sp.csr_matrix:
        """Return test data as a matrix of these users and items.

        Raises
        ------
        DataError
            If the test has other users or items.
        """
        if not isinstance(test, Dataset):
            return canonical(test, "test", (len(self.user_ids), len(self.item_ids)))
        for what, ids, test_ids in (
            ("user", self.user_ids, test.user_ids),
            ("item", self.item_ids, test.item_ids),
        ):
            if not test_ids.values.equals(ids.values):
                unknown = test_ids.values.filter(~pl.Series(ids.contains(test_ids.values)))
                which = f"{what} {unknown[0]!r} is unknown" if len(unknown) else f"some {what}s are missing"
                raise DataError(
                    f"The test has other ids ({len(test_ids):,} {what}s, {which}) than the model was fitted to "
                    f"({len(ids):,} {what}s); use the parts of one split."
                )
        return test.matrix()

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]], dict[str, pl.DataFrame]]:
        """Return what an artifact stores: JSON values, arrays and tables."""
        rows, row_arrays = self.rows.stored()
        state: dict[str, Any] = {"fitted": rows}
        arrays = csr_arrays("known", self.matrix) | row_arrays
        items = pl.DataFrame({ITEM_ID: self.item_ids.values}) if self.item_labels is None else self.item_labels
        tables = {"users": pl.DataFrame({USER_ID: self.user_ids.values}), "items": items}
        for name in _ENCODERS:
            encoder: FeatureEncoder | None = getattr(self, name)
            if encoder is not None:
                state[name], tables[name] = encoder.state()
        if self.dataset is not None:
            log, columns = log_parts(self.dataset)
            state, arrays = state | log, arrays | columns
        return state, arrays, tables

    @classmethod
    def restored(cls, stored: Artifact) -> "TrainingData":
        """Build the training data from what `stored` returned.

        Raises
        ------
        DataError
            If the parts are not training data.
        """
        users, items = (_table(stored, name, column) for name, column in (("users", USER_ID), ("items", ITEM_ID)))
        require(users.columns == [USER_ID], f"the table of users has the columns {users.columns}")
        labels = [name for name in (NAME, TYPE) if name in items.columns]
        require(items.columns == [ITEM_ID, *labels], f"the table of items has the columns {items.columns}")
        for label in labels:
            require(items.schema[label] in (pl.String, pl.Null), f"the column {label!r} of items is not text")
        user_ids, item_ids = Ids(users[USER_ID]), Ids(items[ITEM_ID])
        matrix = positive_entries(stored_csr(stored.arrays, "known", (len(user_ids), len(item_ids))))
        encoders: dict[str, Any] = {
            name: FeatureEncoder.of_state(stored.state[name], _table(stored, name, "text"))
            for name in _ENCODERS
            if name in stored.state
        }
        for name, encoder, size in zip(_ENCODERS, map(encoders.get, _ENCODERS), matrix.shape, strict=True):
            if encoder is not None:
                require(encoder.n_identities == size, f"{name} has {encoder.n_identities} identities, not {size}")
        rows = TrainingRows.restored(stored.state.get("fitted", {}), stored.arrays, matrix)
        of_items = items if labels else None
        log = restored_log(stored.state, stored.arrays, (user_ids, item_ids), of_items, encoders)
        return cls(user_ids, item_ids, matrix, of_items, **encoders, rows=rows, dataset=log)


def _table(stored: Artifact, name: str, column: str) -> pl.DataFrame:
    """Return a table of an artifact that must have a column."""
    require(name in stored.tables, f"the table {name!r} is missing")
    require(column in stored.tables[name].columns, f"the table {name!r} has no column {column!r}")
    return stored.tables[name]


def _are_counts(values: Floats) -> bool:
    """Return whether values are positive integers."""
    return bool(len(values)) and bool(values.min() > 0) and bool((values == np.round(values)).all())


def _require_moderate(matrix: sp.csr_matrix) -> None:
    """Refuse interactions with which scores would overflow; loading refuses what was learned from them, too."""
    for extreme in (matrix.data.max(initial=0), matrix.data.min(initial=0)):
        if abs(extreme) > LARGEST:
            raise DataError(
                f"interactions holds {extreme:g}, and values may be at most {LARGEST:g}; use a larger unit for them."
            )
