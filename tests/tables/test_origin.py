import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import Origin


def test_origin_names_file_and_column() -> None:
    origin = Origin("users", "customers.csv", {"user_id": "customer_id"})
    assert str(origin) == "users table (customers.csv)"
    assert str(Origin("users")) == "users table"
    assert origin.column("user_id") == "customer_id"
    assert origin.column("age") == "age"


def test_error_for_a_missing_column_suggests_similar_ones() -> None:
    message = str(Origin("users").missing_column("custmer_id", ["age", "customer_id", "club"]))
    assert "'custmer_id'" in message
    assert "did you mean 'customer_id'?" in message
    assert "'club'" not in message


def test_error_for_a_missing_column_lists_all_if_there_are_no_similar_ones() -> None:
    assert "'age', 'club'" in str(Origin("users").missing_column("zip", ["age", "club"]))


def test_errors_of_polars_become_one_sentence() -> None:
    with pytest.raises(TableError) as caught, Origin("users", "u.csv", {"user_id": "customer"}).wrap_errors():
        pl.LazyFrame({"a": ["x"]}).select(pl.col("user_id")).collect()
    assert str(caught.value).startswith("The users table (u.csv) cannot be read: unable to find column 'customer'")
    assert "\n" not in str(caught.value)


def test_error_for_an_invalid_value_names_value_and_column() -> None:
    origin = Origin("users", "u.csv", {"user_id": "customer"})
    with pytest.raises(TableError) as caught, origin.wrap_errors():
        pl.DataFrame({"user_id": ["1", "x"]}).select(pl.col("user_id").cast(pl.Int64))
    assert "(u.csv) has 'x' in column 'customer', but expected an integer; correct it" in str(caught.value)


def test_error_for_a_missing_role_says_where_to_set_it() -> None:
    words = "has no timestamp, but last='7d' needs it; "
    assert words + "add a column 'timestamp'" in str(Origin("transactions").missing_role("timestamp", "last='7d'"))
    message = str(Origin("transactions", "sales.csv").missing_role("timestamp", "last='7d'"))
    assert words + "set timestamp in the recipe's [transactions]" in message


def test_rows_are_compared_with_the_number_that_was_counted() -> None:
    Origin("users").require_all_rows(3)
    Origin("users", n_rows=3).require_all_rows(3)
    with pytest.raises(TableError, match=r"The users table \(u.csv\) has 4 rows, but 3 were read"):
        Origin("users", "u.csv", n_rows=4).require_all_rows(3)


def test_a_missing_column_may_differ_in_case_or_spaces() -> None:
    error = Origin("users").missing_column("user_id", ["age", "User_ID", " user_id"])
    assert "did you mean 'User_ID' or ' user_id'?" in str(error)
