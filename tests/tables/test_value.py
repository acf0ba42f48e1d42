from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from gingham.dataset import Dataset
from gingham.errors import TableError
from gingham.tables import CleanSpec, Tables, clean

PAIR = ["user_id", "item_id"]


def sales(seed: int = 0, n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, 8, n),
            "item_id": rng.choice(["x", "y", "z"], n),
            "timestamp": [datetime(2024, 1, 1) + timedelta(hours=int(hour)) for hour in rng.integers(0, 900, n)],
            "price": rng.integers(1, 50, n) / 4,
            "quantity": rng.integers(0, 4, n),
        }
    )


def values(rows: pd.DataFrame, **spec: Any) -> pl.DataFrame:
    return clean(Tables(rows), CleanSpec(**spec)).transactions.collect()


def per_pair(rows: pl.DataFrame) -> pd.Series:
    return rows.with_columns(pl.col("item_id").cast(pl.String)).to_pandas().groupby(PAIR)["value"].sum()


@pytest.mark.parametrize("half_life", [None, "3d", "12h"])
@pytest.mark.parametrize("value", ["count", "quantity", "spend"])
@pytest.mark.parametrize("logarithm", [False, True])
def test_values_of_a_user_and_item_sum_up(value: str, logarithm: bool, half_life: str | None) -> None:
    rows = sales()
    amount = {"count": 1.0, "quantity": rows["quantity"], "spend": rows["price"] * rows["quantity"]}[value]
    if half_life is not None:
        age = (rows["timestamp"].max() - rows["timestamp"]) / pd.Timedelta(half_life.replace("d", "D"))
        amount = amount * 0.5**age
    expected = rows.assign(value=amount).groupby(PAIR)["value"].sum()
    expected = np.log1p(expected) if logarithm else expected
    if value == "count" and not logarithm and half_life is None:
        assert "value" not in values(rows).columns  # every transaction counts 1
        return
    sums = per_pair(values(rows, value=f"log-{value}" if logarithm else value, half_life=half_life))
    pd.testing.assert_series_equal(sums, expected, check_dtype=False, check_index_type=False, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", ["count", "log-count"])
def test_very_old_transactions_have_a_positive_value(value: str) -> None:
    rows = pd.DataFrame({"user_id": [1, 2], "item_id": ["x", "x"], "timestamp": pd.to_datetime(["1970", "2024"])})
    old, new = values(rows, value=value, half_life="1h")["value"]
    assert 0 < old < 1e-20 < new


def test_values_of_an_earlier_part_sum_up_to_its_logarithm() -> None:
    rows = values(sales(), value="log-count")
    early = rows.filter(pl.col("timestamp") < datetime(2024, 1, 15))
    counts = per_pair(early.with_columns(value=pl.lit(1.0)))
    pd.testing.assert_series_equal(per_pair(early), np.log1p(counts), check_dtype=False, rtol=1e-5)


def test_row_order_stays_and_the_dataset_has_the_values() -> None:
    rows = sales()
    cleaned = values(rows, value="log-spend")
    assert cleaned["timestamp"].to_list() == rows["timestamp"].to_list()
    dataset = Dataset.from_tables(clean(Tables(rows), CleanSpec(value="log-spend")))
    np.testing.assert_array_equal(dataset.interactions.value, cleaned["value"].to_numpy())


def test_quantity_is_one_without_a_quantity_column() -> None:
    rows = sales().drop(columns="quantity")
    np.testing.assert_allclose(values(rows, value="spend")["value"], rows["price"], rtol=1e-6)


def test_returns_have_negative_values_but_no_logarithm() -> None:
    rows = sales().assign(quantity=lambda table: table["quantity"] - 1)
    np.testing.assert_array_equal(values(rows, value="quantity", returns="keep")["value"], rows["quantity"])
    with pytest.raises(TableError, match="value -1, but value='log-quantity' needs values of at least 0; use"):
        values(rows, value="log-quantity", returns="keep")
    assert values(rows, value="log-quantity")["value"].min() >= 0


@pytest.mark.parametrize(
    ("dropped", "spec", "words"),
    [
        ("price", {"value": "spend"}, "no price, but value='spend' needs it"),
        ("quantity", {"value": "log-quantity"}, "no quantity, but value='log-quantity' needs it"),
        ("timestamp", {"half_life": "3d"}, "no timestamp, but half_life='3d' needs it"),
    ],
)
def test_a_column_that_a_value_needs_must_exist(dropped: str, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(TableError, match=words):
        values(sales().drop(columns=dropped), **spec)


@pytest.mark.parametrize("price", [np.inf, -np.inf])
def test_infinite_prices_are_refused(price: float) -> None:
    with pytest.raises(TableError, match="inf in column 'price' in 1 row, but value='spend' needs finite numbers"):
        values(sales().assign(price=lambda table: table["price"].where(table.index != 3, price)), value="spend")


def test_null_prices_are_refused() -> None:
    with pytest.raises(TableError, match="null values in column 'price' in 1 row, "):
        values(sales().assign(price=lambda table: table["price"].where(table.index != 3)), value="spend")
