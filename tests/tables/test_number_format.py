from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gingham.errors import ConfigError, TableError
from gingham.tables import FeatureSpec, ItemsSource, TransactionsSource, UsersSource, check_sources, clean, read


def sales(folder: Path, prices: list[str], between: str = ";", **keys: Any) -> TransactionsSource:
    def quoted(price: str) -> str:
        return f'"{price}"' if between in price else price

    rows = "".join(f"u{row}{between}i1{between}{quoted(price)}\n" for row, price in enumerate(prices))
    text = between.join(["user_id", "item_id", "cost"]) + "\n" + rows
    (folder / "sales.csv").write_text(text)
    return TransactionsSource(path="sales.csv", user_id="user_id", item_id="item_id", price="cost", **keys)


def prices_of(source: TransactionsSource, folder: Path) -> list[float]:
    return clean(read(source, base=folder)).transactions.collect()["price"].to_list()


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize(
    ("prices", "expected", "report"),
    [
        (["1,5", "-2,25", "3"], [1.5, -2.25, 3.0], "decimal ','"),
        (["1,5", "", "1e3"], [1.5, None, 1000.0], "decimal ','"),
        (["1.234,50", "12,5"], [1234.5, 12.5], "decimal ',', thousands '.'"),
        (["1,234.50", "12.5"], [1234.5, 12.5], "decimal '.', thousands ','"),
        (["1.234.567", "2.000.000,5"], [1234567.0, 2000000.5], "decimal ',', thousands '.'"),
        (["1 234,50", "12,5"], [1234.5, 12.5], "decimal ',', thousands ' '"),
        (["1\u202f234,50", "12,5"], [1234.5, 12.5], "decimal ',', thousands ' '"),
        (["1'234.50", "12.5"], [1234.5, 12.5], "decimal '.', thousands"),
        (["1.5", "2.25"], [1.5, 2.25], ""),
        (["0.125", "10.500"], [0.125, 10.5], ""),
        (["3", "4000"], [3.0, 4000.0], ""),
    ],
)
def test_the_one_reading_that_fits_is_detected(
    tmp_path: Path, prices: list[str], expected: list[float], report: str, separator: str
) -> None:
    source = sales(tmp_path, prices, separator)
    assert prices_of(source, tmp_path) == expected
    step = clean(read(source, base=tmp_path)).steps[0].name
    assert report in step
    notes = [finding.what for finding in check_sources(source, base=tmp_path) if "read with" in finding.what]
    assert not report or report in notes[0]


@pytest.mark.parametrize("prices", [["1,234"], ["1,234", "12,345"], ["1.234", "2.500"]])
def test_two_readings_are_refused(tmp_path: Path, prices: list[str]) -> None:
    source = sales(tmp_path, prices)
    with pytest.raises(TableError, match=r"has '1.234' in column 'cost', which may be .* set decimal") as caught:
        read(source, base=tmp_path)
    assert "\n" not in str(caught.value)
    (finding,) = check_sources(source, base=tmp_path)
    assert finding.what == str(caught.value)


@pytest.mark.parametrize(
    ("price", "keys", "expected"),
    [
        ("1,234", {"decimal": ","}, 1.234),
        ("1,234", {"thousands": ","}, 1234.0),
        ("1.234", {"decimal": "."}, 1.234),
        ("1.234", {"thousands": "."}, 1234.0),
        ("1.234,5", {"decimal": ",", "thousands": "."}, 1234.5),
        ("12_345.5", {"thousands": "_"}, 12345.5),
        ("1.5", {"decimal": ","}, None),
        ("1,5", {"thousands": ","}, None),
        ("1.23,5", {"decimal": ",", "thousands": "."}, None),
        ("dear", {"decimal": ","}, None),
    ],
)
def test_the_recipe_says_how_numbers_are_written(
    tmp_path: Path, price: str, keys: dict[str, Any], expected: float | None
) -> None:
    source = sales(tmp_path, [price, "7"], **keys)
    if expected is not None:
        assert prices_of(source, tmp_path) == [expected, 7.0]
        return
    with pytest.raises(TableError) as caught:
        prices_of(source, tmp_path)
    assert f"has {price!r} in column 'cost' in line 2, but expected a number" in str(caught.value)
    assert [finding.what for finding in check_sources(source, base=tmp_path) if finding.severity == "error"] == [
        str(caught.value)
    ]


def test_numbers_of_users_and_items_are_read_as_the_recipe_says(tmp_path: Path) -> None:
    source = sales(tmp_path, ["1", "2"], ",")
    (tmp_path / "u.csv").write_text('user_id;income;club;n;flag\nu0;1.200,5;"a,b";1.000;true\nu1;7;c;2;false\n')
    (tmp_path / "i.csv").write_text("item_id;size\ni1;1,5\n")
    users = UsersSource(path="u.csv", decimal=",", thousands=".")
    tables = read(source, users, ItemsSource(path="i.csv"), tmp_path)
    assert tables.users is not None
    assert tables.items is not None
    assert tables.users.collect().rows() == [("u0", 1200.5, "a,b", 1000, True), ("u1", 7.0, "c", 2, False)]
    assert tables.items.collect()["size"].dtype == pl.String  # it may be a list


@pytest.mark.parametrize("key", ["quantile", "scaled"])
def test_the_decimal_mark_of_numeric_features_is_detected(tmp_path: Path, key: str) -> None:
    source = sales(tmp_path, ["1", "2"], ",")
    (tmp_path / "u.csv").write_text("user_id;income\nu0;1,5\nu1;\n")
    features = FeatureSpec(quantile={"income": 2}) if key == "quantile" else FeatureSpec(scaled=["income"])
    tables = read(source, UsersSource(path="u.csv"), base=tmp_path, user_features=features)
    assert tables.users is not None
    assert tables.users.collect()["income"].to_list() == [1.5, None]
    assert tables.origins["users"].detected == ("separator ';'", "decimal ','")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"decimal": ";"}, "decimal"),
        ({"decimal": ",", "thousands": ","}, "different characters"),
        ({"thousands": "x"}, "does not separate thousands"),
        ({"separator": ";;"}, "is not a separator"),
        ({"separator": ""}, "is not a separator"),
        ({"separator": "a"}, "is not a separator"),
        ({"separator": "¦"}, "is not a separator"),
        ({"encoding": "utf-99"}, "is not an encoding"),
        ({"encoding": "base64"}, "is not an encoding"),
        ({"encoding": ""}, "is not an encoding"),
        ({"column_names": []}, "column_names"),
        ({"column_names": ["a", "a"]}, "twice"),
        ({"column_names": ["a", ""]}, "empty name"),
        ({"null_values": "NULL"}, "null_values"),
    ],
)
def test_invalid_keys_are_refused(tmp_path: Path, keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        sales(tmp_path, ["1"], **keys)
