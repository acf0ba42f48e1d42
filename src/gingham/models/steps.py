"""The order of each user's interactions: steps, which are the days, times or order numbers at which they happened."""

import logging
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gingham.arrays import Bools, Floats, Indices, Longs
from gingham.dataset import Dataset, Interactions
from gingham.duration import FADED
from gingham.errors import DataError
from gingham.models.training_data import Data

_log = logging.getLogger("gingham")
_DAY = "datetime64[D]"


class Steps(NamedTuple):
    """The positives of a dataset in their order: an entry per user, step and item, sorted by them.

    Attributes
    ----------
    user, item : int32 array, shape (n,)
        Indices.
    step : int64 array, shape (n,)
        The number of the user's earlier steps: 0 in the first one.
    day : int64 array, shape (n,), or None
        The day, counted from the first day of the data; None if order numbers are known, but no timestamps.
    """

    user: Indices
    item: Indices
    step: Longs
    day: Longs | None

    def take(self, entries: Bools) -> "Steps":
        """Select entries; the numbers of steps stay the same."""
        day = None if self.day is None else self.day[entries]
        return Steps(self.user[entries], self.item[entries], self.step[entries], day)

    def starts(self) -> Longs:
        """Return the index of the first entry of each step of each user."""
        return np.flatnonzero(_changes(self.user) | _changes(self.step))

    def age(self) -> Longs:
        """Return how many days before the user's last step an entry is; without days, how many steps."""
        return self._before_last(self.step if self.day is None else self.day)

    def back(self) -> Longs:
        """Return for each entry how many steps of its user follow."""
        return self._before_last(self.step)

    def _before_last(self, values: Longs) -> Longs:
        stops = np.append(np.flatnonzero(_changes(self.user)), len(self.user))[1:]
        last: Longs = np.repeat(values[stops - 1], np.diff(stops, prepend=0))
        return last - values


def steps_of(data: Data, model: str, by_day: bool) -> Steps:
    """Return the steps of a dataset.

    Parameters
    ----------
    data : Dataset or sparse matrix
        The positives of the training data.
    model : str
        The name of the model, for messages.
    by_day : bool
        Whether all interactions of a user on a day are one step, where there are no order numbers. Otherwise only those
        of the same order and time are.

    Raises
    ------
    DataError
        If the data have no order: a matrix, or a dataset without timestamps and order numbers.
    """
    if not isinstance(data, Dataset) or not data.interactions.sequence:
        what = "a dataset" if isinstance(data, Dataset) else "a matrix"
        raise DataError(
            f"{model} learns from the order of each user's interactions, which {what} without timestamps or order "
            "numbers does not have; pass a dataset with one of them."
        )
    steps = steps_of_rows(data.interactions, by_day)
    if not steps.step.any():
        _log.warning(
            "%s: no user has interactions at two different times, so there is no order to learn from.",
            model,
        )
    return steps


def steps_of_rows(rows: Interactions, by_day: bool) -> Steps:
    """Return the steps of interactions with timestamps or order numbers; `by_day` as for `steps_of`."""
    if not (rows.value > 0).all():
        rows = rows.take(rows.value > 0)
    keys = _step_keys(rows, by_day)
    order = np.lexsort((rows.item_index, *keys, rows.user_index))
    user, item, keys = rows.user_index[order], rows.item_index[order], tuple(key[order] for key in keys)
    is_new_user = _changes(user)
    is_new_step = np.logical_or.reduce([is_new_user, *map(_changes, keys)])
    number = np.cumsum(is_new_step)
    first = number[is_new_user]
    step = number - np.repeat(first, np.diff(np.append(np.flatnonzero(is_new_user), len(user))))
    distinct = is_new_step | _changes(item)
    day = None if rows.timestamp is None else _days(rows)[order][distinct]
    return Steps(user[distinct], item[distinct], step[distinct], day)


def _step_keys(rows: Interactions, by_day: bool) -> tuple[npt.NDArray[Any], ...]:
    return (_days(rows),) if by_day and rows.order is None else rows.sequence


def _days(rows: Interactions) -> Longs:
    assert rows.timestamp is not None
    day: Longs = rows.timestamp.astype(_DAY).astype(np.int64)
    return day - day.min() if len(day) else day


def _changes(values: npt.NDArray[Any]) -> Bools:
    """Return whether each value is the first one or differs from the value before it."""
    changes: Bools = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def decayed(decay: float, age: npt.NDArray[np.generic]) -> Floats:
    """Return ``decay ** age``, but at least almost 0, so that every item of a history remains an entry."""
    return np.maximum(decay ** age.astype(np.float64), FADED).astype(np.float32)
