from pathlib import Path
from typing import Any

import polars as pl
import pytest

import gingham as gg
from gingham.errors import TableError
from gingham.tables import check_sources

TEXT = pl.DataFrame(
    {
        "user_id": ["ann", None, None, "", "bob", " "],
        "item_id": ["tea", "tea", "milk", "milk", "tea", "jam"],
        "order_id": ["A1", "A2", "A2", "A3", "A4", "A5"],
    }
)
NUMBERS = TEXT.with_columns(
    pl.Series("user_id", [7, None, None, None, 9, None]), pl.Series("order_id", [11, 12, 12, 13, 14, 15])
)


def users(frame: pl.DataFrame, **keys: Any) -> list[Any]:
    rows = gg.clean(gg.Tables(frame), gg.CleanSpec(**keys)).transactions.collect()["user_id"]
    return (rows if rows.dtype.is_integer() else rows.cast(pl.String)).to_list()


@pytest.mark.parametrize(("frame", "expected"), [(TEXT, ["ann", "bob"]), (NUMBERS, [7, 9])])
def test_guests_can_be_dropped(frame: pl.DataFrame, expected: list[Any]) -> None:
    assert users(frame, guests="drop") == expected
    assert users(frame.drop("order_id"), guests="drop") == expected
    steps = gg.clean(gg.Tables(frame), gg.CleanSpec(guests="drop")).steps
    assert [(step.name, step.rows, step.users) for step in steps] == [("read", 6, None), ("without guests", 2, 2)]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (TEXT, ["ann", "guest-A2", "guest-A2", "guest-A3", "bob", "guest-A5"]),
        (NUMBERS, [7, -1, -1, -2, 9, -3]),
        (NUMBERS.with_columns(order_id=TEXT["order_id"]), [7, -1, -1, -2, 9, -3]),
        (
            TEXT.with_columns(order_id=NUMBERS["order_id"]),
            ["ann", "guest-12", "guest-12", "guest-13", "bob", "guest-15"],
        ),
        (TEXT.cast({"user_id": pl.Categorical}), ["ann", "guest-A2", "guest-A2", "guest-A3", "bob", "guest-A5"]),
    ],
)
def test_orders_of_guests_can_be_users(frame: pl.DataFrame, expected: list[Any]) -> None:
    assert users(frame, guests="orders") == expected
    dataset = gg.Dataset.from_tables(gg.clean(gg.Tables(frame), gg.CleanSpec(guests="orders")))
    assert sorted(dataset.user_ids.values.to_list()) == sorted(set(expected))


def test_guests_are_refused_with_the_remedy() -> None:
    with pytest.raises(
        TableError, match=r"null values in column 'user_id' in 2 rows; set guests = \"drop\" in \[clean\]"
    ):
        gg.clean(gg.Tables(TEXT))
    (finding,) = (finding for finding in gg.check(gg.Tables(TEXT)) if finding.severity == "error")
    assert finding.what == 'null values; fill them in, or set guests = "drop" or "orders" in [clean]'
    with pytest.raises(TableError, match=r"has no order_id, but guests=\"orders\" needs it; add a column 'order_id'"):
        gg.clean(gg.Tables(TEXT.drop("order_id")), gg.CleanSpec(guests="orders"))
    without = TEXT.with_columns(order_id=pl.Series(["A1", None, "A2", "A3", "A4", "A5"]))
    with pytest.raises(TableError, match=r"in 1 row; these rows have no order id, either; fill it in, or set guests"):
        gg.clean(gg.Tables(without), gg.CleanSpec(guests="orders"))
    with pytest.raises(TableError, match="'without guests' removes all 3 transactions"):
        gg.clean(gg.Tables(TEXT[1:4]), gg.CleanSpec(guests="drop"))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (TEXT.with_columns(user_id=pl.Series(["guest-A2", None, None, "", "bob", "x"])), "the user 'guest-A2'"),
        (NUMBERS.with_columns(user_id=pl.Series([-1, None, None, None, 9, 10])), "the user -1, .* a negative id"),
    ],
)
def test_a_user_who_could_be_a_guest_is_refused(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(TableError, match=message):
        gg.clean(gg.Tables(frame), gg.CleanSpec(guests="orders"))


def test_null_items_stay_refused() -> None:
    frame = TEXT.with_columns(item_id=pl.lit(None, pl.String))
    with pytest.raises(TableError, match="null values in column 'item_id'"):
        gg.clean(gg.Tables(frame), gg.CleanSpec(guests="drop"))


def test_a_recipe_reads_orders_only_for_guests(tmp_path: Path) -> None:
    TEXT.write_csv(tmp_path / "orders.csv")
    text = '[transactions]\npath = "orders.csv"\nuser_id = "user_id"\nitem_id = "item_id"\norder_id = "order_id"\n'
    text += '[split]\nkind = "random"\n[clean]\n'
    recipe = gg.Recipe.parse(text + 'guests = "orders"', tmp_path)
    assert recipe.narrowed().transactions.order_id == "order_id"
    assert gg.read_dataset(recipe).n_users == 5
    assert not [one for one in check_sources(recipe.transactions, base=tmp_path, spec=recipe.clean) if one.count == 0]
    dropped = gg.Recipe.parse(text + 'guests = "drop"', tmp_path)
    assert dropped.narrowed().transactions.order_id is None
    assert gg.read_dataset(dropped).n_users == 2
