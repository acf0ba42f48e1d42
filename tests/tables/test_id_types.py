from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham import Dataset
from gingham.errors import TableError
from gingham.tables import ItemsSource, Tables, TransactionsSource, UsersSource, check, clean, read


def both(ids: Any, others: Any, **more: Any) -> tuple[list[Any], list[Any]]:
    """Return the ids of the transactions and of the users table."""
    transactions = pl.DataFrame({"user_id": ids, "item_id": ["1"] * len(ids)})
    tables = Tables(transactions, pl.DataFrame({"user_id": others}), **more)
    assert tables.users is not None
    found, expected = (rows.collect()["user_id"] for rows in (tables.transactions, tables.users))
    return found.to_list(), expected.to_list()


CATEGORIES = pl.Series(["7", "-12"], dtype=pl.Categorical)


@pytest.mark.parametrize(
    ("ids", "others"),
    [
        (["7", "-12"], [7, -12]),
        ([7, -12], ["7", "-12"]),
        (CATEGORIES, [7, -12]),
        ([7, -12], CATEGORIES),
        (pl.Series(["7", "-12"], dtype=pl.Enum(["7", "-12"])), [7, -12]),
        ([7.0, -12.0], [7, -12]),
        ([7.0, -12.0], ["7", "-12"]),
        ([Decimal(7), Decimal(-12)], [7, -12]),
        ([7, -12], pl.Series([7, -12], dtype=pl.Int8)),
        (pl.Series([7, -12], dtype=pl.Int128), ["7", "-12"]),
    ],
)
def test_ids_of_two_types_are_integers_if_no_id_changes(ids: Any, others: Any) -> None:
    assert both(ids, others) == ([7, -12], [7, -12])
    assert both(ids, others, id_type="integer") == ([7, -12], [7, -12])
    assert both(ids, others, id_type="text") == (["7", "-12"], ["7", "-12"])


@pytest.mark.parametrize("text", ["007", "7.0", "+7", " 7", "", "seven", "-0", "9" * 19, "1e3", "\u0667"])
def test_text_that_is_not_written_as_an_integer_is_refused(text: str) -> None:
    for arguments in (([text], [7]), ([7], [text])):
        with pytest.raises(TableError, match=r"table has Int64 in column 'user_id'; set id_type = .text.") as caught:
            both(*arguments)
        assert f"table has String such as {text!r} in column 'user_id'" in str(caught.value)
        assert both(*arguments, id_type="text") == tuple([str(one) for one in ids] for ids in arguments)
        with pytest.raises(TableError, match="is not written as an integer is") as caught:
            both(*arguments, id_type="integer")
        assert repr(text) in str(caught.value)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, unique=True))
def test_integers_as_text_are_the_same_ids(ids: list[int]) -> None:
    assert both([str(one) for one in ids], ids) == (ids, ids)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([7.5], "Float64 such as 7.5"),
        ([1e300], "Float64 such as 1e"),
        ([float("inf")], "Float64 such as inf"),
        ([2.0**60], "Float64 such as"),
        ([Decimal("7.50")], "such as 7.50"),
        ([True], "Boolean"),
        ([b"7"], "Binary"),
        ([[7]], "List"),
        (
            pl.Series([2**63], dtype=pl.UInt64),
            f"{2**63} in column 'user_id', which does not fit into 64 bits; set id_type = \"text\"",
        ),
    ],
)
def test_other_ids_are_refused_when_the_tables_are_made(ids: Any, words: str) -> None:
    with pytest.raises(TableError) as caught:
        Tables(pl.DataFrame({"user_id": ids, "item_id": ["x"]}))
    assert words in str(caught.value)
    assert "'user_id'" in str(caught.value)


def test_large_integers_are_text_if_asked() -> None:
    assert both(pl.Series([2**63], dtype=pl.UInt64), [str(2**63)], id_type="text") == ([str(2**63)], [str(2**63)])


@pytest.mark.parametrize("dtype", ["float64", "Float64", "Int64"])
def test_whole_floats_of_pandas_are_integers_and_this_is_noted(dtype: str) -> None:
    frame = pd.DataFrame({"user_id": pd.array([7, 8], dtype=dtype), "item_id": ["x", "y"]})
    tables = Tables(frame)
    assert Dataset.from_tables(tables).user_ids.values.to_list() == [7, 8]
    notes = [finding.what for finding in check(tables) if finding.severity == "note"]
    assert any("whole numbers in 'user_id' as integers" in note for note in notes) == (dtype != "Int64")


def test_a_missing_id_of_pandas_is_null() -> None:
    frame = pd.DataFrame({"user_id": [7.0, float("nan")], "item_id": ["x", "y"]})
    with pytest.raises(TableError, match="has null values in column 'user_id' in 1 row"):
        clean(Tables(frame))


@pytest.mark.parametrize(("id_type", "expected"), [(None, 7), ("integer", 7), ("text", "7")])
def test_parquet_integers_match_text_in_csv(tmp_path: Path, id_type: Any, expected: Any) -> None:
    (tmp_path / "sales.csv").write_text("who,what\n7,0108\n")
    pl.DataFrame({"who": [7], "age": [30]}).write_parquet(tmp_path / "users.parquet")
    pl.DataFrame({"what": ["0108"]}).write_parquet(tmp_path / "items.parquet")
    source = TransactionsSource(path="sales.csv", user_id="who", item_id="what", id_type=id_type)
    if id_type == "integer":
        with pytest.raises(TableError, match=r"sales\.csv\) has '0108' in column 'what', which is not written as"):
            read(source, base=tmp_path)
        return
    tables = read(source, UsersSource(path="users.parquet"), ItemsSource(path="items.parquet"), tmp_path)
    cleaned = clean(tables)
    assert cleaned.users is not None
    assert cleaned.users.collect()["user_id"].to_list() == [expected]
    assert Dataset.from_tables(cleaned).user_ids.values.to_list() == [expected]
    assert Dataset.from_tables(cleaned).item_ids.values.to_list() == ["0108"]
    assert ("integers in 'who'" in cleaned.steps[0].name) == (id_type is None)
