import datetime as dt
from pathlib import Path

import polars as pl
import pytest

import gingham as gg
from gingham.errors import TableError
from gingham.tables import TransactionsSource, UsersSource, check_sources, clean, read
from gingham.tables.conditions import IS_KEPT

EVENTS = pl.DataFrame(
    {
        "visitor": ["ann", "ann", "bob", "bob", None, "cid", "cid"],
        "sku": ["tea", "tea", "tea", "milk", "milk", "milk", "POST"],
        "when": [dt.date(2024, 1, day) for day in range(1, 8)],
        "event": ["view", "buy", "view", "view", "view", "buy", "buy"],
        "price": [None, 2.0, None, None, None, 1.5, 3.0],
    }
)
ROLES = {"user_id": "visitor", "item_id": "sku", "timestamp": "when"}


@pytest.fixture(params=["csv", "parquet"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> TransactionsSource:
    path = tmp_path / f"events.{request.param}"
    EVENTS.write_csv(path) if request.param == "csv" else EVENTS.write_parquet(path)
    return TransactionsSource(path=str(path), **ROLES)


def pairs(tables: gg.Tables) -> list[tuple[str, str]]:
    return tables.transactions.select("user_id", "item_id").cast(pl.String).collect().rows()


def test_a_condition_on_columns_without_a_role(source: TransactionsSource) -> None:
    spec = gg.CleanSpec(transactions="event = 'buy' AND sku <> 'POST'")
    cleaned = clean(read(source, condition=spec.transactions), spec)
    assert pairs(cleaned) == [("ann", "tea"), ("cid", "milk")]
    assert IS_KEPT not in cleaned.transactions.collect_schema()
    name = "transactions where event = 'buy' AND sku <> 'POST'"
    assert [(step.name, step.rows, step.users, step.items) for step in cleaned.steps] == [
        ("read", 7, None, None),
        (name, 2, 2, 2),
    ]
    # Who only looked is not a user.
    assert cleaned.users is not None
    assert cleaned.users.collect()["user_id"].to_list() == ["ann", "cid"]


def test_a_file_column_with_the_name_of_a_role_is_the_files(source: TransactionsSource) -> None:
    spec = gg.CleanSpec(transactions="price > 1.9")
    cleaned = clean(read(source, condition=spec.transactions), spec)
    assert pairs(cleaned) == [("ann", "tea"), ("cid", "POST")]
    assert "price" not in cleaned.transactions.collect_schema()


@pytest.mark.parametrize("table", ["narwhals", "polars"])
def test_frames_have_the_names_of_their_columns(table: str) -> None:
    frame = EVENTS.rename({column: role for role, column in ROLES.items()})
    tables = gg.Tables(frame.to_arrow() if table == "narwhals" else frame)
    cleaned = gg.clean(
        tables, gg.CleanSpec(transactions="event = 'buy' AND item_id <> 'POST'", end=dt.date(2024, 1, 4))
    )
    assert pairs(cleaned) == [("ann", "tea")]
    assert [step.rows for step in cleaned.steps] == [7, 2, 1]


def test_a_condition_on_roles_needs_no_other_column(source: TransactionsSource) -> None:
    cleaned = clean(read(source), gg.CleanSpec(transactions="visitor = 'ann'"))
    assert pairs(cleaned) == [("ann", "tea"), ("ann", "tea")]


def test_ratings_and_quantities() -> None:
    ratings = gg.Tables(pl.DataFrame({"user_id": [1, 1, 2], "item_id": [7, 8, 7], "rating": [4, 3, None]}))
    cleaned = gg.clean(ratings, gg.CleanSpec(transactions="rating >= 4"))
    assert cleaned.transactions.select("user_id", "item_id").collect().rows() == [(1, 7)]


def test_users_in_the_transactions_are_those_that_are_left(source: TransactionsSource) -> None:
    spec = gg.CleanSpec(transactions="event = 'buy'")
    cleaned = clean(read(source, UsersSource(columns=["price"]), condition=spec.transactions), spec)
    assert cleaned.users is not None
    assert cleaned.users.sort("user_id").collect().rows() == [("ann", 2.0), ("cid", 3.0)]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (
            "event = ",
            r"The condition 'event = ' cannot be applied to the transactions table .*: .*; use an SQL condition",
        ),
        ("evnt = 'buy'", r"on its columns visitor, sku, when, event, price\."),
        ("event", r"The condition 'event' cannot be applied"),
        ("when > '2024-01-03'", r"to a string value; use .*, with dates such as DATE '2024-01-31'\."),
        ("event > 3", r"The condition 'event > 3' cannot be applied"),
    ],
)
def test_a_wrong_condition_is_explained(source: TransactionsSource, condition: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read(source, condition=condition)
    spec = gg.CleanSpec(transactions=condition)
    with pytest.raises(TableError, match="cannot be applied"):
        clean(read(source), spec)
    (finding,) = (finding for finding in check_sources(source, spec=spec) if finding.severity == "error")
    assert condition in finding.what


def test_a_condition_that_leaves_nothing(source: TransactionsSource) -> None:
    spec = gg.CleanSpec(transactions="event = 'sold'")
    with pytest.raises(TableError, match=r"'transactions where event = 'sold'' removes all 7 transactions; relax it"):
        clean(read(source, condition=spec.transactions), spec)


def test_check_looks_only_at_the_rows_that_are_left(source: TransactionsSource) -> None:
    wrong = [finding for finding in check_sources(source) if finding.severity == "error"]
    assert [finding.column for finding in wrong] == ["visitor"]
    findings = check_sources(source, spec=gg.CleanSpec(transactions="event = 'buy'"))
    assert not [finding for finding in findings if finding.severity == "error"]


def test_a_recipe_reads_the_columns_of_its_condition(source: TransactionsSource) -> None:
    recipe = gg.Recipe.parse(
        f"""
        [transactions]
        path = "{source.path}"
        user_id = "visitor"
        item_id = "sku"
        timestamp = "when"
        price = "price"
        [clean]
        transactions = "event = 'buy' AND price < 2.5"
        """
    )
    assert pairs(gg.read_tables(recipe)) == [("ann", "tea"), ("cid", "milk")]
    assert len(gg.read_dataset(recipe).interactions) == 2
