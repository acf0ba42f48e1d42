"""A dataset as it was before a moment: everything that features are computed from."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gingham.arrays import Bools, Doubles, Floats, Indices, Longs
from gingham.dataset import Dataset, Interactions
from gingham.duration import period_starts
from gingham.models.cold import ColdUsers
from gingham.models.training_data import Data, TrainingData

_DAY = np.timedelta64(1, "D")


class Purchases(NamedTuple):
    """Purchases by day: an entry per user, item and day, sorted by them.

    Attributes
    ----------
    user, item : int32 array
        Indices.
    age : float32 array
        How many days before the moment.
    price : float32 array or None
        The day's mean price; NaN where it is unknown, None where the dataset has no prices.
    """

    user: Indices
    item: Indices
    age: Floats
    price: Floats | None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A dataset as it was before a moment.

    Attributes
    ----------
    dataset : Dataset
        Only the positives before `moment`. Users, items and their features have no time.
    moment : datetime64
        The start of the period to predict.
    period : timedelta
        Its length. The windows of recent sales are multiples of it.
    """

    dataset: Dataset
    moment: np.datetime64
    period: timedelta

    @classmethod
    def before(cls, dataset: Dataset, moment: np.datetime64, period: timedelta) -> "Snapshot":
        """Return a snapshot of a dataset without the interactions at the moment and later."""
        rows = dataset.interactions.take(times(dataset) < moment).positives()
        return cls(dataset.with_interactions(rows), moment, period)

    @classmethod
    def latest(cls, dataset: Dataset, period: timedelta) -> "Snapshot":
        """Return a snapshot of the whole dataset; its moment is the start of the period that follows the data."""
        when = times(dataset)
        # Without any interaction, every moment is as good as another.
        when = when if len(when) else np.zeros(1, "datetime64[us]")
        end = period_starts(when, period, 1)[0] + np.timedelta64(period)
        return cls(dataset, end, period)

    def of_users(self, users: ColdUsers) -> "Snapshot":
        """Return a snapshot of the histories and features of other users at the same moment."""
        dataset = users.dataset(self.dataset)
        if dataset.interactions.timestamp is None:
            dataset = _equally_timed(dataset)
        return replace(self, dataset=dataset)

    @property
    def days(self) -> float:
        """The period in days."""
        return self.period / timedelta(days=1)

    @cached_property
    def purchases(self) -> Purchases:
        """Purchases by day; interactions with a value of zero or less are not purchases."""
        rows, when = self.dataset.interactions, times(self.dataset)
        positive = np.flatnonzero(rows.value > 0)
        pairs, when = rows.pairs()[positive], when[positive]
        day = when.astype("datetime64[D]").astype(np.int64)
        day -= day.min(initial=0)
        keys = pairs * (day.max(initial=0) + 1) + day
        order = np.argsort(keys, kind="stable")
        starts = firsts(keys[order])
        age = ((self.moment - when[order]) / _DAY).astype(np.float32)
        price = None if rows.price is None else mean_of_finite(rows.price[positive][order], starts)
        entry = positive[order[starts]]
        return Purchases(
            rows.user_index[entry],
            rows.item_index[entry],
            np.minimum.reduceat(age, starts) if len(starts) else age,
            price,
        )

    @cached_property
    def candidates(self) -> Bools:
        """Whether each item can be recommended at the moment: all, or those sold before it, as the dataset says."""
        return np.ones(self.dataset.n_items, bool) if self.dataset.candidates == "all" else self.sales() > 0

    def sales(self, within: float = np.inf) -> Doubles:
        """Count the purchases of each item in the last `within` days."""
        purchases = self.purchases
        recent = purchases.item[purchases.age <= within]
        return np.bincount(recent, minlength=self.dataset.n_items).astype(np.float64)


def times(dataset: Dataset) -> npt.NDArray[np.datetime64]:
    """Return the timestamps of a dataset that has them."""
    assert dataset.interactions.timestamp is not None
    return dataset.interactions.timestamp


def timed_log(data: TrainingData) -> Dataset:
    """Return the positives of the log of a model as a dataset with timestamps."""
    log = data.positives(data.log())
    timed = isinstance(log, Dataset) and log.interactions.timestamp is not None
    return log if isinstance(log, Dataset) and timed else with_equal_times(log, data)


def with_equal_times(data: Data, training_data: TrainingData) -> Dataset:
    """Return data without timestamps as a dataset in which all interactions have the same one."""
    if isinstance(data, Dataset):
        return _equally_timed(data)
    entries = training_data.matrix.tocoo()
    when = np.zeros(entries.nnz, "datetime64[us]")
    rows = Interactions(entries.row, entries.col, *entries.shape, entries.data, when)
    return Dataset(training_data.user_ids, training_data.item_ids, rows)


def _equally_timed(dataset: Dataset) -> Dataset:
    rows = dataset.interactions
    return dataset.with_interactions(replace(rows, timestamp=np.zeros(len(rows), "datetime64[us]")))


def firsts(ascending: npt.NDArray[Any]) -> Longs:
    """Return the index of the first element of each run of equal numbers."""
    return np.flatnonzero(np.diff(ascending, prepend=ascending[:1] - 1)) if len(ascending) else np.empty(0, np.int64)


def mean_of_finite(values: Floats, starts: Longs) -> Floats:
    """Return the mean of the finite values of each run; NaN where a run has none."""
    finite = np.isfinite(values)
    if not len(starts):
        return values
    total = np.add.reduceat(np.where(finite, values, 0).astype(np.float64), starts)
    count = np.add.reduceat(finite.astype(np.int64), starts)
    return np.where(count, total / np.maximum(count, 1), np.nan).astype(np.float32)
