import dataclasses
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

from gingham.errors import ConfigError, TableError
from gingham.tables import FeatureSpec, Origin, Tables

ROWS = pl.DataFrame({"user_id": ["a", "b"], "item_id": [1, 2], "timestamp": [date(2019, 1, 1), date(2019, 1, 2)]})


def as_relation(frame: pl.DataFrame) -> duckdb.DuckDBPyRelation:
    """Return a DuckDB relation with its own connection."""
    return duckdb.connect().from_arrow(frame.to_arrow())


@pytest.mark.parametrize(
    "convert", [lambda f: f, pl.DataFrame.lazy, pl.DataFrame.to_arrow, pl.DataFrame.to_pandas, as_relation]
)
def test_every_kind_of_frame_becomes_the_same_lazy_frame(convert: Any) -> None:
    tables = Tables(convert(ROWS), users=convert(ROWS.select("user_id")))
    assert isinstance(tables.transactions, pl.LazyFrame)
    assert tables.transactions.collect().equals(ROWS.with_columns(pl.col("timestamp").cast(pl.Datetime("us"))))
    assert tables.users is not None
    assert tables.users.collect()["user_id"].to_list() == ["a", "b"]
    assert tables.items is None
    assert tables.steps == ()


def test_a_duckdb_query_is_a_frame() -> None:
    query = """
        SELECT '007' AS user_id, n % 3 AS item_id, TIMESTAMPTZ '2019-01-31 18:30+02' AS timestamp,
            CAST(n AS DECIMAL(8, 2)) / 2 AS price
        FROM range(5) AS numbers(n) ORDER BY n
    """
    rows = Tables(duckdb.connect().sql(query)).transactions.collect()
    assert rows["user_id"].to_list() == ["007"] * 5
    assert rows["item_id"].to_list() == [0, 1, 2, 0, 1]
    assert rows["timestamp"].to_list() == [datetime(2019, 1, 31, 16, 30)] * 5
    assert rows["price"].to_list() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert rows["price"].dtype == pl.Float64


@pytest.mark.parametrize("convert", [lambda f: f, pl.DataFrame.lazy, pl.DataFrame.to_arrow])
def test_decimals_become_floats(convert: Any) -> None:
    price = pl.Series([Decimal("1.50"), Decimal("2.25")])
    rows = Tables(convert(ROWS.with_columns(price=price))).transactions.collect()
    assert rows["price"].dtype == pl.Float64
    assert rows["price"].to_list() == [1.5, 2.25]


def test_missing_values_in_pandas_become_null() -> None:
    users = pd.DataFrame({"user_id": ["a", "b"], "age": [1.0, float("nan")], "club": ["x", None]})
    rows = Tables(ROWS, users=users).users
    assert rows is not None
    assert rows.collect().row(1) == ("b", None, None)


@pytest.mark.parametrize(
    ("ids", "dtype"),
    [
        (pl.Series([1, 2], dtype=pl.UInt8), pl.Int64),
        (pl.Series(["a", "b"], dtype=pl.Categorical), pl.Categorical()),
        (pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])), pl.String),
    ],
)
def test_ids_are_int64_or_text(ids: pl.Series, dtype: pl.DataType) -> None:
    tables = Tables(ROWS.with_columns(ids.alias("user_id")))
    assert tables.transactions.collect_schema()["user_id"] == dtype


def test_replacing_a_field_keeps_the_others() -> None:
    tables = Tables(ROWS, items=pl.DataFrame({"item_id": [1], "label": ["x"]}), item_name="label")
    assert dataclasses.replace(tables, steps=()).item_name == "label"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"transactions": ROWS.drop("item_id")}, ["transactions table", "'item_id'"]),
        ({"transactions": ROWS.rename({"user_id": "userid"})}, ["transactions table", "'user_id'", "'userid'"]),
        ({"transactions": [1, 2]}, ["transactions table", "list"]),
        (
            {"transactions": pd.DataFrame({"item_id": [1, 2], "user_id": [1, "a"]})},
            ["transactions table", "mixes types in column 'user_id'"],
        ),
        (
            {"transactions": duckdb.connect().sql("SELECT CAST(x AS INT) AS user_id FROM (VALUES ('a')) AS t(x)")},
            ["transactions table", "'a'"],
        ),
        ({"transactions": ROWS.with_columns(item_id=pl.lit(0.5))}, ["transactions table", "Float64", "'item_id'"]),
        ({"transactions": ROWS.with_columns(timestamp=pl.lit(0.5))}, ["Float64", "'timestamp'"]),
        ({"transactions": ROWS.with_columns(price=pl.lit("1,50"))}, ["String", "'price'", "numbers"]),
        ({"transactions": ROWS.with_columns(quantity=pl.lit("two"))}, ["String", "'quantity'", "numbers"]),
        ({"users": pl.DataFrame({"customer": ["a"]})}, ["users table", "'user_id'", "'customer'"]),
        ({"items": pl.DataFrame({"item_id": ["01"]})}, ["items table", "String", "'item_id'", "Int64", "transactions"]),
        (
            {"users": pl.DataFrame({"user_id": ["a"], "age": [1]}), "user_features": FeatureSpec(quantile={"agee": 3})},
            ["users table", "'agee'", "'age'"],
        ),
        ({"items": pl.DataFrame({"item_id": [1], "nom": [1]}), "item_name": "name"}, ["items table", "'name'"]),
        ({"item_features": FeatureSpec(categorical=["colour"])}, ["'colour'", "items table, which is missing"]),
    ],
)
def test_an_invalid_table_raises_one_sentence(arguments: Any, words: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        Tables(**{"transactions": ROWS} | arguments)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_errors_name_the_file() -> None:
    origins = {"transactions": Origin("transactions", "sales.csv", {"price": "cost"})}
    with pytest.raises(TableError, match=r"\(sales\.csv\).*'cost'"):
        Tables(ROWS.with_columns(price=pl.lit("x")), origins=origins)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"categorical": ["age"], "quantile": {"age": 3}}, "'age' is listed twice"),
        ({"quantile": {"age": 1}}, "number of bins of column 'age' must be at least 2, not 1"),
        ({"multi": {"tags": ""}}, "'tags' has an empty separator"),
        ({"scaled": ["age"], "date": {"age": 3}}, "'age' is listed twice"),
        ({"date": {"launch": 1}}, "number of bins of column 'launch' must be at least 2, not 1"),
        ({"text": {"about": 0}}, "number of features of column 'about' must be at least 2, not 0"),
        ({"categorical": ["age"], "min_count": 0}, "min_count"),
    ],
)
def test_an_invalid_feature_spec_is_refused(spec: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        FeatureSpec(**spec)


def test_an_empty_feature_spec_is_false() -> None:
    assert not FeatureSpec()
    assert not FeatureSpec(min_count=3, normalize=True)
    assert FeatureSpec(multi={"tags": "|"})


def test_a_column_may_be_binned_and_scaled() -> None:
    spec = FeatureSpec(quantile={"age": 3}, scaled=["age", "spent"], text={"about": 64}, date={"launch": 4})
    assert spec.columns == ["age", "spent", "launch", "about"]


def test_datetimes_stay_as_they_are() -> None:
    moment = datetime(2019, 1, 1, 12, 30)
    rows = Tables(ROWS.with_columns(timestamp=pl.lit(moment))).transactions.collect()
    assert rows["timestamp"].to_list() == [moment, moment]
