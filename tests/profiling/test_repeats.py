from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.profiling.repeats import Repeats
from gingham.profiling.sales import Sales


def repeats(rows: list[tuple[int, int, int]]) -> Repeats:
    """Return the repeats of (user, item, day) rows."""
    users, items, days = zip(*rows, strict=True)
    dates = pl.Series([date(2024, 1, 1) + timedelta(days=day) for day in days]).cast(pl.Datetime("us"))
    return Repeats.of(Sales.of(pl.DataFrame({"user_id": users, "item_id": items, "timestamp": dates})))


def test_repeats_by_hand() -> None:
    result = repeats(
        [
            (1, 1, 5),
            (1, 1, 0),
            (1, 1, 0),  # two on the first day are not repeats
            (1, 1, 8),
            (1, 1, 8),  # both on a later day are
            (1, 2, 9),
            (2, 1, 9),
            (2, 1, 10),
        ]
    )
    assert result.gaps is not None
    assert result.gaps.rows() == [(1, 1), (3, 1), (5, 1)]
    assert (result.number, result.share, result.median_days) == (4, 0.5, 3)


def test_no_repeats() -> None:
    result = repeats([(1, 1, 0), (1, 2, 1), (2, 2, 2)])
    assert (result.number, result.share, result.median_days) == (0, 0, None)


def test_without_timestamps_each_further_row_is_a_repeat() -> None:
    result = Repeats.of(Sales.of(pl.DataFrame({"user_id": ["a", "a", "b", "a"], "item_id": ["x", "x", "x", "y"]})))
    assert (result.number, result.share, result.gaps, result.median_days) == (1, 0.25, None, None)


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 20)), min_size=1, max_size=60)


@given(ROWS)
def test_repeats_equal_a_loop(rows: list[tuple[int, int, int]]) -> None:
    bought: dict[tuple[int, int], list[int]] = {}
    for user, item, day in rows:
        bought.setdefault((user, item), []).append(day)
    again = sum(day > min(days) for days in bought.values() for day in days)
    gaps = [gap for days in bought.values() for gap in np.diff(sorted(set(days))).tolist()]
    result = repeats(rows)
    assert result.gaps is not None
    assert result.number == again
    assert sorted(np.repeat(result.gaps["days"], result.gaps["number"]).tolist()) == sorted(gaps)
    assert result.median_days == (pytest.approx(float(np.median(gaps))) if gaps else None)


def test_repeats_equal_pandas(shop: Any) -> None:
    rows = shop.transactions
    first = rows.groupby(["customer_id", "article_id"]).t_dat.transform("min")
    assert shop.profile.repeats.number == int((rows.t_dat > first).sum())
    days = rows[["customer_id", "article_id", "t_dat"]].drop_duplicates().sort_values("t_dat")
    gaps = days.groupby(["customer_id", "article_id"]).t_dat.diff().dropna().dt.days
    expected: pd.Series[int] = gaps.value_counts().sort_index()
    assert shop.profile.repeats.gaps.rows() == list(expected.items())
    assert shop.profile.repeats.median_days == gaps.median()
