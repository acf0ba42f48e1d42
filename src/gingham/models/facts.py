"""What is known about purchases and sales: the facts that explanations state."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Bools, Indices, Longs
from gingham.columns import NAME
from gingham.dataset import Feature, Features, Interactions
from gingham.dataset.codes import Codes
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, entries_of
from gingham.models.training_data import TrainingData

# The share of the sold items that may be called best sellers, and the window of those of this week.
_BEST_SELLERS, _WEEK = 0.2, np.timedelta64(7, "D")
_DAY = "datetime64[D]"
# Features of intervals, whose labels are like "(20,30]", and those without a value to show.
_INTERVALS, _NAMELESS = frozenset({"bin", "age"}), frozenset({"other", "null", "number", "words", "output"})


class Log(NamedTuple):
    """The purchases of some users: user and item indices, and times; None without times."""

    user: Indices
    item: Indices
    when: npt.NDArray[np.datetime64] | None

    @classmethod
    def of(cls, rows: Interactions, chosen: Bools, with_times: bool = True) -> "Log":
        """Select the interactions above zero among the chosen ones."""
        chosen = chosen & (rows.value > 0)
        when = None if rows.timestamp is None or not with_times else rows.timestamp[chosen]
        return cls(rows.user_index[chosen], rows.item_index[chosen], when)


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts about some users, and about the items of the training data.

    Attributes
    ----------
    data : TrainingData
        The training data.
    histories : csr_matrix, shape (n_users, n_items)
        The positives of the users.
    log : Log or None
        Their purchases; without it (None), there are no times, and a purchase counts with its value.
    user_features : Features or None
        Their features; None if they are unknown.
    """

    data: TrainingData
    histories: sp.csr_matrix
    log: Log | None
    user_features: Features | None

    @classmethod
    def of(cls, data: TrainingData, users: Indices) -> "Facts":
        """Collect what is known about users of the training data."""
        if data.dataset is None:
            return cls(data, data.matrix, None, None)
        is_wanted = np.zeros(data.dataset.n_users, bool)
        is_wanted[users] = True
        rows = data.dataset.interactions
        return cls(data, data.matrix, Log.of(rows, is_wanted[rows.user_index]), data.dataset.user_features)

    @classmethod
    def of_cold(cls, data: TrainingData, users: ColdUsers) -> "Facts":
        """Collect what is known about users outside the training data."""
        rows, features = users.interactions, None
        if users.features is not None:
            features = users.described(data.features("user"))
        log = Log.of(rows, np.ones(len(rows), bool), with_times=not users.by_position)
        return cls(data, users.matrix, log, features)

    def times(self, users: Indices, items: Indices) -> Longs:
        """Return on how many days users bought items: 0 for never, and -1 for an unknown number of times.

        Without times, purchases are counted.
        """
        values = entries_of(self.histories, users, items)
        if self.log is None:
            return np.where(values == np.round(values), values, -1).astype(np.int64)
        place, is_bought = self._find(users, items)
        times = np.where(is_bought, np.append(self._purchases[1], 0)[place], -1)
        return np.where(values > 0, times, 0)

    def last(self, users: Indices, items: Indices) -> npt.NDArray[np.datetime64]:
        """Return when users last bought items; NaT where it is unknown."""
        when = np.full(len(users), "NaT", "datetime64[us]")
        last = self._purchases[2]
        if last is not None:
            place, is_bought = self._find(users, items)
            when[is_bought] = last[place[is_bought]]
        return when

    @property
    def today(self) -> datetime | None:
        """The time of the last transaction, from which days are counted; None if it is unknown."""
        last = self.data.last_time
        if last is None:
            return None
        today: datetime = last.astype("datetime64[us]").item()
        return today

    @cached_property
    def best_sellers(self) -> Bools:
        """Whether each item is among the fifth of the sold items with the most users."""
        return _top(np.bincount(self.data.matrix.indices, minlength=len(self.data.item_ids)))

    @cached_property
    def best_sellers_of_week(self) -> Bools:
        """Whether each item is among the fifth of the items sold in the last 7 days with the most sales in them."""
        log, last = self.data.dataset, self.data.last_time
        if log is None or log.interactions.timestamp is None or last is None:
            return np.zeros(len(self.data.item_ids), bool)
        rows = log.interactions
        recent = (last - log.interactions.timestamp < _WEEK) & (rows.value > 0)
        return _top(np.bincount(rows.item_index[recent], minlength=rows.n_items))

    def names(self, items: Indices) -> list[str]:
        """Return the name of each item, or its id if it has none."""
        labels, ids = self.data.item_labels, self.data.item_ids.ids(items).cast(pl.String)
        if labels is None or NAME not in labels.columns:
            return ids.to_list()
        return labels[NAME].gather(items).zip_with(labels[NAME].gather(items).is_not_null(), ids).to_list()

    def labels(self, causes: pl.Series, details: pl.Series, users: Indices) -> list[str | None]:
        """Return the value of the user's feature that a contribution comes from; None where it has or needs none."""
        labels: list[str | None] = [None] * len(causes)
        of_users = causes.is_in([Cause.SEGMENT, Cause.USER_FEATURE]) & details.is_not_null()
        for row in of_users.arg_true():
            codes = self._user_categories.get(details[row])
            if codes is not None and (code := codes.of_row[users[row]]) < len(codes.features):
                labels[row] = _text(codes.features[code])
        return labels

    def alike(self, causes: pl.Series, details: pl.Series, users: Indices, items: Indices) -> Indices:
        """Return the item of the user's history that has the same feature as the item, the one bought last.

        Returns
        -------
        int32 array
            For contributions of item features; -1 where there is no such item.
        """
        alike = np.full(len(causes), -1, np.int32)
        for column, codes in self._item_categories.items():
            of_column = (causes == Cause.ITEM_FEATURE) & (details == column)
            rows = np.flatnonzero(of_column.fill_null(False).to_numpy() & codes.is_known[items])
            history = self.histories[users[rows]]
            row = np.repeat(rows, np.diff(history.indptr))
            same = (codes.of_row[history.indices] == codes.of_row[items[row]]) & (history.indices != items[row])
            row, other = row[same], history.indices[same]
            keys = self.times(users[row], other), self.last(users[row], other).view(np.int64), row
            order = np.lexsort(keys)
            last_of_row = np.append(np.diff(row[order]) > 0, True)[: len(order)]
            alike[row[order][last_of_row]] = other[order][last_of_row]
        return alike

    @cached_property
    def _user_categories(self) -> dict[str, Codes]:
        return {} if self.user_features is None else self.user_features.categories()

    @cached_property
    def _item_categories(self) -> dict[str, Codes]:
        log = self.data.dataset
        return {} if log is None or log.item_features is None else log.item_features.categories()

    @cached_property
    def _purchases(self) -> tuple[Longs, Longs, npt.NDArray[np.datetime64] | None]:
        """The pairs that users bought, as ascending numbers; on how many days, and when last."""
        if self.log is None:
            return np.empty(0, np.int64), np.empty(0, np.int64), None
        pair, when = self.log.user.astype(np.int64) * len(self.data.item_ids) + self.log.item, self.log.when
        if when is None or not len(pair):
            return (*np.unique(pair, return_counts=True), when)
        order = np.lexsort((when, pair))
        pair, when = pair[order], when[order]
        is_new_day = np.append(True, (np.diff(pair) > 0) | (np.diff(when.astype(_DAY)).astype(np.int64) > 0))
        starts = np.flatnonzero(np.diff(pair, prepend=-1))
        ends = np.append(starts[1:], len(pair)) - 1
        return pair[starts], np.add.reduceat(is_new_day.astype(np.int64), starts), when[ends]

    def _find(self, users: Indices, items: Indices) -> tuple[Longs, Bools]:
        """Return the place of each pair in `_purchases`, and whether it is there; otherwise the place is any."""
        pairs = self._purchases[0]
        wanted = users.astype(np.int64) * len(self.data.item_ids) + items
        place = np.minimum(np.searchsorted(pairs, wanted), max(len(pairs) - 1, 0))
        return place, np.append(pairs, -1)[place] == wanted


def _top(sales: npt.NDArray[np.integer]) -> Bools:
    """Return whether each item is among the fifth of the sold items that sells best."""
    sold = np.sort(sales[sales > 0])
    least = sold[int(len(sold) * (1 - _BEST_SELLERS))] if len(sold) else 1
    return np.asarray(sales >= least)


def _text(feature: Feature) -> str | None:
    """Return a feature's value in plain words, or None if it has none.

    Examples
    --------
    >>> [_text(Feature("age", label, "bin")) for label in ("(-inf,20]", "(20,30]", "(30,inf]")]
    ['up to 20', '20 to 30', 'above 30']
    """
    if feature.kind in _NAMELESS:
        return None
    if feature.kind not in _INTERVALS:
        return feature.label
    low, _, high = feature.label.strip("()[]").partition(",")
    if low == "-inf":
        return f"up to {high}"
    return f"above {low}" if high == "inf" else f"{low} to {high}"
