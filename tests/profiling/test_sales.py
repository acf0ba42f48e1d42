from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from gingham.profiling.sales import Sales

DAYS = [datetime(2024, 1, 3, 23, 59), datetime(2024, 1, 1), datetime(2024, 1, 10, 12), datetime(2024, 1, 3)]


def sales(ids: pl.Series) -> Sales:
    return Sales.of(pl.DataFrame({"user_id": ids, "item_id": [7, 7, 8, 9], "timestamp": pl.Series(DAYS)}))


@pytest.mark.parametrize(
    "ids",
    [
        pl.Series(["b", "a", "b", "c"]),
        pl.Series(["b", "a", "b", "c"], dtype=pl.Categorical),
        pl.Series([5, -2, 5, 6]),
        pl.Series([2**62, -(2**62), 2**62, 0]),
    ],
    ids=["text", "category", "number", "far number"],
)
def test_equal_ids_have_equal_small_codes(ids: pl.Series) -> None:
    codes = sales(ids).array("user")
    assert (codes[0] == codes[2], len(set(codes.tolist()))) == (True, 3)
    assert codes.max() < 1_000


def test_days_are_counted_from_the_first() -> None:
    rows = sales(pl.Series([1, 1, 1, 1]))
    assert (rows.first_day, rows.n_days) == (date(2024, 1, 1), 10)
    assert rows.array("day").tolist() == [2, 0, 9, 2]


def test_the_last_week_ends_on_the_last_day() -> None:
    rows = sales(pl.Series([1, 1, 1, 1]))
    # ten days: a short week of three days, then 4 to 10 January
    assert rows.n_weeks == 2
    assert np.asarray(rows.week).tolist() == [0, 0, 1, 0]
    assert rows.week_start(1) == date(2024, 1, 4)


def test_without_timestamps_there_is_one_day() -> None:
    rows = Sales.of(pl.DataFrame({"user_id": ["a"], "item_id": ["x"]}))
    assert (rows.first_day, rows.n_days) == (None, 1)
