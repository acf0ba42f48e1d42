from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gingham import split
from gingham.errors import DataError, ParameterError
from tests.split.samples import N_USERS, TIMED, TIMELESS, assert_halves, assert_parts, dataset, numbers, on, rows


@given(rows, st.sampled_from(["7d", "2w", "12h", "1d", timedelta(hours=30), date(2019, 9, 20)]))
def test_train_is_earlier_than_test(entries: list[tuple[int, int, int]], test: Any) -> None:
    whole = dataset(entries)
    try:
        parts = split.by_time(whole, test)
    except DataError:
        assume(False)
    assert_halves(whole, parts)
    early, late = parts
    assert early.interactions.timestamp is not None
    assert late.interactions.timestamp is not None
    assert early.interactions.timestamp.max() < late.interactions.timestamp.min()


@pytest.mark.parametrize(
    ("test", "late"),
    [
        ("7d", [3, 4, 5]),
        (timedelta(days=7), [3, 4, 5]),
        ("1w", [3, 4, 5]),
        ("1d", [5]),
        ("8d", [2, 3, 4, 5]),
        ("12h", [5]),
        ("36h", [4, 5]),
        (date(2019, 9, 15), [2, 3, 4, 5]),
        ("2019-09-16", [3, 4, 5]),
        (datetime(2019, 9, 15, 23), [2, 3, 4, 5]),
        ("2019-09-16T00:00:00+00:00", [3, 4, 5]),
        (datetime(2019, 9, 16, tzinfo=UTC), [3, 4, 5]),
    ],
)
def test_days_are_calendar_days_and_hours_count_back_from_the_last_timestamp(test: Any, late: list[int]) -> None:
    whole = on("2019-09-01", "2019-09-14T12", "2019-09-15T23", "2019-09-16T00", "2019-09-21T10", "2019-09-22T20")
    assert numbers(split.by_time(whole, test)[1]) == late


def test_seven_days_are_the_seven_last_dates() -> None:
    whole = on(*(f"2019-09-{day:02}" for day in range(1, 23)))
    _, late = split.by_time(whole)
    assert late.interactions.timestamp is not None
    assert late.interactions.timestamp.astype("datetime64[D]").tolist() == [date(2019, 9, day) for day in range(16, 23)]


@given(rows, st.sampled_from(["7d", "1d", "30h", timedelta(days=4)]), st.integers(1, 4))
def test_rolling_splits_at_several_times(entries: list[tuple[int, int, int]], test: Any, folds: int) -> None:
    whole = dataset(entries)
    try:
        parts = list(split.rolling(whole, test, folds))
    except DataError:
        assume(False)
    assert len(parts) == folds
    times = pd.Series(whole.interactions.timestamp)
    length = pd.Timedelta(test.replace("d", "D") if isinstance(test, str) else test)
    if length % pd.Timedelta(days=1):
        first = times.max() - folds * length
        expected = [(times > first + fold * length) & (times <= first + (fold + 1) * length) for fold in range(folds)]
    else:
        first = times.max().normalize() + pd.Timedelta(days=1) - folds * length
        expected = [(times >= first + fold * length) & (times < first + (fold + 1) * length) for fold in range(folds)]
    for fold, (one, late) in enumerate(zip(parts, expected, strict=True)):
        assert_parts(whole, one)
        assert numbers(one.test) == np.flatnonzero(late).tolist()
        assert numbers(one.train) == [n for n in numbers(whole) if times[n] < times[numbers(one.test)].min()]
        if fold:
            assert numbers(one.train) == sorted(numbers(parts[fold - 1].train) + numbers(parts[fold - 1].test))
    assert [numbers(part) for part in parts[-1]] == [numbers(part) for part in split.by_time(whole, test)]


@given(rows, st.integers(1, 3))
def test_last_n_takes_the_last_rows_of_each_user(entries: list[tuple[int, int, int]], n: int) -> None:
    whole = dataset(entries)
    expected = []
    for user in range(N_USERS):
        own = [number for number, entry in enumerate(entries) if entry[0] == user]
        expected += sorted(own, key=lambda number: entries[number][2])[-n:]
    assume(len(expected) < len(entries))
    parts = split.last_n(whole, n)
    assert_halves(whole, parts)
    assert numbers(parts.test) == sorted(expected)


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: split.by_time(TIMELESS), DataError, "no timestamp"),
        (lambda: split.by_time(dataset([])), DataError, "no interactions"),
        (lambda: split.by_time(TIMED, "7 days"), DataError, "'7 days' is not a duration or a date; .*'7d'"),
        (lambda: split.by_time(TIMED, "0d"), DataError, "'0d' is not a duration or a date"),
        (lambda: split.by_time(TIMED, timedelta(days=-1)), DataError, "is not a duration or a date"),
        (lambda: split.by_time(TIMED, 0.2), DataError, "0.2"),
        (lambda: split.by_time(TIMED, "99999999w"), DataError, "'99999999w' is not a duration"),
        (lambda: split.by_time(TIMED, "9999999999999999w"), DataError, "is not a duration"),
        (lambda: split.by_time(TIMED, "7d"), DataError, "train part of 2 interactions is empty with test='7d'"),
        (lambda: split.by_time(TIMED, date(2030, 1, 1)), DataError, "test part of 2 interactions is empty"),
        (lambda: split.rolling(TIMED, date(2019, 9, 1)), DataError, "is not a duration; use for example '7d'"),
        (lambda: split.rolling(TIMED, "7 days"), DataError, "'7 days' is not a duration"),
        (lambda: split.rolling(TIMED, folds=0), ParameterError, "folds must be a positive integer, not 0"),
        (lambda: split.rolling(TIMED, folds=10**9), DataError, "folds=1000000000 test parts of '7d' leave nothing"),
        (lambda: split.rolling(TIMELESS), DataError, "no timestamp"),
        (lambda: split.rolling(dataset([]), "1d", 1), DataError, "no interactions"),
        (
            lambda: split.rolling(on("2019-09-01", "2019-09-10", "2019-09-30"), "7d", 2),
            DataError,
            "test part that begins 2019-09-17 00:00:00 is empty",
        ),
        (
            lambda: split.rolling(on("2019-09-01", "2019-09-08", "2019-09-14"), "7d", 2),
            DataError,
            "first train part is empty",
        ),
        (lambda: split.last_n(TIMELESS), DataError, "no timestamp"),
        (lambda: split.last_n(TIMED, 0), ParameterError, "n must be a positive integer, not 0"),
        (lambda: split.last_n(TIMED, 1), DataError, "train part of 2 interactions is empty with n=1"),
    ],
)
def test_invalid_arguments_and_empty_parts(act: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        act()
