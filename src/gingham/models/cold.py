"""Cold users: the histories and features of users who are not in the training data, by the indices of a model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Indices, positive_entries
from gingham.dataset import Dataset, Feature, Features, Ids, Interactions
from gingham.models.steps import Steps, steps_of_rows


@dataclass(frozen=True, eq=False)
class ColdUsers:
    """Users that a model scores by their history and features alone.

    Attributes
    ----------
    interactions : Interactions
        Their transactions with the items of the model; timestamps where the training data have them.
    features : csr_matrix of float32, shape (n_users, n_features), or None
        The features that they share with users of the training data, in the columns of these; None without features.
    now : datetime64 or None
        The time from which ages are counted: that of the last transaction of the training data. None without times.
    by_position : bool
        Whether the order numbers of the transactions are their positions, because neither times nor order were passed.
    """

    interactions: Interactions
    features: sp.csr_matrix | None
    now: np.datetime64 | None
    by_position: bool

    @property
    def n_users(self) -> int:
        """The number of users."""
        return self.interactions.n_users

    @property
    def index(self) -> Indices:
        """The indices of all users."""
        return np.arange(self.n_users, dtype=np.int32)

    @cached_property
    def entries(self) -> sp.csr_matrix:
        """The interactions of any value as a matrix, shape (n_users, n_items)."""
        return self.interactions.matrix()

    @cached_property
    def matrix(self) -> sp.csr_matrix:
        """The positives as a matrix, shape (n_users, n_items); as `TrainingData.matrix`."""
        return positive_entries(self.entries)

    @cached_property
    def positives(self) -> Interactions:
        """The transactions that count as positives."""
        return self.interactions.positives()

    def purchases(self, decay: timedelta | float | None) -> sp.csr_matrix:
        """Return the positives, weighted by their age; as `TrainingData.purchases`."""
        matrix = self.matrix
        # Without times, all of it happened now, and nothing has an age.
        if decay is not None and self.now is not None and not self.by_position:
            matrix = self.positives.decayed(decay, self.now).matrix()
        return sp.csr_matrix((np.maximum(matrix.data, 0), matrix.indices, matrix.indptr), shape=matrix.shape)

    def steps(self, by_day: bool) -> Steps:
        """Return the steps of the histories; see `steps_of`.

        Parameters
        ----------
        by_day : bool
            Whether all interactions of a user on a day are one step, where there are no order numbers.
        """
        rows = self.positives
        if by_day and self.by_position and rows.timestamp is not None:
            rows = replace(rows, order=None)
        return steps_of_rows(rows, by_day)

    def described(self, definitions: Sequence[Feature]) -> Features:
        """Return the features with the meaning of the last ones; without features, none of them applies."""
        nothing: tuple[Any, ...] = (
            np.empty(0, np.float32),
            np.empty(0, np.int32),
            np.zeros(self.n_users + 1, np.int32),
        )
        none = sp.csr_matrix(nothing, shape=(self.n_users, len(definitions)))
        return Features(none if self.features is None else self.features, definitions)

    def dataset(self, like: Dataset) -> Dataset:
        """Return the positives and features as a dataset, with features of the same meaning as those of another one."""
        features = None if like.user_features is None else self.described(like.user_features.definitions)
        ids = Ids(pl.Series(self.index.astype(np.int64)))
        return Dataset(ids, like.item_ids, self.positives, features)
