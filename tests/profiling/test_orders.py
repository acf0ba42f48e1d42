from datetime import datetime
from typing import Any

import pandas as pd
import polars as pl
import pytest

from gingham.profiling import profile
from gingham.profiling.orders import Orders
from gingham.profiling.sales import Sales
from gingham.profiling.sentences import candidates
from gingham.tables import Tables

ROWS = pl.DataFrame(
    {
        "user_id": ["a", "a", "a", "b", "b", "c", "c", "c"],
        "item_id": ["x", "y", "x", "x", "y", "x", "y", "z"],
        "order_id": ["1", "1", "2", "3", "3", "4", None, None],
        "timestamp": [datetime(2024, 1, day, day) for day in (1, 2, 2, 5, 5, 6, 6, 7)],
    }
)


def texts(rows: pl.DataFrame) -> list[str]:
    return [candidate.text for candidate in candidates(profile(Tables(rows)))]


def per_user(rows: pl.DataFrame) -> list[tuple[int, int]]:
    orders = profile(Tables(rows)).orders
    assert orders is not None
    return orders.per_user.rows()


@pytest.mark.parametrize("dtype", [pl.String, pl.Int64, pl.Categorical])
def test_orders_have_ids(dtype: Any) -> None:
    rows = ROWS.with_columns(pl.col("order_id").cast(dtype))
    # Without an id, what c bought on one day is an order.
    assert per_user(rows) == [(1, 1), (2, 1), (3, 1)]
    orders = profile(Tables(rows)).orders
    assert orders is not None
    assert orders.lines.rows() == [(1, 4), (2, 2)]
    assert (orders.number, orders.median, orders.median_lines) == (6, 2, 1)
    assert orders.share_with_one == pytest.approx(1 / 3)


def test_without_ids_an_order_is_a_day() -> None:
    assert per_user(ROWS.drop("order_id")) == [(1, 1), (2, 2)]


def test_without_ids_and_times_there_are_no_orders() -> None:
    assert profile(Tables(ROWS.drop("order_id", "timestamp"))).orders is None
    assert profile(Tables(ROWS.drop("timestamp"))).orders is not None
    without = ROWS.with_columns(pl.lit(None, pl.String).alias("order_id")).drop("timestamp")
    assert per_user(without) == [(1, 3)]


def test_sentences_tell_orders_from_order_lines() -> None:
    sentences = texts(ROWS)
    assert "33% of the active customers placed only one order; the median customer placed 2 orders." in sentences
    assert "The median order has 1 order line." in sentences
    assert "No customer has only one order line; the median customer has 3 order lines." in sentences
    assert not [text for text in sentences if "transaction" in text and "transactions table" not in text]
    placed, meaning = "the median customer placed 2 orders", "an order is everything that a customer bought on one day"
    by_day = texts(ROWS.drop("order_id"))
    assert f"33% of the active customers placed only one order; {placed} ({meaning})." in by_day
    page = profile(Tables(ROWS)).to_html()
    assert "An order line is one row of the transactions table." in page
    assert "Order lines per customer" in page


def test_orders_agree_with_pandas(shop: Any) -> None:
    rows: pd.DataFrame = shop.transactions
    expected = rows.groupby("customer_id").t_dat.nunique()
    orders = shop.profile.orders
    assert orders.share_with_one == pytest.approx((expected == 1).mean())
    assert orders.median == expected.median()
    lines = rows.groupby(["customer_id", "t_dat"]).size()
    assert (orders.number, orders.median_lines) == (len(lines), lines.median())


def test_many_orders_of_one_user() -> None:
    rows = pl.DataFrame({"user_id": [1] * 5, "item_id": [1] * 5, "order_id": [2**40, 2**40, -5, 0, 7]})
    orders = Orders.of(Sales.of(rows))
    assert orders is not None
    assert orders.per_user.rows() == [(4, 1)]


def test_order_numbers_tell_the_orders_of_a_user_apart() -> None:
    rows = pl.DataFrame({"user_id": ["a", "a", "a", "b"], "item_id": ["x"] * 4, "order": [1, 1, 2, 1]})
    orders = Orders.of(Sales.of(rows))
    assert orders is not None
    assert orders.per_user.rows() == [(1, 1), (2, 1)]
    assert (orders.has_ids, orders.number, orders.share_with_one) == (True, 3, 0.5)
