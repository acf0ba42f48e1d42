"""Small datasets, and what holds for the parts of every split."""

import numpy as np
import polars as pl
import scipy.sparse as sp
from hypothesis import strategies as st

from gingham.dataset import Dataset, Features, Ids, Interactions
from gingham.split import Split

N_USERS, N_ITEMS = 5, 4
FEATURES = Features(sp.identity(N_USERS, dtype=np.float32, format="csr"), ())
START = np.datetime64("2019-09-01T00:00:00", "us")

rows = st.lists(
    st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1), st.integers(0, 40 * 24)), min_size=2
)


def dataset(entries: list[tuple[int, int, int]], timed: bool = True) -> Dataset:
    """Return a dataset of (user, item, hours since the start); the value of each row is its number."""
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


def assert_halves(whole: Dataset, split: Split[Dataset]) -> None:
    """Every row is in one part, and `assert_parts` holds."""
    train, test = split
    assert (split.train, split.test) == (train, test)
    assert sorted(numbers(train) + numbers(test)) == numbers(whole)
    assert_parts(whole, split)


def assert_parts(whole: Dataset, split: Split[Dataset]) -> None:
    """Rows are in one part at most and unchanged; cold users and items are those of the test part alone."""
    train, test = split
    assert not set(numbers(train)) & set(numbers(test))
    for part in split:
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
        (split.cold_users, train.interactions.user_index, test.interactions.user_index),
        (split.cold_items, train.interactions.item_index, test.interactions.item_index),
    ):
        assert cold.dtype == np.int32
        assert cold.tolist() == sorted(set(after.tolist()) - set(before.tolist()))
    for part in (train, test):
        assert len(part.interactions) > 0
        assert (part.n_users, part.n_items) == (N_USERS, N_ITEMS)
        assert part.user_ids is whole.user_ids


TIMELESS = dataset([(0, 0, 0), (1, 1, 1)], timed=False)
TIMED = dataset([(0, 0, 0), (1, 1, 1)])
