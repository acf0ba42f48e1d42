from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.profiling.columns import ProfiledTable
from gingham.profiling.descriptions import UNKNOWN, counts, histograms, missing


def test_counts_equal_pandas(shop: Any) -> None:
    result = next(part for part in shop.profile.counts if part.column == "index_name")
    assert (result.table, result.within) == ("items", "index_group_name")
    articles = shop.articles.set_index("article_id")
    number = articles.groupby(["index_name", "index_group_name"]).size()
    bought = shop.transactions.join(articles, on="article_id").groupby(["index_name", "index_group_name"]).size()
    for row in result.frame.iter_rows(named=True):
        assert row["number"] == number[row["value"], row["within"]]
        assert row["purchases"] == bought.get((row["value"], row["within"]), 0)
    assert result.frame.height == len(number)


def test_counts_of_users_by_club_status_equal_pandas(shop: Any) -> None:
    result = next(part for part in shop.profile.counts if part.column == "club_member_status")
    expected = shop.customers.club_member_status.fillna(UNKNOWN).value_counts()
    assert dict(result.frame.select("value", "number").iter_rows()) == expected.to_dict()
    bought = shop.transactions.customer_id.map(shop.customers.set_index("customer_id").club_member_status)
    assert dict(result.frame.filter(pl.col("purchases") > 0).select("value", "purchases").iter_rows()) == (
        bought.fillna(UNKNOWN).value_counts().to_dict()
    )


def test_inner_values_are_grouped_by_outer_value() -> None:
    inner = ["a"] * 2 + ["b"] * 2 + ["c"] * 3 + ["d"] * 2
    outer = ["x"] * 4 + ["y"] * 3 + ["x"] * 2
    table = ProfiledTable("items", pl.DataFrame({"item_id": range(9), "inner": inner, "outer": outer}), "item_id")
    (result,) = counts(table, pl.DataFrame({"item_id": [6, 0], "purchases": [5, 2]}))
    assert result.frame.select("value", "within", "number", "purchases").rows() == [
        ("a", "x", 2, 2),
        ("b", "x", 2, 0),
        ("d", "x", 2, 0),
        ("c", "y", 3, 5),
    ]


def test_columns_may_have_any_name() -> None:
    rows = {"item_id": range(8), "purchases": ["a", "b"] * 4, "number": ["c", "d", "e", "d"] * 2}
    table = ProfiledTable("items", pl.DataFrame(rows), "item_id")
    result = {part.column: part for part in counts(table, pl.DataFrame({"item_id": [3], "purchases": [7]}))}
    assert result["number"].within == "purchases"
    assert result["number"].frame.select("value", "within", "number", "purchases").rows() == [
        ("c", "a", 2, 0),
        ("e", "a", 2, 0),
        ("d", "b", 4, 7),
    ]


def test_histogram_of_ages_equals_numpy(shop: Any) -> None:
    result = next(part for part in shop.profile.histograms if part.by == "club_member_status")
    assert (result.table, result.column, result.width) == ("users", "age", 2)
    assert result.median == pytest.approx(shop.customers.age.median(), abs=1)
    ages = shop.customers.age[shop.customers.club_member_status == "ACTIVE"].dropna()
    active = result.frame.filter(pl.col("group") == "ACTIVE")
    lows = active["low"].to_numpy()
    edges = np.concatenate([[-np.inf], lows[1:], [np.inf]])  # the outer bins include values beyond
    assert active["number"].to_list() == np.histogram(ages, edges)[0].tolist()


@given(st.lists(st.floats(-1e6, 1e6), min_size=30, max_size=60, unique=True))
def test_every_value_is_in_one_bin(values: list[float]) -> None:
    table = ProfiledTable("users", pl.DataFrame({"user_id": range(len(values)), "x": values}), "user_id")
    (result,) = histograms(table)
    assert result.frame["number"].sum() == len(values)
    lows = result.frame["low"].to_numpy()
    assert len(lows) <= 130
    assert np.allclose(np.diff(lows), result.width)
    assert lows[0] <= min(values)
    assert max(values) < lows[-1] + result.width * (1 + 1e-9)


def test_values_that_are_not_finite_are_left_out() -> None:
    values = [*range(20), None, float("nan"), float("inf")]
    rows = pl.DataFrame({"user_id": range(23), "x": pl.Series(values, strict=False)})
    table = ProfiledTable("users", rows, "user_id")
    (result,) = histograms(table)
    assert result.frame["number"].sum() == 20


def test_missing_values_by_hand() -> None:
    rows = pl.DataFrame({"user_id": [1, 2, 3, 4], "age": [1.0, None, float("nan"), 2.0], "name": ["a", None, "b", "c"]})
    assert missing({"users": rows, "transactions": pl.DataFrame({"price": [1.0]})}).rows() == [
        ("users", "age", 2, 0.5),
        ("users", "name", 1, 0.25),
        ("users", "user_id", 0, 0.0),
        ("transactions", "price", 0, 0.0),
    ]


def test_missing_values_equal_pandas(shop: Any) -> None:
    result = {(table, column): number for table, column, number, _ in shop.profile.missing.iter_rows()}
    for table, frame in (("users", shop.customers), ("items", shop.articles)):
        for column, number in frame.isna().sum().items():
            if column not in ("customer_id", "article_id"):
                assert result[table, column] == number
    assert result["transactions", "price"] == 0


def test_ranges_keep_their_natural_order() -> None:
    income = ["100-124K"] * 4 + ["Under 15K"] * 2 + ["250K+"] * 3 + ["15-24K"] * 5 + [None] * 2
    table = ProfiledTable("users", pl.DataFrame({"user_id": range(16), "income": income}), "user_id")
    (result,) = counts(table, pl.DataFrame({"user_id": [0], "purchases": [2]}))
    assert result.is_ordered
    assert result.frame["value"].to_list() == ["Under 15K", "15-24K", "100-124K", "250K+", UNKNOWN]
    assert result.frame["number"].to_list() == [2, 5, 4, 3, 2]
    assert result.frame["purchases"].to_list() == [0, 0, 2, 0, 0]


def test_of_many_values_the_most_frequent_are_shown() -> None:
    countries = [f"country {number:02}" for number in range(40) for _ in range(41 - number)]
    rows = pl.DataFrame({"user_id": range(len(countries)), "country": countries})
    (result,) = counts(
        ProfiledTable("users", rows, "user_id"), pl.DataFrame({"user_id": [0, 860 - 1], "purchases": [2, 3]})
    )
    assert result.frame["value"].to_list() == [*(f"country {number:02}" for number in range(15)), "25 other values"]
    assert result.rest == "25 other values"
    assert result.frame["number"].sum() == len(countries)
    assert result.frame["purchases"].to_list()[-1] == 3
    # Nothing is frequent among names.
    names = pl.DataFrame({"user_id": range(1000), "name": [f"name {number % 400}" for number in range(1000)]})
    assert counts(ProfiledTable("users", names, "user_id"), pl.DataFrame({"user_id": [0], "purchases": [2]})) == ()


@pytest.mark.parametrize(
    "values",
    [
        [1e308, -1e308, *range(20)],
        [1e18 + number * 1e3 for number in range(20)],
        [5e-324 * number for number in range(1, 20)],
        [float("inf"), float("-inf"), float("nan"), *range(20)],
        [0.1, *([2**53] * 9), *range(12)],
    ],
)
def test_extreme_measures_have_histograms(values: list[float]) -> None:
    rows = pl.DataFrame({"item_id": range(len(values)), "weight": pl.Series(values, dtype=pl.Float64)})
    (result,) = histograms(ProfiledTable("items", rows, "item_id"))
    assert result.frame["number"].sum() == (np.abs(values) < 1e300).sum()
    assert result.frame["low"].is_finite().all()
