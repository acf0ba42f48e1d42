from pathlib import Path

import numpy as np
import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.config.models import build, fit
from gingham.errors import ConfigError, ParameterError
from gingham.ranking import KINDS


def test_a_recipe_names_a_model_and_its_parameters() -> None:
    model = build(ModelSpec(kind="popularity", window="14d"))  # type: ignore[call-arg]
    assert repr(model) == repr(gg.Popularity(window="14d"))
    with pytest.raises(ConfigError, match="'windw', which is no parameter of 'popularity'; did you mean 'window'"):
        build(ModelSpec(kind="popularity", windw="14d"))  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_may_name_every_kind_of_model(kind: str) -> None:
    assert type(build(ModelSpec(kind=kind))) is KINDS[kind]


def test_it_is_fitted_as_the_recipe_says(recipe: Path) -> None:
    dataset = gg.read_dataset(recipe)
    heard: list[int] = []
    spec = ModelSpec(epochs=2, num_threads=1, n_components=4, random_state=1)  # type: ignore[call-arg]
    model = fit(spec, dataset, verbose=False, callbacks=[lambda _, epoch: heard.append(epoch.epoch)])
    bare = gg.HybridMF(4, random_state=1).fit(dataset, epochs=2, num_threads=1, verbose=False)
    assert isinstance(model, gg.HybridMF)
    np.testing.assert_array_equal(model.item_embeddings, bare.item_embeddings)
    assert heard == [1, 2]


@pytest.mark.parametrize("kind", ["item-knn", "next-basket", "two-stage"])
def test_models_fitted_by_threads_have_the_recipes_number_of_them(kind: str, recipe: Path) -> None:
    # How many there are leaves no trace but the refusal of a number that is none.
    spec = ModelSpec(kind=kind).model_copy(update={"num_threads": -1})
    with pytest.raises(ParameterError, match="num_threads=-1"):
        fit(spec, gg.read_dataset(recipe))


def test_what_is_for_epochs_does_not_concern_a_model_without(recipe: Path) -> None:
    dataset = gg.read_dataset(recipe)
    fitted = fit(ModelSpec(kind="buy-again"), dataset, verbose=False)
    assert fitted.recommend(k=3).equals(gg.BuyAgain().fit(dataset).recommend(k=3))


TWO_STAGE = """
[transactions]
path = "sales.csv"
user_id = "who"
item_id = "what"
timestamp = "when"
price = "paid"

[model]
kind = "two-stage"
num_threads = 2
n_periods = 3

[model.ranker]
num_leaves = 7

[[model.candidates]]
kind = "popularity"
window = "3d"
n_candidates = 9

[[model.candidates]]
kind = "hybrid"
n_components = 4
epochs = 2
"""


def test_a_recipe_names_the_stages_of_a_model() -> None:
    sources = [
        gg.Source(gg.Popularity(window="3d"), 9),
        gg.Source(gg.HybridMF(n_components=4), fit={"num_threads": 2, "epochs": 2}),
    ]
    wanted = gg.TwoStage(sources, gg.LightGBMRanker(num_leaves=7), n_periods=3)
    assert repr(build(gg.Recipe.parse(TWO_STAGE).model)) == repr(wanted)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "popularity"', 'kind = "two-stage"', "there is no model 'two-stage'; give one of hybrid"),
        ("n_candidates = 9", "n_candidates = -1", "model.candidates.0.n_candidates is -1"),
        ('window = "3d"', 'windw = "3d"', r"\[model.candidates.0\] has 'windw'.*did you mean 'window'"),
        ("num_leaves = 7", "leaves = 7", r"\[model.ranker\] has 'leaves'.*the ranker"),
        ('kind = "two-stage"', 'kind = "ease"', "no parameter of 'ease'"),
        ('window = "3d"', "window = 3", r"\[model.candidates.0\]: window must be a duration such as .*, not 3"),
        ("n_components = 4", "n_components = 0", r"\[model.candidates.1\]: n_components=0 is no whole number"),
        ('window = "3d"', "epochs = 3", r"\[model.candidates.0\] has 'epochs', but a 'popularity' model is not"),
        ("num_threads = 2", "epochs = 30", r"\[model\] has 'epochs', .* out; \[\[model.candidates\]\] have epochs"),
        ("num_threads = 2", "weighted = true", r"\[model\] has 'weighted', but a 'two-stage' model is not trained"),
        ("num_threads = 2", "early_stopping = {}", r"\[model\] has 'early_stopping'"),
        ("num_threads = 2", "num_threads = 2000", r"model.num_threads is 2000"),
        ("num_leaves = 7", "num_leaves = 200_000", "ranker.num_leaves=200000 is above 131072"),
    ],
)
def test_what_is_wrong_with_the_stages_is_said(old: str, new: str, words: str) -> None:
    with pytest.raises((ConfigError, ParameterError), match=words):
        build(gg.Recipe.parse(TWO_STAGE.replace(old, new)).model)


def test_where_a_parameter_of_a_compared_model_is_wrong_is_said() -> None:
    with pytest.raises(ParameterError, match=r"Section \[compare.models.near\]: n_neighbours=-5"):
        build(ModelSpec(kind="item-knn", n_neighbours=-5), "compare.models.near")  # type: ignore[call-arg]


def test_prices_are_read_for_a_model_that_looks_at_them() -> None:
    asked = gg.Recipe.parse(TWO_STAGE)
    assert asked.narrowed().transactions.price == "paid"
    other = gg.Recipe.parse(TWO_STAGE[: TWO_STAGE.index("[model]")])
    assert other.narrowed().transactions.price is None
