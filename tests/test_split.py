from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from gingham import split
from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import DataError, ParameterError
from gingham.split import SplitSpec

N_USERS, N_ITEMS = 5, 4
START = np.datetime64("2019-09-01T00:00:00", "us")

rows = st.lists(
    st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1), st.integers(0, 40 * 24)), min_size=2
)


def dataset(entries: list[tuple[int, int, int]], timed: bool = True) -> Dataset:
    """A dataset of (user, item, hours since the start); the value tells each row apart."""
    table = np.array(entries, np.int64).reshape(-1, 3)
    times = START + table[:, 2].astype("timedelta64[h]") if timed else None
    users, items = (Ids.from_series(pl.Series(np.arange(size))) for size in (N_USERS, N_ITEMS))
    values = np.arange(len(table))
    return Dataset(users, items, Interactions(table[:, 0], table[:, 1], N_USERS, N_ITEMS, values, times))


def on(*moments: str) -> Dataset:
    hours = [int((np.datetime64(moment, "h") - START) // np.timedelta64(1, "h")) for moment in moments]
    return dataset([(0, 0, hour) for hour in hours])


def numbers(part: Dataset) -> list[int]:
    return [int(value) for value in part.interactions.value]


def pairs(part: Dataset) -> set[int]:
    return set(part.interactions.pairs().tolist())


def assert_halves(whole: Dataset, train: Dataset, test: Dataset) -> None:
    assert sorted(numbers(train) + numbers(test)) == numbers(whole)
    assert numbers(train) == sorted(numbers(train))
    for part in (train, test):
        assert len(part.interactions) > 0
        assert (part.n_users, part.n_items) == (N_USERS, N_ITEMS)
        assert part.user_ids is whole.user_ids


@given(rows, st.sampled_from(["7d", "2w", "12h", "1d", timedelta(hours=30), date(2019, 9, 20)]))
def test_in_time_train_comes_before_test(entries: list[tuple[int, int, int]], test: Any) -> None:
    whole = dataset(entries)
    try:
        early, late = split.by_time(whole, test)
    except DataError:
        assume(False)
    assert_halves(whole, early, late)
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


def test_seven_days_of_dates_are_the_seven_last_days() -> None:
    whole = on(*(f"2019-09-{day:02}" for day in range(1, 23)))
    _, late = split.by_time(whole)
    assert late.interactions.timestamp is not None
    assert late.interactions.timestamp.astype("datetime64[D]").tolist() == [date(2019, 9, day) for day in range(16, 23)]


@given(rows, st.integers(0, 9))
def test_random_parts_share_no_pair(entries: list[tuple[int, int, int]], seed: int) -> None:
    whole = dataset(entries, timed=False)
    n_pairs = len(pairs(whole))
    assume(n_pairs >= 3)
    train, test = split.random(whole, 0.4, seed)
    assert_halves(whole, train, test)
    assert not pairs(train) & pairs(test)
    assert len(pairs(test)) == round(0.4 * n_pairs)
    assert numbers(split.random(whole, 0.4, seed)[1]) == numbers(test)


@given(rows, st.integers(2, 4), st.integers(0, 9))
def test_every_pair_is_in_one_fold(entries: list[tuple[int, int, int]], k: int, seed: int) -> None:
    whole = dataset(entries)
    n_pairs = len(pairs(whole))
    assume(n_pairs >= k)
    folds = list(split.k_fold(whole, k, seed))
    assert len(folds) == k
    for train, test in folds:
        assert_halves(whole, train, test)
        assert not pairs(train) & pairs(test)
        assert len(pairs(test)) in (n_pairs // k, n_pairs // k + 1)
    assert sorted(number for _, test in folds for number in numbers(test)) == numbers(whole)


@given(rows, st.integers(1, 3))
def test_the_last_n_of_each_user(entries: list[tuple[int, int, int]], n: int) -> None:
    whole = dataset(entries)
    expected = []
    for user in range(N_USERS):
        own = [number for number, entry in enumerate(entries) if entry[0] == user]
        expected += sorted(own, key=lambda number: entries[number][2])[-n:]
    assume(len(expected) < len(entries))
    train, test = split.last_n(whole, n)
    assert_halves(whole, train, test)
    assert numbers(test) == sorted(expected)


@pytest.mark.parametrize("made", [sp.csr_matrix, sp.coo_matrix, sp.csc_array, sp.csr_array])
def test_a_bare_matrix_comes_back_as_two(made: Any) -> None:
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 3, (20, 10)).astype(np.float32)
    matrix = made(sp.csr_matrix(dense))
    for train, test in [split.random(matrix, 0.25, 1), *split.k_fold(matrix, 4, 1)]:
        assert isinstance(train, sp.csr_matrix)
        assert train.shape == test.shape == dense.shape
        assert train.dtype == test.dtype == np.float32
        assert abs(test.nnz - 0.25 * matrix.nnz) <= 1
        np.testing.assert_array_equal((train + test).toarray(), dense)
        assert train.multiply(test).nnz == 0
    np.testing.assert_array_equal(matrix.toarray(), dense)


def test_duplicates_of_a_matrix_are_summed_and_its_zeros_kept() -> None:
    entries = ([2.0, 3.0, 0.0, 1.0], ([0, 0, 1, 2], [1, 1, 0, 1]))
    train, test = split.random(sp.coo_matrix(entries, shape=(3, 2)), 1 / 3, 0)
    assert sorted([*train.data, *test.data]) == [0, 1, 5]


@pytest.mark.parametrize("state", [0, np.random.default_rng(0), np.random.RandomState(0), None])
def test_any_source_of_randomness(state: Any) -> None:
    whole = dataset([(user, item, 0) for user in range(5) for item in range(4)])
    assert len(split.random(whole, 0.5, state)[1].interactions) == 10


TIMELESS = dataset([(0, 0, 0), (1, 1, 1)], timed=False)
TIMED = dataset([(0, 0, 0), (1, 1, 1)])


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: split.by_time(TIMELESS), DataError, "no timestamp"),
        (lambda: split.last_n(TIMELESS), DataError, "no timestamp"),
        (lambda: split.by_time(dataset([])), DataError, "no interactions"),
        (lambda: split.by_time(TIMED, "7 days"), DataError, "'7 days'.*'7d', '2w' or '12h'"),
        (lambda: split.by_time(TIMED, "0d"), DataError, "no time"),
        (lambda: split.by_time(TIMED, timedelta(days=-1)), DataError, "no time"),
        (lambda: split.by_time(TIMED, 0.2), DataError, "0.2"),
        (lambda: split.by_time(TIMED, "7d"), DataError, "train part of 2 interactions is empty with test='7d'"),
        (lambda: split.by_time(TIMED, date(2030, 1, 1)), DataError, "test part of 2 interactions is empty"),
        (lambda: split.random(TIMED, 0.01), DataError, "test part of 2 interactions is empty with test=0.01"),
        (lambda: split.random(TIMED, 0.99), DataError, "train part"),
        (lambda: split.random(dataset([])), DataError, "part of 0 interactions is empty"),
        (lambda: split.random(TIMED, 0), ParameterError, "test=0 "),
        (lambda: split.random(TIMED, 1.0), ParameterError, "test=1.0 "),
        (lambda: split.random(TIMED, "7d"), ParameterError, "test='7d' "),
        (lambda: split.k_fold(TIMED, 1), ParameterError, "k=1 .*2 or more"),
        (lambda: split.k_fold(TIMED, 3), DataError, "k=3 folds cannot be made of 2 pairs"),
        (lambda: split.last_n(TIMED, 0), ParameterError, "n=0 .*1 or more"),
        (lambda: split.last_n(TIMED, 1), DataError, "train part of 2 interactions is empty with n=1"),
    ],
)
def test_splits_that_cannot_be_made(act: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        act()


def test_the_recipe_chooses_the_function() -> None:
    whole = dataset([(hour % 5, hour % 4, hour * 24) for hour in range(30)])
    for spec, expected in (
        (SplitSpec(), split.by_time(whole)),
        (SplitSpec(test="3d"), split.by_time(whole, "3d")),
        (SplitSpec(test=date(2019, 9, 20)), split.by_time(whole, date(2019, 9, 20))),
        (SplitSpec(kind="random"), split.random(whole, random_state=42)),
        (SplitSpec(kind="random", test=0.5, random_state=1), split.random(whole, 0.5, 1)),
        (SplitSpec(kind="last-n"), split.last_n(whole)),
        (SplitSpec(kind="last-n", test=2), split.last_n(whole, 2)),
    ):
        assert [numbers(part) for part in spec.apply(whole)] == [numbers(part) for part in expected]


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "time", "test": 0.2},
        {"kind": "time", "test": "7 days"},
        {"kind": "random", "test": "7d"},
        {"kind": "random", "test": True},
        {"kind": "last-n", "test": 0.2},
        {"kind": "last-n", "test": 0},
        {"kind": "rolling"},
    ],
)
def test_a_recipe_whose_size_does_not_fit_its_kind(spec: Any) -> None:
    with pytest.raises(ValidationError):
        SplitSpec(**spec)
