import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import Origin


def test_it_speaks_of_file_and_column() -> None:
    origin = Origin("users", "customers.csv", {"user_id": "customer_id"})
    assert str(origin) == "users table (customers.csv)"
    assert str(Origin("users")) == "users table"
    assert origin.column("user_id") == "customer_id"
    assert origin.column("age") == "age"


def test_a_missing_column_is_named_with_near_ones() -> None:
    message = str(Origin("users").missing("custmer_id", ["age", "customer_id", "club"]))
    assert "'custmer_id'" in message
    assert "'customer_id'" in message
    assert "'club'" not in message


def test_a_missing_column_without_near_ones_is_named_with_all() -> None:
    assert "'age', 'club'" in str(Origin("users").missing("zip", ["age", "club"]))


def test_what_polars_says_becomes_one_sentence() -> None:
    with pytest.raises(TableError) as caught, Origin("users", "u.csv", {"user_id": "customer"}).reading():
        pl.LazyFrame({"a": ["x"]}).select(pl.col("user_id")).collect()
    assert str(caught.value).startswith("The users table (u.csv) cannot be read: unable to find column 'customer'")
    assert "\n" not in str(caught.value)


def test_a_value_that_is_wrong_is_named_with_its_column() -> None:
    origin = Origin("users", "u.csv", {"user_id": "customer"})
    with pytest.raises(TableError) as caught, origin.reading():
        pl.DataFrame({"user_id": ["1", "x"]}).select(pl.col("user_id").cast(pl.Int64))
    assert "(u.csv) has 'x' in column 'customer', where a whole number belongs" in str(caught.value)
