"""What was known at a moment: all that features are made of, and nothing that came later."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gingham.arrays import Floats, Indices
from gingham.dataset import Dataset, Interactions
from gingham.duration import period_starts
from gingham.models.training_data import Data, TrainingData

Longs = npt.NDArray[np.int64]

_DAY = np.timedelta64(1, "D")


class Purchases(NamedTuple):
    """Who had what on which day: one entry a user, item and day, ascending in this order.

    Attributes
    ----------
    user, item : int32 array
        Indices.
    age : float32 array
        How many days before the moment.
    price : float32 array or None
        The day's mean price; NaN where none is known.
    """

    user: Indices
    item: Indices
    age: Floats
    price: Floats | None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A shop as it was known at a moment.

    Attributes
    ----------
    dataset : Dataset
        With the interactions from before `moment` alone. Users, items and their features have no time.
    moment : datetime64
        When; what is to be foretold begins here.
    period : timedelta
        How long that lasts, and so how long "of late" is.
    """

    dataset: Dataset
    moment: np.datetime64
    period: timedelta

    @classmethod
    def of(cls, dataset: Dataset, moment: np.datetime64, period: timedelta) -> "Snapshot":
        """Forget what came at a moment or later."""
        rows = dataset.interactions
        return cls(dataset.with_interactions(rows.take(times(dataset) < moment)), moment, period)

    @classmethod
    def latest(cls, dataset: Dataset, period: timedelta) -> "Snapshot":
        """Take everything; the moment is when the period after it begins."""
        when = times(dataset)
        # Where nothing ever happened, any moment will do.
        when = when if len(when) else np.zeros(1, "datetime64[us]")
        end = period_starts(when, period, 1)[0] + np.timedelta64(period)
        return cls(dataset, end, period)

    @property
    def days(self) -> float:
        """The period in days."""
        return self.period / timedelta(days=1)

    @cached_property
    def purchases(self) -> Purchases:
        """Who had what on which day; interactions that are not above zero are none."""
        rows, when = self.dataset.interactions, times(self.dataset)
        bought = np.flatnonzero(rows.value > 0)
        pairs, when = rows.pairs()[bought], when[bought]
        day = when.astype("datetime64[D]").astype(np.int64)
        day -= day.min(initial=0)
        keys = pairs * (day.max(initial=0) + 1) + day
        order = np.argsort(keys, kind="stable")
        starts = firsts(keys[order])
        age = ((self.moment - when[order]) / _DAY).astype(np.float32)
        price = None if rows.price is None else mean_of_known(rows.price[bought][order], starts)
        chosen = bought[order[starts]]
        return Purchases(
            rows.user_index[chosen],
            rows.item_index[chosen],
            np.minimum.reduceat(age, starts) if len(starts) else age,
            price,
        )

    @cached_property
    def sold(self) -> npt.NDArray[np.bool_]:
        """Which items had been sold at all; others cannot be recommended yet."""
        return self.sales() > 0

    def sales(self, within: float = np.inf) -> npt.NDArray[np.float64]:
        """Count how often each item was bought in the last days, so many as `within` says."""
        bought = self.purchases
        return np.bincount(bought.item[bought.age <= within], minlength=self.dataset.n_items).astype(np.float64)


def times(dataset: Dataset) -> npt.NDArray[np.datetime64]:
    """Give the interactions' times, of a dataset that has them."""
    assert dataset.interactions.timestamp is not None
    return dataset.interactions.timestamp


def untimed(data: Data, known: TrainingData) -> Dataset:
    """Give data without time as a dataset in which everything was at once."""
    if isinstance(data, Dataset):
        rows = data.interactions
        return data.with_interactions(replace(rows, timestamp=np.zeros(len(rows), "datetime64[us]")))
    entries = known.matrix.tocoo()
    when = np.zeros(entries.nnz, "datetime64[us]")
    rows = Interactions(entries.row, entries.col, *entries.shape, entries.data, when)
    return Dataset(known.user_ids, known.item_ids, rows)


def firsts(ascending: npt.NDArray[Any]) -> Longs:
    """Find where each run of equal numbers begins."""
    return np.flatnonzero(np.diff(ascending, prepend=ascending[:1] - 1)) if len(ascending) else np.empty(0, np.int64)


def mean_of_known(values: Floats, starts: Longs) -> Floats:
    """Average each run's values, but for NaN; NaN where a run has nothing else."""
    known = np.isfinite(values)
    if not len(starts):
        return values
    total = np.add.reduceat(np.where(known, values, 0).astype(np.float64), starts)
    number = np.add.reduceat(known.astype(np.int64), starts)
    return np.where(number, total / np.maximum(number, 1), np.nan).astype(np.float32)
