import pickle
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from gingham import split
from gingham.dataset import Dataset, Features, Ids, Interactions
from gingham.errors import DataError, ParameterError
from gingham.split import Split, SplitSpec

N_USERS, N_ITEMS = 5, 4
FEATURES = Features(sp.identity(N_USERS, dtype=np.float32, format="csr"), ())
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
    return Dataset(users, items, Interactions(table[:, 0], table[:, 1], N_USERS, N_ITEMS, values, times), FEATURES)


def on(*moments: str) -> Dataset:
    hours = [int((np.datetime64(moment, "h") - START) // np.timedelta64(1, "h")) for moment in moments]
    return dataset([(0, 0, hour) for hour in hours])


def numbers(part: Dataset) -> list[int]:
    return [int(value) for value in part.interactions.value]


def pairs(part: Dataset) -> set[int]:
    return set(part.interactions.pairs().tolist())


def assert_halves(whole: Dataset, made: Split[Dataset]) -> None:
    """Every row is in one part, as it was; what is cold is what the test part has alone."""
    train, test = made
    assert (made.train, made.test) == (train, test)
    assert sorted(numbers(train) + numbers(test)) == numbers(whole)
    assert_parts(whole, made)


def assert_parts(whole: Dataset, made: Split[Dataset]) -> None:
    train, test = made
    assert not set(numbers(train)) & set(numbers(test))
    for part in made:
        rows = np.array(numbers(part))
        assert (np.diff(rows) > 0).all()
        np.testing.assert_array_equal(part.interactions.user_index, whole.interactions.user_index[rows])
        np.testing.assert_array_equal(part.interactions.item_index, whole.interactions.item_index[rows])
        if whole.interactions.timestamp is None:
            assert part.interactions.timestamp is None
        else:
            np.testing.assert_array_equal(part.interactions.timestamp, whole.interactions.timestamp[rows])
        assert part.user_features is whole.user_features
    for cold, before, after in (
        (made.cold_users, train.interactions.user_index, test.interactions.user_index),
        (made.cold_items, train.interactions.item_index, test.interactions.item_index),
    ):
        assert cold.dtype == np.int32
        assert cold.tolist() == sorted(set(after.tolist()) - set(before.tolist()))
    for part in (train, test):
        assert len(part.interactions) > 0
        assert (part.n_users, part.n_items) == (N_USERS, N_ITEMS)
        assert part.user_ids is whole.user_ids


@given(rows, st.sampled_from(["7d", "2w", "12h", "1d", timedelta(hours=30), date(2019, 9, 20)]))
def test_in_time_train_comes_before_test(entries: list[tuple[int, int, int]], test: Any) -> None:
    whole = dataset(entries)
    try:
        made = split.by_time(whole, test)
    except DataError:
        assume(False)
    assert_halves(whole, made)
    early, late = made
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
    made = split.random(whole, 0.4, seed)
    assert_halves(whole, made)
    train, test = made
    assert not pairs(train) & pairs(test)
    assert len(pairs(test)) == round(0.4 * n_pairs)
    assert numbers(split.random(whole, 0.4, seed)[1]) == numbers(test)


@given(rows, st.integers(0, 9))
def test_random_parts_share_no_user(entries: list[tuple[int, int, int]], seed: int) -> None:
    whole = dataset(entries, timed=False)
    n_users = len({user for user, _, _ in entries})
    assume(n_users >= 2)
    made = split.random(whole, 0.4, seed, by="user")
    assert_halves(whole, made)
    users = [set(part.interactions.user_index.tolist()) for part in made]
    assert not users[0] & users[1]
    assert len(users[1]) == round(0.4 * n_users)
    assert set(made.cold_users.tolist()) == users[1]
    assert numbers(split.random(whole, 0.4, seed, by="user").test) == numbers(made.test)


@given(rows, st.sampled_from(["7d", "1d", "30h", timedelta(days=4)]), st.integers(1, 4))
def test_rolling_is_in_time_again_and_again(entries: list[tuple[int, int, int]], test: Any, folds: int) -> None:
    whole = dataset(entries)
    try:
        made = list(split.rolling(whole, test, folds))
    except DataError:
        assume(False)
    assert len(made) == folds
    times = pd.Series(whole.interactions.timestamp)
    length = pd.Timedelta(test.replace("d", "D") if isinstance(test, str) else test)
    if length % pd.Timedelta(days=1):
        first = times.max() - folds * length
        expected = [(times > first + fold * length) & (times <= first + (fold + 1) * length) for fold in range(folds)]
    else:
        first = times.max().normalize() + pd.Timedelta(days=1) - folds * length
        expected = [(times >= first + fold * length) & (times < first + (fold + 1) * length) for fold in range(folds)]
    for fold, (one, late) in enumerate(zip(made, expected, strict=True)):
        assert_parts(whole, one)
        assert numbers(one.test) == np.flatnonzero(late).tolist()
        assert numbers(one.train) == [n for n in numbers(whole) if times[n] < times[numbers(one.test)].min()]
        if fold:
            assert numbers(one.train) == sorted(numbers(made[fold - 1].train) + numbers(made[fold - 1].test))
    assert [numbers(part) for part in made[-1]] == [numbers(part) for part in split.by_time(whole, test)]


@given(rows, st.integers(2, 4), st.integers(0, 9))
def test_every_pair_is_in_one_fold(entries: list[tuple[int, int, int]], k: int, seed: int) -> None:
    whole = dataset(entries)
    n_pairs = len(pairs(whole))
    assume(n_pairs >= k)
    folds = list(split.k_fold(whole, k, seed))
    assert len(folds) == k
    for made in folds:
        assert_halves(whole, made)
        train, test = made
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
    made = split.last_n(whole, n)
    assert_halves(whole, made)
    assert numbers(made.test) == sorted(expected)


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


@pytest.mark.parametrize("made", [sp.csr_matrix, sp.coo_matrix, sp.csc_array])
def test_users_of_a_bare_matrix_go_to_one_part(made: Any) -> None:
    dense = np.random.default_rng(0).integers(0, 3, (20, 10)).astype(np.float32)
    dense[7] = 0
    halves = split.random(made(dense), 0.25, 1, by="user")
    there = [part.toarray().any(axis=1) for part in halves]
    assert there[1].sum() == round(0.25 * 19)
    assert not (there[0] & there[1]).any()
    np.testing.assert_array_equal((halves.train + halves.test).toarray(), dense)
    assert halves.cold_users.tolist() == np.flatnonzero(there[1]).tolist()


def test_a_split_survives_a_copy() -> None:
    made = split.random(sp.csr_matrix(np.eye(4)), 0.5, 1)
    copied = pickle.loads(pickle.dumps(made))
    assert isinstance(copied, Split)
    for part, same in zip(made, copied, strict=True):
        np.testing.assert_array_equal(part.toarray(), same.toarray())


def test_what_is_cold_in_a_matrix_has_no_entry_in_train() -> None:
    train = sp.csr_matrix(([0.0, 1.0], ([0, 1], [0, 1])), shape=(4, 4))
    test = sp.csr_matrix(([1.0, 0.0, 1.0, 1.0], ([0, 2, 3, 3], [1, 0, 3, 2])), shape=(4, 4))
    made = Split(train, test)
    assert made.cold_users.tolist() == [2, 3]
    assert made.cold_items.tolist() == [2, 3]
    assert made.cold_items.dtype == np.int32


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
        (lambda: split.by_time(TIMED, "99999999w"), DataError, "'99999999w' is no time"),
        (lambda: split.by_time(TIMED, "9999999999999999w"), DataError, "is no time"),
        (
            lambda: split.random(TIMED, 0.5, -1),
            ParameterError,
            "random_state must be an integer.*, not -1",
        ),
        (
            lambda: split.k_fold(TIMED, 2, "a"),
            ParameterError,
            "random_state must be an integer.*, not 'a'",
        ),
        (lambda: split.random(TIMED, 0.5, by="item"), ParameterError, "by='item' .*'pair' or 'user'"),
        (lambda: split.random(TIMED, 0.1, by="user"), DataError, "test part of 2 interactions is empty with test=0.1"),
        (lambda: split.rolling(TIMED, date(2019, 9, 1)), DataError, "no length of time"),
        (lambda: split.rolling(TIMED, "7 days"), DataError, "'7 days' is no time"),
        (lambda: split.rolling(TIMED, folds=0), ParameterError, "folds=0 .*1 or more"),
        (lambda: split.rolling(TIMED, folds=10**12), DataError, "folds=1000000000000 test parts of '7d' leave nothing"),
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
        (SplitSpec(kind="random", by="user"), split.random(whole, random_state=42, by="user")),
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
        {"kind": "random", "by": "item"},
        {"kind": "random", "random_state": -1},
        {"kind": "time", "by": "user"},
    ],
)
def test_a_recipe_whose_size_does_not_fit_its_kind(spec: Any) -> None:
    with pytest.raises(ValidationError):
        SplitSpec(**spec)
