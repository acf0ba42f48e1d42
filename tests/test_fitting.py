from pathlib import Path

import numpy as np
import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.errors import ConfigError
from gingham.fitting import build, fit
from gingham.models import KINDS


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


def test_what_is_for_epochs_does_not_concern_a_model_without(recipe: Path) -> None:
    dataset = gg.read_dataset(recipe)
    fitted = fit(ModelSpec(kind="buy-again"), dataset, verbose=False)
    assert fitted.recommend(k=3).equals(gg.BuyAgain().fit(dataset).recommend(k=3))
