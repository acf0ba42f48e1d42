from pathlib import Path

import polars as pl
import pytest

import gingham as gg
from gingham.errors import ConfigError, TableError
from gingham.models.training_data import TrainingData
from gingham.versions.incoming import Incoming, read_incoming
from tests.little_shop import write_shop

ROWS = "customer,article,day\nc001,03,2024-03-05\nzoe,new,2024-03-06\nc002,07,2023-01-01\n"
USERS = "customer,age\nzoe,33\nyoung,15\n"


@pytest.fixture
def training_data(recipe: Path) -> TrainingData:
    return gg.Popularity().fit(gg.read_dataset(recipe)).training_data_


def edited(recipe: Path, old: str, new: str) -> gg.Recipe:
    assert old in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(old, new))
    return gg.Recipe.read(recipe)


def incoming(recipe: gg.Recipe, data: TrainingData, rows: str = ROWS, users: str = "", items: str = "") -> Incoming:
    """Read an update from texts."""
    files = {}
    for name, text in (("rows", rows), ("users", users), ("items", items)):
        files[name] = recipe.base / f"update-{name}.csv"
        files[name].write_text(text)
    return read_incoming(
        recipe, data, files["rows"], files["users"] if users else None, files["items"] if items else None
    )


def ids(tables: Incoming, column: str = "user_id") -> list[str]:
    return tables.transactions.transactions.select(pl.col(column).cast(pl.String)).collect()[column].to_list()


def test_files_are_read_with_the_columns_of_the_recipe(recipe: Path, training_data: TrainingData) -> None:
    items = "article,kind,title,tags\nnew,hat,A new thing,x|y\n"
    read = incoming(gg.Recipe.read(recipe), training_data, users="customer,age\nzoe,33\n", items=items)
    rows = read.transactions.transactions.collect()
    assert rows.columns == ["user_id", "item_id", "timestamp"]
    assert ids(read) == ["c001", "zoe", "c002"]
    assert ids(read, "item_id") == ["03", "new", "07"]
    assert rows["timestamp"].dt.strftime("%F").to_list() == ["2024-03-05", "2024-03-06", "2023-01-01"]
    assert read.users is not None
    assert read.users.to_dicts() == [{"user_id": "zoe", "age": 33}]
    assert read.items is not None
    assert {"item_id": "new", "kind": "hat", "tags": "x|y", "name": "A new thing", "type": "hat"}.items() <= (
        read.items.to_dicts()[0].items()
    )
    without = incoming(gg.Recipe.read(recipe), training_data)
    assert (without.users, without.items) == (None, None)


@pytest.mark.parametrize(
    "window", ["start = 2024-02-01", 'last = "7d"', "min_transactions = 5", "max_transactions = 1", "k_core = 2"]
)
def test_dates_and_counts_of_the_cleaning_do_not_apply(recipe: Path, training_data: TrainingData, window: str) -> None:
    assert len(ids(incoming(edited(recipe, "[clean]", f"[clean]\n{window}"), training_data))) == 3


def test_conditions_apply_to_what_the_files_say(recipe: Path, training_data: TrainingData) -> None:
    """The recipe keeps users above 20. A user without a row in the update is not judged."""
    rows = f"{ROWS}young,03,2024-03-05\nelse,03,2024-03-05\n"
    read = incoming(gg.Recipe.read(recipe), training_data, rows, users=USERS)
    assert ids(read) == ["c001", "zoe", "c002", "else"]
    assert read.users is not None
    assert read.users["user_id"].to_list() == ["zoe"]
    strict = edited(recipe, "[clean]", '[clean]\nunknown = "drop"\ntransactions = "day > DATE \'2024-01-01\'"')
    items = "article,kind,title,tags\nnew,hat,A new thing,x|y\n"
    assert ids(incoming(strict, training_data, rows, users=USERS, items=items)) == ["c001", "zoe"]


@pytest.mark.parametrize("key", ['half_life = "30d"', 'value = "log-count"'])
def test_values_that_depend_on_other_transactions_are_refused(
    recipe: Path, training_data: TrainingData, key: str
) -> None:
    changed = edited(recipe, "[clean]", f"[clean]\n{key}")
    with pytest.raises(ConfigError, match=f"clean.{key.split()[0]} = .* use `gingham run`"):
        incoming(changed, training_data)


def test_a_table_that_the_recipe_does_not_have_is_an_error(tmp_path: Path, training_data: TrainingData) -> None:
    recipe = gg.Recipe.parse(
        'transactions = { path = "t.csv", user_id = "customer", item_id = "article", timestamp = "day" }', tmp_path
    )
    with pytest.raises(ConfigError, match=r"no section \[users\] with a file, so it cannot use .*--users"):
        incoming(recipe, training_data, users=USERS)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("customer,item,day\nc001,03,2024-03-05\n", "no column 'article'"),
        ("customer,article,day\nc001,,2024-03-05\n", "'article'"),
        ("customer,article,day\nc001,03,soon\n", "'day'"),
        ("customer,article,day\n", "no rows"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_the_column(
    recipe: Path, training_data: TrainingData, rows: str, words: str
) -> None:
    with pytest.raises(TableError) as caught:
        incoming(gg.Recipe.read(recipe), training_data, rows)
    assert words in str(caught.value)


def test_ids_have_the_type_of_the_model(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": [1, 2, 2], "i": [7, 7, 8]})
    frame.write_parquet(tmp_path / "t.parquet")
    recipe = gg.Recipe.parse(
        'transactions = { path = "t.parquet", user_id = "u", item_id = "i" }\nsplit = { kind = "random" }', tmp_path
    )
    data = gg.Popularity().fit(gg.read_dataset(recipe)).training_data_
    rows = incoming(recipe, data, "u,i\n3,7\n1,9\n").transactions.transactions.collect()
    assert rows["user_id"].to_list() == [3, 1]
    assert rows.schema["item_id"] == pl.Int64


def test_users_from_columns_of_the_transactions(tmp_path: Path) -> None:
    pl.DataFrame({"u": ["a", "b"], "i": ["x", "y"], "club": ["in", "out"]}).write_csv(tmp_path / "t.csv")
    recipe = gg.Recipe.parse(
        'transactions = { path = "t.csv", user_id = "u", item_id = "i" }\nusers = { columns = ["club"] }\n'
        'split = { kind = "random" }\nfeatures = { users = { categorical = ["club"] } }',
        tmp_path,
    )
    data = gg.Popularity().fit(gg.read_dataset(recipe)).training_data_
    read = incoming(recipe, data, "u,i,club\nc,x,in\n")
    assert read.users is not None
    assert read.users.to_dicts() == [{"user_id": "c", "club": "in"}]


def test_the_recipe_s_own_files_are_an_update(tmp_path: Path) -> None:
    recipe = gg.Recipe.read(write_shop(tmp_path))
    data = gg.Popularity().fit(gg.read_dataset(recipe)).training_data_
    read = read_incoming(
        recipe, data, *(tmp_path / f"{name}.csv" for name in ("transactions", "customers", "articles"))
    )
    expected = gg.read_tables(recipe).transactions.collect()
    assert sorted(ids(read)) == sorted(expected["user_id"].cast(pl.String))
