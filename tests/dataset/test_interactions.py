from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.dataset import Interactions
from gingham.errors import DataError, ParameterError

DAYS = np.array(["2019-01-03", "2019-01-01", "2019-01-02"], "datetime64[us]")

rows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(-5, 5), st.integers(0, 3)))


def interactions(entries: list[tuple[int, int, int, int]], timed: bool = True) -> Interactions:
    table = np.array(entries, np.int64).reshape(-1, 4)
    times = table[:, 3].astype("datetime64[D]") if timed else None
    return Interactions(table[:, 0], table[:, 1], 5, 4, table[:, 2], times)


def test_types_and_defaults() -> None:
    ours = Interactions([0, 1], np.array([1, 0], np.int64), 2, 2)
    assert ours.user_index.dtype == ours.item_index.dtype == np.int32
    assert ours.value.dtype == np.float32
    assert ours.value.tolist() == [1, 1]
    assert ours.timestamp is None
    assert len(ours) == 2


def test_no_rows() -> None:
    empty = Interactions([], [], 3, 2)
    for duplicates in ("sum", "max", "last"):
        assert empty.matrix(duplicates).shape == (3, 2)
        assert empty.matrix(duplicates).nnz == 0


def test_take_by_mask_and_by_number() -> None:
    ours = Interactions([0, 1, 2], [2, 1, 0], 3, 3, [5, 6, 7], DAYS)
    for chosen in (np.array([True, False, True]), np.array([0, 2])):
        part = ours.take(chosen)
        assert part.user_index.tolist() == [0, 2]
        assert part.item_index.tolist() == [2, 0]
        assert part.value.tolist() == [5, 7]
        assert part.timestamp is not None
        assert part.timestamp.tolist() == DAYS[[0, 2]].tolist()
        assert (part.n_users, part.n_items) == (3, 3)


@pytest.mark.parametrize(("duplicates", "value"), [("sum", 11), ("max", 5), ("last", 4)])
def test_duplicates(duplicates: Any, value: float) -> None:
    # By time: 2, 4 (at the same time as another row, later by position), so the greatest is not the last.
    times = np.array(["2019-01-02", "2019-01-01", "2019-01-02"], "datetime64[us]")
    matrix = Interactions([1, 1, 1], [0, 0, 0], 2, 1, [5, 2, 4], times).matrix(duplicates)
    assert matrix.toarray().tolist() == [[0], [value]]


@given(rows, st.booleans())
def test_duplicates_are_those_of_a_plain_loop(entries: list[tuple[int, int, int, int]], timed: bool) -> None:
    ours = interactions(entries, timed)
    for duplicates in ("sum", "max", "last"):
        expected: dict[tuple[int, int], float] = {}
        for user, item, value, _ in sorted(entries, key=lambda row: row[3]) if timed else entries:
            before = expected.get((user, item))
            if duplicates == "last" or before is None:
                expected[user, item] = value
            else:
                expected[user, item] = before + value if duplicates == "sum" else max(before, value)
        matrix = ours.matrix(duplicates)
        assert matrix.dtype == np.float32
        assert matrix.has_canonical_format
        coordinates = matrix.tocoo()
        places = zip(coordinates.row.tolist(), coordinates.col.tolist(), strict=True)
        assert dict(zip(places, coordinates.data.tolist(), strict=True)) == expected


@given(rows)
def test_pairs_are_equal_if_user_and_item_are(entries: list[tuple[int, int, int, int]]) -> None:
    pairs = interactions(entries).pairs()
    for first, row in zip(pairs, entries, strict=True):
        for second, other in zip(pairs, entries, strict=True):
            assert (first == second) == (row[:2] == other[:2])


@pytest.mark.parametrize(
    ("given_arrays", "words"),
    [
        ({"user_index": [0, 3]}, "user_index holds 3, which is outside 0 to 2"),
        ({"user_index": [0, -1]}, "user_index holds -1"),
        ({"item_index": [0, 2]}, "item_index holds 2, which is outside 0 to 1"),
        ({"item_index": [0]}, r"item_index has shape \(1,\)"),
        ({"item_index": [0.0, 1.0]}, "item_index .* float64"),
        ({"value": [1.0]}, r"value has shape \(1,\)"),
        ({"value": [1.0, float("nan")]}, r"value\[1\] is nan"),
        ({"value": [float("inf"), 1.0]}, r"value\[0\] is inf"),
        ({"timestamp": DAYS}, r"timestamp has shape \(3,\)"),
        ({"timestamp": np.array(["2019-01-01", "NaT"], "datetime64[us]")}, r"timestamp\[1\]"),
        ({"timestamp": np.array(["2019-01-01", "20000-01-01"], "datetime64[us]")}, r"timestamp\[1\] is 20000"),
    ],
)
def test_invalid_arrays(given_arrays: Any, words: str) -> None:
    right = {"user_index": [0, 2], "item_index": [1, 0], "n_users": 3, "n_items": 2}
    with pytest.raises(DataError, match=words):
        Interactions(**right | given_arrays)


def test_unknown_treatment_of_duplicates() -> None:
    with pytest.raises(ParameterError, match="'mean'"):
        Interactions([0], [0], 1, 1).matrix("mean")  # type: ignore[arg-type]


def test_weights_decay_by_half_life() -> None:
    times = np.array(["2024-01-01T00", "2024-01-03T00", "2024-01-04T12", "2024-01-05T00"], "datetime64[us]")
    rows = Interactions([0, 1, 0, 1], [0, 0, 1, 1], 2, 2, value=[8, 8, -4, 1], timestamp=times)
    decayed = rows.decayed(timedelta(days=2))
    assert decayed.value.dtype == np.float32
    np.testing.assert_allclose(decayed.value, [2, 4, -4 / 2**0.25, 1], rtol=1e-6)
    np.testing.assert_array_equal(decayed.timestamp, times)
    np.testing.assert_array_equal(rows.value, [8, 8, -4, 1])


def test_weights_decay_by_a_power_of_days() -> None:
    times = np.array(["2024-01-02", "2024-01-04T12", "2024-01-05"], "datetime64[us]")
    rows = Interactions([0, 1, 0], [0, 0, 1], 2, 2, value=[8, -4, 1], timestamp=times)
    decayed = rows.decayed(2)
    assert decayed.value.dtype == np.float32
    np.testing.assert_allclose(decayed.value, [8 / 16, -4 / 2.25, 1], rtol=1e-6)
    np.testing.assert_array_equal(rows.value, [8, -4, 1])


def test_very_old_transactions_keep_a_positive_weight() -> None:
    rows = Interactions([0, 1], [0, 0], 2, 1, timestamp=np.array(["1970-01-01", "2024-01-01"], "datetime64[us]"))
    for decay in (timedelta(hours=1), 40.0):
        assert 0 < rows.decayed(decay).value[0] < 1e-20


def test_without_timestamps_weights_do_not_decay() -> None:
    rows = Interactions([0, 1], [1, 0], 2, 2, value=[3, 4])
    np.testing.assert_array_equal(rows.decayed(1).value, [3, 4])
    np.testing.assert_array_equal(rows.decayed(timedelta(days=1)).value, [3, 4])
    empty = Interactions([], [], 2, 2, timestamp=np.empty(0, "datetime64[us]"))
    assert len(empty.decayed(timedelta(days=1))) == len(empty.decayed(1)) == 0


def test_when_items_were_bought() -> None:
    rng = np.random.default_rng(3)
    n, users, items = 200, rng.integers(0, 6, 200), rng.integers(0, 9, 200)
    values = rng.choice([1.0, 2.0, 0.0, -1.0], n)
    times = np.datetime64("1969-12-30", "us") + rng.integers(0, 10**12, n).astype("timedelta64[us]")
    log = Interactions(users, items, 7, 10, value=values, timestamp=times)
    assert log.latest == times.max()
    last, first = log.last_bought, log.first_sold
    assert last is not None
    assert last.has_sorted_indices
    assert np.isnat(first[9])
    for item in range(9):
        assert first[item] == times[(items == item) & (values > 0)].min()
        for user in range(7):
            bought = times[(items == item) & (values > 0) & (users == user)]
            stored = last[user].data[last[user].indices == item].tolist()
            assert stored == ([int(bought.max().astype(np.int64))] if len(bought) else [])


def test_without_times_nothing_is_known_of_when_items_were_bought() -> None:
    log = Interactions([0], [1], 1, 2)
    assert log.latest is None
    assert log.last_bought is None
    assert np.isnat(log.first_sold).all()
    empty = Interactions([], [], 1, 2, timestamp=np.empty(0, "datetime64[us]"))
    assert empty.latest is None
    assert empty.last_bought is not None
    assert empty.last_bought.nnz == 0
