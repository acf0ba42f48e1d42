"""Splits by time: at a date, at several dates, or before the last transactions of each user."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt

from gingham.dataset import Dataset
from gingham.dataset.dataset import check_dataset
from gingham.duration import duration, period_starts
from gingham.errors import DataError
from gingham.split._parts import Split, select, split_rows
from gingham.validation import check_integer, shown

_DAY = timedelta(days=1)
# Counted back from a date, a longer test part could begin before the first year that datetime knows.
_LONGEST = timedelta(days=36_525)


def by_time(dataset: Dataset, test: str | timedelta | date = "7d") -> Split[Dataset]:
    """Split at a point in time: earlier transactions are the train part, the others the test part.

    Parameters
    ----------
    dataset : Dataset
        With timestamps.
    test : str, timedelta, date or datetime
        The length of the test part in hours, days or weeks, such as ``"12h"``, ``"7d"`` (default) or ``"2w"``; or the
        date or time at which it begins, such as ``"2020-09-16"``. Whole days are calendar days and include the day of
        the last timestamp. Other lengths are counted back from the last timestamp; a transaction of exactly that age is
        in the train part.

    Returns
    -------
    Split of Dataset

    Raises
    ------
    DataError
        If there are no timestamps, `test` is not a duration or a date, or one part is empty.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), "7d")
    >>> len(train.interactions), len(test.interactions)
    (878, 122)
    """
    check_dataset("dataset", dataset)
    times = _timestamps(dataset)
    boundary = parse_test(test)
    start = np.datetime64(boundary, "us") if isinstance(boundary, datetime) else period_starts(times, boundary, 1)[0]
    return split_rows(dataset, times >= start, f"test={test!r}")


def rolling(dataset: Dataset, test: str | timedelta = "7d", folds: int = 3) -> Iterator[Split[Dataset]]:
    """Yield splits at several points in time, as if a model were fitted again before each test part.

    Each test part begins where its train part ends and where the previous test part ends. The last test part is the one
    of `by_time`. The train part contains everything before the test part.

    Parameters
    ----------
    dataset : Dataset
        With timestamps.
    test : str or timedelta
        The length of each test part, as for `by_time`; ``"7d"`` by default.
    folds : int
        The number of splits, at least 1; 3 by default.

    Yields
    ------
    Split of Dataset
        The oldest first.

    Raises
    ------
    ParameterError
        If `folds` is less than 1.
    DataError
        If there are no timestamps, `test` is not a duration, or a part is empty.

    Examples
    --------
    >>> import gingham as gg
    >>> dataset = gg.synth.sample_dataset()
    >>> [(len(train.interactions), len(test.interactions)) for train, test in gg.split.rolling(dataset, "7d", folds=2)]
    [(767, 111), (878, 122)]
    """
    check_dataset("dataset", dataset)
    check_integer("folds", folds)
    times = _timestamps(dataset)
    length = parse_test(test)
    if not isinstance(length, timedelta):
        raise DataError(f"test={test!r} is not a duration; use for example '7d', '2w' or '12h'.")
    if folds > (times.max() - times.min() + np.timedelta64(_DAY)).item() / length:
        raise DataError(
            f"folds={folds} test parts of {test!r} leave nothing to train on in the time from {times.min().item()} to "
            f"{times.max().item()}; use fewer or shorter test parts."
        )
    starts = period_starts(times, length, folds)
    # Window 0 is before every test part.
    windows = np.searchsorted(starts, times, side="right")
    empty = np.flatnonzero(np.bincount(windows, minlength=folds + 1) == 0)
    if len(empty):
        where = f"test part that begins {starts[empty[0] - 1].item()}" if empty[0] else "first train part"
        raise DataError(f"The {where} is empty with test={test!r} and folds={folds}; choose other folds.")
    # An inner generator, so that invalid parameters raise at the call, not at the first fold.
    return (Split(select(dataset, windows < fold), select(dataset, windows == fold)) for fold in range(1, folds + 1))


def last_n(dataset: Dataset, n: int = 1) -> Split[Dataset]:
    """Split off the last `n` transactions of every user.

    Users with at most `n` transactions are in the test part only.

    Parameters
    ----------
    dataset : Dataset
        With timestamps or order numbers. Among equal ones, later rows are the last ones.
    n : int
        The number of transactions, at least 1; 1 by default.

    Returns
    -------
    Split of Dataset

    Raises
    ------
    ParameterError
        If `n` is less than 1.
    DataError
        If there are neither timestamps nor order numbers, or one part is empty.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.last_n(gg.synth.sample_dataset(), n=2)
    >>> len(train.interactions), len(test.interactions)
    (900, 100)
    """
    check_dataset("dataset", dataset)
    check_integer("n", n)
    users = dataset.interactions.user_index
    if not dataset.interactions.sequence:
        raise DataError(
            "The interactions have no timestamp or order number to split by; name such a column, or split at random."
        )
    _require_interactions(dataset)
    # Stable: by user, then time and order number, then position.
    rows = np.lexsort((*dataset.interactions.sequence, users))
    ends = np.searchsorted(users[rows], users[rows], side="right")
    in_test = np.empty(len(rows), bool)
    in_test[rows] = ends - np.arange(len(rows)) <= n
    return split_rows(dataset, in_test, f"n={n}")


def parse_test(test: object) -> timedelta | datetime:
    """Return the length of the test part, or the time at which it begins.

    Raises
    ------
    DataError
        If `test` is neither.
    """
    if isinstance(test, str):
        for parse in (duration, datetime.fromisoformat):
            with suppress(ValueError, OverflowError):
                return parse_test(parse(test))
    if isinstance(test, datetime):
        return test if test.tzinfo is None else test.astimezone(UTC).replace(tzinfo=None)
    if isinstance(test, date):
        return datetime.combine(test, time())
    if isinstance(test, timedelta) and timedelta(0) < test < _LONGEST:
        return test
    raise DataError(f"test={shown(test)} is not a duration or a date; use for example '7d', '12h' or '2020-09-15'.")


def _timestamps(dataset: Dataset) -> npt.NDArray[np.datetime64]:
    times = dataset.interactions.timestamp
    if times is None and dataset.interactions.order is not None:
        raise DataError(
            "The interactions have order numbers, which have no durations; split off the last transactions of each "
            "user (last_n, kind = 'last-n'), or split at random."
        )
    if times is None:
        raise DataError("The interactions have no timestamp to split by; name its column, or split at random.")
    _require_interactions(dataset)
    return times


def _require_interactions(dataset: Dataset) -> None:
    if not len(dataset.interactions):
        raise DataError("The dataset has no interactions to split; pass at least two.")
