"""What is known about purchases and sales: the facts that explanations state."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.arrays import Bools, Indices, Longs
from gingham.columns import NAME
from gingham.models.contributions import entries_of
from gingham.models.training_data import TrainingData

# The share of the sold items that may be called best sellers.
_BEST_SELLERS = 0.2


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts about the training data.

    Attributes
    ----------
    data : TrainingData
        The training data.
    """

    data: TrainingData

    def times(self, users: Indices, items: Indices) -> Longs:
        """Return how often users bought items: 0 for never, and -1 for an unknown number of times."""
        values = entries_of(self.data.matrix, users, items)
        return np.where(values == np.round(values), values, -1).astype(np.int64)

    def last(self, users: Indices, items: Indices) -> npt.NDArray[np.datetime64]:  # noqa: ARG002
        """Return when users last bought items; NaT where it is unknown."""
        return np.full(len(users), "NaT", "datetime64[us]")

    @property
    def today(self) -> datetime | None:
        """The time of the last transaction, from which days are counted; None if it is unknown."""
        return None

    def labels(
        self,
        causes: pl.Series,
        details: pl.Series,  # noqa: ARG002
        users: Indices,  # noqa: ARG002
        items: Indices,  # noqa: ARG002
    ) -> list[str | None]:
        """Return the value of the feature of the user or the item that a contribution comes from, where it is known."""
        return [None] * len(causes)

    @cached_property
    def best_sellers(self) -> Bools:
        """Whether each item is among the fifth of the sold items with the most users."""
        n_users = np.bincount(self.data.matrix.indices, minlength=len(self.data.item_ids))
        sold = np.sort(n_users[n_users > 0])
        least = sold[int(len(sold) * (1 - _BEST_SELLERS))] if len(sold) else 1
        return np.asarray(n_users >= least)

    def names(self, items: Indices) -> list[str]:
        """Return the name of each item, or its id if it has none."""
        labels, ids = self.data.item_labels, self.data.item_ids.ids(items).cast(pl.String)
        if labels is None or NAME not in labels.columns:
            return ids.to_list()
        return labels[NAME].gather(items).zip_with(labels[NAME].gather(items).is_not_null(), ids).to_list()
