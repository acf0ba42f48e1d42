import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gingham as gg
from gingham.tuning.recipe import best_text

SCALARS = st.one_of(
    st.text(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.dates(), st.times()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
BASE = '[transactions]\npath = "sales.csv"\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\n[split]\nkind = "random"\n'


@given(params=st.dictionaries(st.text(), VALUES, max_size=5))
def test_what_is_written_is_read_again(params: dict[str, Any]) -> None:
    text = best_text(gg.Recipe.parse(BASE, "/shop"), params)
    assert tomllib.loads(text)["model"] == params


def test_all_but_the_model_stays_and_paths_find_their_files_from_anywhere() -> None:
    more = '[items]\npath = ["a.csv", "s3://shop/b.parquet", "/c.csv"]\n[model]\nloss = "bpr"\nepochs = 3\n'
    recipe = gg.Recipe.parse(
        f'name = "x"\n{BASE}{more}[clean]\nstart = 2020-01-01\n[tune.space]\nepochs = [1]\n', "/shop"
    )
    content = tomllib.loads(best_text(recipe, {"epochs": 7, "learning_rate": 0.1}))
    assert content["model"] == {"loss": "bpr", "epochs": 7, "learning_rate": 0.1}
    assert content["transactions"]["path"] == str(Path("/shop/sales.csv").absolute())
    assert content["items"]["path"] == ["/shop/a.csv", "s3://shop/b.parquet", "/c.csv"]
    before = tomllib.loads(recipe.text)
    for section in ("name", "split", "clean", "tune"):
        assert content[section] == before[section]
    assert gg.Recipe.parse(best_text(recipe, {"epochs": 7}), "/elsewhere").model.epochs == 7


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("sqlite:///shop.db", "sqlite:////shop/shop.db"),
        ("sqlite:////data/shop.db", "sqlite:////data/shop.db"),
        ("sqlite:///${FOLDER}/shop.db", "sqlite:///${FOLDER}/shop.db"),
        ("postgresql+psycopg://me:${PASSWORD}@host/shop", "postgresql+psycopg://me:${PASSWORD}@host/shop"),
    ],
)
def test_a_database_in_a_file_is_found_from_anywhere(url: str, there: str) -> None:
    recipe = gg.Recipe.parse(
        BASE.replace('path = "sales.csv"', f'url = "{url}"\nquery = "SELECT * FROM sales"'), "/shop"
    )
    content = tomllib.loads(best_text(recipe, {}))
    assert content["transactions"] == {**tomllib.loads(recipe.text)["transactions"], "url": there}


def test_a_number_of_epochs_that_was_found_is_not_looked_for_again() -> None:
    recipe = gg.Recipe.parse(f"{BASE}[model]\nearly_stopping = {{ patience = 2 }}\n", "/shop")
    assert gg.Recipe.parse(best_text(recipe, {"epochs": 7})).model.early_stopping is None
    assert gg.Recipe.parse(best_text(recipe, {"n_components": 4})).model.early_stopping is not None
