import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import gingham as gg
from gingham.tuning.recipe import best_recipe

SCALARS = st.one_of(
    st.text(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.dates(), st.times()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
BASE = '[transactions]\npath = "sales.csv"\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\n[split]\nkind = "random"\n'


@given(params=st.dictionaries(st.text(), VALUES, max_size=5))
def test_parameters_are_read_as_they_were_written(params: dict[str, Any]) -> None:
    text = best_recipe(gg.Recipe.parse(BASE, "/shop"), params)
    assert tomllib.loads(text)["model"] == params


def test_other_sections_stay_and_relative_paths_start_from_the_same_folder() -> None:
    more = '[items]\npath = ["a.csv", "s3://shop/b.parquet", "/c.csv"]\n[model]\nloss = "bpr"\nepochs = 3\n'
    recipe = gg.Recipe.parse(
        f'name = "x"\n{BASE}{more}[clean]\nstart = 2020-01-01\n[tune.space]\nepochs = [1]\n', "/shop"
    )
    content = tomllib.loads(best_recipe(recipe, {"epochs": 7, "learning_rate": 0.1}))
    assert content["model"] == {"loss": "bpr", "epochs": 7, "learning_rate": 0.1}
    assert content["base"] == str(Path("/shop").absolute())
    before = tomllib.loads(recipe.text)
    for section in ("name", "transactions", "items", "split", "clean", "tune"):
        assert content[section] == before[section]
    assert gg.Recipe.parse(best_recipe(recipe, {"epochs": 7}), "/elsewhere").model.params["epochs"] == 7


def test_early_stopping_is_removed_when_the_search_determined_the_epochs() -> None:
    recipe = gg.Recipe.parse(f"{BASE}[model]\nearly_stopping = {{ patience = 2 }}\n", "/shop")
    assert "early_stopping" not in gg.Recipe.parse(best_recipe(recipe, {"epochs": 7})).model.params
    assert "early_stopping" in gg.Recipe.parse(best_recipe(recipe, {"n_components": 4})).model.params
