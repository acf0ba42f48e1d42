from pathlib import Path

import polars as pl
import pytest

import gingham as gg
from gingham.errors import TableError
from gingham.versions.rules import read_rules, updated_rules

RECIPE = """
[transactions]
path = "sales.parquet"
user_id = "user_id"
item_id = "item_id"
timestamp = "timestamp"

[items]
path = "items.csv"

[model]
kind = "popularity"

[recommend]
k = 3

[rules]
filter = "stock > 0"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a run of rules, in which only five items are in stock, and an update in which a new item is."""
    sales = gg.synth.sample_tables().transactions.collect()
    sales.write_parquet(tmp_path / "sales.parquet")
    items = sales.select(pl.col("item_id").unique().sort()).with_row_index("stock")
    items.select("item_id", stock=pl.when(pl.col("stock") < 5).then(1).otherwise(0)).write_csv(tmp_path / "items.csv")
    (tmp_path / "new.csv").write_text("item_id,stock\nnew,3\ni00,0\n")
    sales.sort("timestamp")[-200:].with_columns(item_id=pl.lit("new")).write_parquet(tmp_path / "today.parquet")
    (tmp_path / "shop.toml").write_text(RECIPE)
    gg.run(tmp_path / "shop.toml", tmp_path / "out")
    return tmp_path


def test_an_update_follows_the_rules_with_the_columns_of_new_items(shop: Path) -> None:
    out = shop / "out"
    lists = pl.read_parquet(out / "current" / "recommendations.parquet")
    assert set(lists["item_id"]) <= {"i00", "i01", "i02", "i03", "i04"}
    version = gg.versions.update(out, shop / "today.parquet", items=shop / "new.csv")
    lists = pl.read_parquet(version.folder / "recommendations.parquet")
    assert "new" in set(lists["item_id"])
    assert set(lists["item_id"]) <= {"new", "i01", "i02", "i03", "i04"}
    rules = read_rules(version.folder)
    assert rules is not None
    assert rules.items is not None
    assert rules.items.filter(pl.col("item_id").is_in(["i00", "i01", "new"])).rows() == [
        ("i00", 0),
        ("i01", 1),
        ("new", 3),
    ]
    # Without a table of items, new ones have no columns, and those before keep theirs.
    version = gg.versions.update(out, shop / "today.parquet")
    assert pl.read_parquet(version.folder / "rules.parquet").equals(rules.items)


def test_a_column_of_another_type_is_refused(shop: Path) -> None:
    rules = read_rules(shop / "out" / "current")
    with pytest.raises(
        TableError, match="column 'stock' of the update's items is String, but that of the version is Int64"
    ):
        updated_rules(rules, pl.DataFrame({"item_id": ["new"], "stock": ["much"]}))


def test_rules_without_columns_stay(shop: Path) -> None:
    rules = gg.Rules(exclude_basket=True)
    assert updated_rules(rules, pl.DataFrame({"item_id": ["new"]})) is rules
    assert updated_rules(None, None) is None
    bound = read_rules(shop / "out" / "current")
    assert updated_rules(bound, None) is bound
