from pathlib import Path

import numpy as np
import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.config.models import build, fit
from gingham.errors import ConfigError, ParameterError
from gingham.models import kinds, model_class


def test_a_recipe_names_a_model_and_its_parameters() -> None:
    model = build(ModelSpec(kind="popularity", window="14d"))  # type: ignore[call-arg]
    assert repr(model) == repr(gg.Popularity(window="14d"))
    with pytest.raises(ConfigError, match="'windw', which is not a parameter of 'popularity'; did you mean 'window'"):
        build(ModelSpec(kind="popularity", windw="14d"))  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", kinds())
def test_a_recipe_may_name_every_kind_of_model(kind: str) -> None:
    assert type(build(ModelSpec(kind=kind))) is model_class(kind)


def test_it_is_fitted_as_the_recipe_says(recipe: Path) -> None:
    dataset = gg.read_dataset(recipe)
    epochs: list[int] = []
    spec = ModelSpec(epochs=2, num_threads=1, n_components=4, random_state=1)  # type: ignore[call-arg]
    model = fit(spec, dataset, verbose=False, callbacks=[lambda _, epoch: epochs.append(epoch.epoch)])
    bare = gg.HybridMF(4, epochs=2, random_state=1).fit(dataset, num_threads=1, verbose=False)
    assert isinstance(model, gg.HybridMF)
    np.testing.assert_array_equal(model.item_embeddings, bare.item_embeddings)
    assert epochs == [1, 2]


@pytest.mark.parametrize("kind", kinds())
def test_models_are_fitted_with_the_recipes_number_of_threads(kind: str, recipe: Path) -> None:
    # The number leaves no other trace than the error about an invalid one.
    spec = ModelSpec(kind=kind).model_copy(update={"num_threads": -1})
    with pytest.raises(ParameterError, match="num_threads must be an integer"):
        fit(spec, gg.read_dataset(recipe))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"epochs": "all"}, "epochs must be a positive integer, not 'all'"),
        ({"epochs": 0}, "epochs must be a positive integer, not 0"),
        ({"early_stopping": {"metric": "mapp@3"}}, "Unknown metric 'mapp@3'"),
        ({"early_stopping": {"patience": 0}}, "early_stopping.patience must be a positive integer, not 0"),
        ({"early_stopping": {"patient": 3}}, r"\[model.early_stopping\] has 'patient'.* did you mean 'patience'"),
        ({"weighted": "yes"}, "weighted must be true or false, not 'yes'"),
    ],
)
def test_wrong_keys_of_training_are_named(keys: dict[str, object], words: str) -> None:
    with pytest.raises((ConfigError, ParameterError), match=words):
        build(ModelSpec(**keys))  # type: ignore[arg-type]


def test_early_stopping_splits_train_as_the_recipe_splits_the_data() -> None:
    text = TWO_STAGE.replace(
        '[[model.candidates]]\nkind = "hybrid"',
        '[[model.candidates]]\nkind = "hybrid"\nearly_stopping = { patience = 2 }',
    )
    split = gg.split.SplitSpec(kind="time", test="3d")
    model = build(gg.Recipe.parse(text).model, split=split, filter_seen=True)
    assert isinstance(model, gg.TwoStage)
    assert model.candidates is not None
    stopping = model.candidates[1].early_stopping  # type: ignore[union-attr]
    assert stopping.to_json() == gg.EarlyStopping(patience=2, validation=split, filter_seen=True).to_json()
    own = build(ModelSpec(early_stopping={"validation": {"test": "9d"}}), split=split)  # type: ignore[call-arg]
    assert own.early_stopping.validation.test == "9d"  # type: ignore[attr-defined]


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
        gg.CandidateSource(gg.Popularity(window="3d"), 9),
        gg.HybridMF(n_components=4, epochs=2),
    ]
    wanted = gg.TwoStage(sources, gg.LightGBMRanker(num_leaves=7), n_periods=3)
    assert repr(build(gg.Recipe.parse(TWO_STAGE).model)) == repr(wanted)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "popularity"', 'kind = "popularty"', "Unknown model 'popularty'; did you mean 'popularity'"),
        ("n_candidates = 9", "n_candidates = -1", "n_candidates must be an integer of at least 0, not -1"),
        ('window = "3d"', 'windw = "3d"', r"\[model.candidates.0\] has 'windw'.*did you mean 'window'"),
        ("num_leaves = 7", "leaves = 7", r"\[model.ranker\] has 'leaves'"),
        ('kind = "two-stage"', 'kind = "ease"', "not a parameter of 'ease'"),
        ('window = "3d"', "window = 3", r"\[model.candidates.0\]: window must be a duration such as .*, not 3"),
        (
            "n_components = 4",
            "n_components = 0",
            r"\[model.candidates.1\]: n_components must be a positive",
        ),
        (
            'window = "3d"',
            "epochs = 3",
            r"\[model.candidates.0\] has 'epochs', which is not a",
        ),
        ("num_threads = 2", "epochs = 30", r"\[model\] has 'epochs', which is not a parameter of 'two-stage'"),
        ("num_threads = 2", "num_threads = 2000", r"model.num_threads is 2000"),
        (
            "num_leaves = 7",
            "num_leaves = 200_000",
            r"\[model.ranker\]: num_leaves must be an integer of at most 131072",
        ),
    ],
)
def test_wrong_keys_of_stages_are_named(old: str, new: str, words: str) -> None:
    with pytest.raises((ConfigError, ParameterError), match=words):
        build(gg.Recipe.parse(TWO_STAGE.replace(old, new)).model)


def test_an_error_names_the_compared_model() -> None:
    with pytest.raises(ParameterError, match=r"Section \[compare.models.near\]: n_neighbours must be"):
        build(ModelSpec(kind="item-knn", n_neighbours=-5), "compare.models.near")  # type: ignore[call-arg]


def test_prices_are_read_for_a_model_that_uses_them() -> None:
    recipe = gg.Recipe.parse(TWO_STAGE)
    assert recipe.narrowed().transactions.price == "paid"
    other = gg.Recipe.parse(TWO_STAGE[: TWO_STAGE.index("[model]")])
    assert other.narrowed().transactions.price is None
