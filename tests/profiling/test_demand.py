from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.profiling.demand import BEST_SELLERS, Spread, best_sellers, median_half_life
from gingham.profiling.sales import Sales


def spread(purchases: list[int]) -> Spread:
    users = np.repeat(np.arange(len(purchases)), purchases)
    return Spread.of(Sales.of(pl.DataFrame({"user_id": users, "item_id": users})), "user")


def gini_by_pairs(purchases: list[int]) -> float:
    """The definition: the mean absolute difference of all pairs, over twice the mean."""
    values = np.array(purchases, float)
    return float(np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean()))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_gini_is_half_the_relative_mean_difference(purchases: list[int]) -> None:
    assert spread(purchases).gini == pytest.approx(gini_by_pairs(purchases), abs=1e-12)


def test_spread_by_hand() -> None:
    result = spread([1, 1, 1, 2, 5])
    assert result.counts.rows() == [(1, 3), (2, 1), (5, 1)]
    assert (result.number, result.median, result.share_with(1)) == (5, 1, 0.6)
    assert result.share_of_top(0.2) == 0.5
    assert result.share_of_top(0.01) == 0.5  # at least one
    assert result.bins().rows() == [(1, 1, 3), (2, 3, 1), (4, 7, 1)]
    population, share = result.curve(6)
    assert population == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert share == pytest.approx([0, 0.1, 0.2, 0.3, 0.5, 1])


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=8))
def test_each_user_is_in_one_bin(purchases: list[int]) -> None:
    bins = spread(purchases).bins()
    for low, high, number in bins.iter_rows():
        assert number == sum(low <= value <= high for value in purchases)
    assert bins["number"].sum() == len(purchases)


def test_counts_equal_pandas(shop: Any) -> None:
    for spread_, column in ((shop.profile.users, "customer_id"), (shop.profile.items, "article_id")):
        expected = shop.transactions[column].value_counts().value_counts().sort_index()
        assert spread_.counts["purchases"].to_list() == expected.index.to_list()
        assert spread_.counts["number"].to_list() == expected.to_list()


def weekly_sales(weekly: dict[str, list[int]]) -> Sales:
    """Return sales with these numbers of transactions per item and week; the last week is complete."""
    weeks = max(map(len, weekly.values()))
    rows = [
        ("u", item, date(2024, 1, 1) + timedelta(weeks=week))
        for item, numbers in weekly.items()
        for week, number in enumerate(numbers)
        for _ in range(number)
    ]
    rows.append(("u", "end", date(2024, 1, 1) + timedelta(weeks=weeks, days=-1)))
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return Sales.of(frame.with_columns(pl.col("timestamp").cast(pl.Datetime("us"))))


def best(weekly: dict[str, list[int]], names: pl.DataFrame | None = None) -> pl.DataFrame:
    sales = weekly_sales(weekly)
    return best_sellers(sales, Spread.of(sales, "item"), names)


def test_half_lives_by_hand() -> None:
    table = best({"fast": [2, 10, 5, 5], "slow": [8, 7, 7, 4], "never": [1, 1, 6, 5], "rare": [3, 0, 0, 0]})
    assert table["item_id"].to_list() == ["slow", "fast", "never", "rare", "end"]
    assert table["purchases"].to_list() == [26, 22, 13, 3, 1]
    rows = {row["item_id"]: row for row in table.iter_rows(named=True)}
    assert [rows[item]["half_life"] for item in ("fast", "slow", "never")] == [7, 21, None]
    assert rows["fast"]["peak_week"] == date(2024, 1, 8)
    assert [rows[item]["telling"] for item in ("fast", "slow", "never", "rare")] == [True, True, True, False]
    assert median_half_life(table) == 21  # of 7, 21 and infinity; "rare" is excluded


def test_median_half_life_needs_more_than_half_of_the_items_to_have_halved() -> None:
    assert median_half_life(best({"one": [9, 1], "two": [5, 6]})) is None
    assert median_half_life(best({"rare": [1, 0, 0]})) is None
    assert median_half_life(best_sellers(*without_times(), None)) is None


def without_times() -> tuple[Sales, Spread]:
    sales = Sales.of(pl.DataFrame({"user_id": ["a", "b", "a"], "item_id": ["x", "x", "y"]}))
    return sales, Spread.of(sales, "item")


def test_best_sellers_without_timestamps_have_no_half_life() -> None:
    names = pl.DataFrame({"item_id": ["y", "x"], "name": ["Why", None]})
    assert best_sellers(*without_times(), names).to_dicts() == [
        {"item_id": "x", "name": None, "purchases": 2},
        {"item_id": "y", "name": "Why", "purchases": 1},
    ]


def test_best_sellers_equal_pandas(shop: Any) -> None:
    table, rows = shop.profile.best_sellers, shop.transactions
    counts = rows.article_id.value_counts()
    assert table["purchases"].to_list() == counts.head(BEST_SELLERS).to_list()
    names = shop.articles.set_index("article_id").prod_name
    back = (rows.t_dat.max() - rows.t_dat).dt.days // 7
    for row in table.iter_rows(named=True):
        assert row["purchases"] == counts[row["item_id"]]
        assert row["name"] == names[row["item_id"]]
        weekly = back[rows.article_id == row["item_id"]].value_counts().reindex(range(back.max(), -1, -1), fill_value=0)
        peak = weekly.idxmax()
        later = weekly.loc[peak:]
        halved = later[later <= later.iloc[0] / 2]
        assert row["half_life"] == (None if halved.empty else 7 * (peak - halved.index[0]))
    half_lives = table.filter("telling")["half_life"].to_pandas().fillna(np.inf)
    median = pd.Series(half_lives, dtype=float).median()
    assert shop.profile.half_life == (median if np.isfinite(median) else None)
