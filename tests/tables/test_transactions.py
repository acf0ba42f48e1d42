from datetime import datetime

import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import transactions
from gingham.tables.origin import Origin
from gingham.tables.transactions import Transactions

DAYS = [datetime(2024, 1, day) for day in (3, 1, 2, 3, 1)]
ORIGIN = Origin("transactions", "sales.csv", {"user_id": "who"})


def frame(text: bool) -> pl.LazyFrame:
    users = ["b", "a", "b", "c", "a"] if text else [20, 10, 20, 30, 10]
    return pl.LazyFrame({"user_id": users, "item_id": [7, 7, 8, 9, 9], "timestamp": DAYS, "colour": ["red"] * 5})


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize("count_all", [["user_id", "item_id"], ["item_id"]])
def test_all_ids_are_counted_only_for_columns_in_count_all(
    text: bool, batch: int, count_all: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "_BATCH", batch)
    read = Transactions.read(frame(text), ORIGIN, pl.col("timestamp") < datetime(2024, 1, 3), count_all)
    assert read.rows.columns == ["user_id", "item_id", "timestamp"]
    assert isinstance(read.rows.schema["user_id"], pl.Categorical) == text
    users = ["a", "b", "a"] if text else [10, 20, 10]
    assert read.rows.cast({pl.Categorical: pl.String}).rows() == [
        (user, item, day) for user, item, day in zip(users, [7, 8, 9], [DAYS[1], DAYS[2], DAYS[4]], strict=True)
    ]
    all_users = ["a", "b", "c"] if text else [10, 20, 30]
    expected = all_users if "user_id" in count_all else all_users[:2]
    assert (*read.n_rows, read.n_ids("user_id"), read.n_ids("item_id")) == (5, len(expected), 3)
    assert read.ids("user_id").to_list() == expected


def test_nulls_of_all_batches_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "_BATCH", 1)
    rows_with_nulls = frame(True).with_columns(
        user_id=pl.when(pl.col("item_id") == 9).then(None).otherwise(pl.col("user_id"))
    )
    with pytest.raises(TableError, match=r"\(sales.csv\) has null values in column 'who' in 2 rows; fill them in"):
        Transactions.read(rows_with_nulls, ORIGIN)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(TableError, match="has no rows"):
        Transactions.read(frame(True).head(0), ORIGIN)
