from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gingham.errors import ConfigError, TableError
from gingham.tables import CleanSpec, Step, Tables, clean

H_AND_M = CleanSpec(
    start=date(2019, 1, 1),
    end=date(2020, 1, 1),
    min_transactions=11,
    max_transactions=99,
    users="age > 16 AND age < 38",
    items="index_name = 'Ladieswear'",
)


def frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame(columns)


def tables(**more: Any) -> Tables:
    """Users a (3 rows), b (2), c (1) over three days; the users table also contains d."""
    transactions = frame(
        user_id=["a", "a", "a", "b", "b", "c"],
        item_id=["x", "y", "x", "x", "z", "y"],
        timestamp=[date(2019, 1, day) for day in (1, 2, 3, 1, 3, 2)],
    )
    users = frame(user_id=["d", "c", "b", "a"], age=[20, None, 30, 40])
    items = frame(item_id=["x", "y", "z"], kind=["dress", "dress", "coat"])
    return Tables(**{"transactions": transactions, "users": users, "items": items} | more)


def counts(rows: pd.DataFrame, user: str = "customer_id", item: str = "article_id") -> tuple[int, int, int]:
    return len(rows), rows[user].nunique(), rows[item].nunique()


def test_counts_equal_an_independent_pandas_computation(shop: Any) -> None:
    cleaned = clean(shop.read(), H_AND_M)

    rows, expected = shop.transactions, []
    expected.append(counts(rows))
    rows = rows[(rows.t_dat >= "2019-01-01") & (rows.t_dat < "2020-01-01")]
    expected.append(counts(rows))
    times = rows.customer_id.value_counts()
    rows = rows[rows.customer_id.isin(times[(times > 10) & (times < 100)].index)]
    expected.append(counts(rows))
    adults = shop.customers.query("16 < age < 38")
    rows = rows[rows.customer_id.isin(adults.customer_id)]
    expected.append(counts(rows))
    ladieswear = shop.articles.query("index_name == 'Ladieswear'")
    rows = rows[rows.article_id.isin(ladieswear.article_id)]
    expected.append(counts(rows))

    assert [(step.rows, step.users, step.items) for step in cleaned.steps] == expected
    assert [step.name for step in cleaned.steps] == [
        "read",
        "dates from 2019-01-01 until 2020-01-01",
        "users with 11 to 99 transactions",
        "users where age > 16 AND age < 38",
        "items where index_name = 'Ladieswear'",
    ]
    result = cleaned.transactions.collect()
    assert result["user_id"].to_list() == rows.customer_id.to_list()
    assert result["item_id"].to_list() == rows.article_id.to_list()
    assert result["timestamp"].dt.strftime("%Y-%m-%d").to_list() == rows.t_dat.to_list()
    assert cleaned.users is not None
    assert cleaned.items is not None
    assert cleaned.users.collect()["user_id"].to_list() == adults.customer_id.to_list()
    assert cleaned.items.collect()["item_id"].to_list() == ladieswear.article_id.to_list()


def test_everything_is_kept_without_filters() -> None:
    cleaned = clean(tables())
    assert cleaned.steps == (Step("read", rows=6, users=3, items=3),)
    assert cleaned.transactions.collect().equals(tables().transactions.collect())


def test_min_transactions_does_not_remove_rows_of_the_users_table() -> None:
    cleaned = clean(tables(), CleanSpec(min_transactions=2))
    assert cleaned.steps[-1] == Step("users with at least 2 transactions", rows=5, users=2, items=3)
    assert cleaned.users is not None
    assert cleaned.users.collect()["user_id"].to_list() == ["d", "c", "b", "a"]


def test_min_transactions_counts_transactions_between_the_dates() -> None:
    cleaned = clean(tables(), CleanSpec(start=date(2019, 1, 2), max_transactions=1))
    assert cleaned.steps[1] == Step("dates from 2019-01-02", rows=4, users=3, items=3)
    assert cleaned.steps[2] == Step("users with at most 1 transaction", rows=2, users=2, items=2)


@pytest.mark.parametrize("with_users", [True, False])
def test_count_ids_does_not_change_the_result(with_users: bool) -> None:
    shop = tables(users=frame(user_id=["a", "b", "z"])) if with_users else tables()
    spec = CleanSpec(start=date(2019, 1, 2), min_transactions=1)
    counted, plain = clean(shop, spec), clean(shop, spec, count_ids=False)
    for table in ("transactions", "users", "items"):
        ours, theirs = (getattr(cleaned, table).cast({pl.Categorical: pl.String}) for cleaned in (plain, counted))
        assert_frame_equal(ours.collect(), theirs.collect(), check_row_order=False)
    assert plain.steps == tuple(replace(step, users=None, items=None) for step in counted.steps)


@pytest.mark.parametrize("spec", [CleanSpec(last="36h"), CleanSpec(last="36h", half_life="12h"), CleanSpec()])
def test_a_date_is_the_start_of_its_day(spec: CleanSpec) -> None:
    days = pl.Series([date(2019, 1, day) for day in (1, 2, 3, 3)])
    ids = {"user_id": [1, 2, 3, 4], "item_id": [1, 1, 1, 1]}
    dated, timed = (clean(Tables(frame(**ids, timestamp=when)), spec) for when in (days, days.cast(pl.Datetime("us"))))
    assert_frame_equal(dated.transactions.collect(), timed.transactions.collect())
    assert dated.steps == timed.steps


def test_end_is_exclusive_and_zones_are_converted() -> None:
    noon = pl.Series([datetime(2019, 1, 1, hour) for hour in (11, 12, 13)])
    shop = Tables(frame(user_id=[1, 2, 3], item_id=[1, 1, 1], timestamp=noon))
    in_zone = datetime(2019, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert clean(shop, CleanSpec(end=in_zone)).transactions.collect()["user_id"].to_list() == [1]
    assert clean(shop, CleanSpec(start=in_zone)).transactions.collect()["user_id"].to_list() == [2, 3]


def test_unknown_users_and_items_are_kept_unless_there_is_a_condition() -> None:
    users, items = frame(user_id=["a", "b"]), frame(item_id=["x", "y"])
    assert clean(tables(users=users, items=items)).steps == clean(tables()).steps
    filtered = clean(tables(users=users, items=items), CleanSpec(users="user_id <> 'q'", items="item_id <> 'q'"))
    assert [(step.rows, step.users, step.items) for step in filtered.steps[2:]] == [(4, 2, 2)]


def test_unknown_users_and_items_are_removed_with_drop() -> None:
    users, items = frame(user_id=["a", "b"]), frame(item_id=["x", "y"])
    cleaned = clean(tables(users=users, items=items), CleanSpec(unknown="drop"))
    assert cleaned.steps[1:] == (Step("users and items in their tables", rows=4, users=2, items=2),)


def test_last_counts_back_from_the_latest_transaction_between_the_dates() -> None:
    cleaned = clean(tables(), CleanSpec(end=date(2019, 1, 3), last="1d"))
    assert cleaned.steps[2] == Step("last 1d", rows=2, users=2, items=1)
    assert cleaned.transactions.collect()["user_id"].to_list() == ["a", "c"]


def test_duplicates_are_equal_in_every_role_column() -> None:
    rows = tables().transactions.collect().with_columns(pl.col("timestamp").cast(pl.Datetime("us")))
    twice = pl.concat([rows, rows.head(2), rows.head(1).with_columns(timestamp=datetime(2019, 1, 1, 1))])
    cleaned = clean(tables(transactions=twice), CleanSpec(deduplicate=True))
    assert cleaned.steps == (Step("read", 9, 3, 3), Step("without duplicates", 7, 3, 3))
    assert clean(tables(transactions=twice)).steps == (Step("read", 9, 3, 3),)


def test_filters_are_applied_in_a_fixed_order() -> None:
    spec = CleanSpec(
        start=date(2019, 1, 1), last="9d", deduplicate=True, min_transactions=1, unknown="drop",
        users="age > 0", items="kind <> ''", k_core=3,
    )  # fmt: skip
    with pytest.raises(TableError, match="'3-core' removes all 5 transactions"):
        clean(tables(), spec)
    relaxed = clean(tables(), spec.model_copy(update={"k_core": None}))
    assert [step.name for step in relaxed.steps] == [
        "read", "dates from 2019-01-01", "last 9d", "without duplicates", "users with at least 1 transaction",
        "users and items in their tables", "users where age > 0", "items where kind <> ''",
    ]  # fmt: skip


def test_missing_tables_contain_every_id_that_was_read() -> None:
    cleaned = clean(tables(users=None, items=None), CleanSpec(end=date(2019, 1, 2), min_transactions=1))
    assert cleaned.users is not None
    assert cleaned.items is not None
    assert cleaned.users.collect()["user_id"].to_list() == ["a", "b", "c"]
    assert cleaned.items.collect()["item_id"].to_list() == ["x", "y", "z"]


def test_conditions_use_the_column_names_of_the_file(shop: Any) -> None:
    cleaned = clean(shop.read(), CleanSpec(users="customer_id <> 'never-bought'"))
    assert cleaned.users is not None
    assert cleaned.users.select(pl.len()).collect().item() == 60


def test_only_role_columns_are_kept() -> None:
    transactions = tables().transactions.with_columns(colour=pl.lit("red"), price=pl.lit(1.0))
    assert clean(tables(transactions=transactions)).transactions.collect_schema().names() == [
        "user_id",
        "item_id",
        "timestamp",
        "price",
    ]


@pytest.mark.parametrize(
    ("more", "spec", "words"),
    [
        ({}, {"users": "age > 90"}, ["'users where age > 90'", "6 transactions", "[clean]"]),
        ({}, {"items": "kind = 'hat'"}, ["'items where kind = 'hat''", "6 transactions"]),
        ({}, {"start": date(2030, 1, 1)}, ["'dates from 2030-01-01'", "6 transactions"]),
        ({}, {"min_transactions": 4}, ["'users with at least 4 transactions'", "6 transactions"]),
        (
            {"users": frame(user_id=["q"])},
            {"unknown": "drop"},
            ["None of the 3 different ids in column 'user_id'", "such as 'q'"],
        ),
        ({}, {"users": "agee > 3"}, ["'agee > 3'", "users table", "user_id, age"]),
        ({}, {"users": "age >"}, ["'age >'", "users table", "user_id, age"]),
        ({}, {"users": "age"}, ["'age'", "users table"]),
        ({}, {"items": "kind > 3"}, ["'kind > 3'", "items table", "item_id, kind"]),
        ({"users": None}, {"users": "age > 3"}, ["'age > 3'", "users table", "user_id"]),
        (
            {"users": frame(user_id=["a", "b", "a"])},
            {},
            ["user_id 'a' appears twice in the users table", "one row"],
        ),
        ({"users": frame(user_id=["a", None])}, {}, ["users table", "null values", "'user_id'", "1 row"]),
        (
            {"items": frame(item_id=["x", "x", "x"])},
            {},
            ["item_id 'x' appears 3 times in the items table", "one row"],
        ),
        ({"items": frame(item_id=[None, None, "x"])}, {}, ["items table", "null values", "'item_id'", "2 rows"]),
        ({"users": frame(user_id=["a"]).clear()}, {}, ["users table", "no rows"]),
        ({"transactions": tables().transactions.head(0)}, {}, ["transactions table", "no rows"]),
        ({"transactions": pd.DataFrame({"user_id": [], "item_id": []}, dtype=object)}, {}, ["no rows"]),
        (
            {"transactions": frame(user_id=["a", None], item_id=["x", "y"])},
            {},
            ["transactions table", "null values", "'user_id'", "1 row"],
        ),
        (
            {"transactions": frame(user_id=["a", "b"], item_id=["x", None])},
            {},
            ["transactions table", "null values", "'item_id'", "1 row"],
        ),
        (
            {"transactions": frame(user_id=["a", "b"], item_id=["x", "y"], timestamp=[date(2019, 1, 1), None])},
            {},
            ["transactions table", "null values", "'timestamp'", "1 row"],
        ),
        (
            {"transactions": frame(user_id=["a"], item_id=["x"])},
            {"start": date(2019, 1, 1)},
            ["transactions table", "no timestamp", "from 2019-01-01"],
        ),
    ],
)
def test_invalid_rows_and_filters_raise_one_sentence(more: Any, spec: Any, words: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        clean(tables(**more), CleanSpec(**spec))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_errors_name_the_file_and_its_column(shop: Any) -> None:
    customers = pd.concat([shop.customers, shop.customers.tail(1)])
    customers.to_csv(shop.folder / "customers.csv", index=False)
    with pytest.raises(TableError, match=r"customer_id 'never-bought' appears twice in the users table \(cust"):
        clean(shop.read())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"start": date(2020, 1, 1), "end": date(2020, 1, 1)}, "2020-01-01 is not before end"),
        ({"min_transactions": 5, "max_transactions": 4}, "min_transactions 5 is greater than max_transactions 4"),
        ({"min_transactions": 0}, "greater than or equal to 1"),
        ({"strat": 1}, "strat"),
    ],
)
def test_an_invalid_spec_is_refused(spec: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CleanSpec(**spec)
