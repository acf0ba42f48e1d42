"""A ranker defined in one file works in Python, in recipes, in artifacts and in explanations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import gingham as gg
from gingham import store
from gingham.arrays import Doubles, Floats
from gingham.errors import ArtifactError, ConfigError, ParameterError
from gingham.ranking import Examples, FittedRanker, Ranker, StoredRanker
from gingham.validation import check_number


@dataclass
class LinearRanker(Ranker):
    """Order candidates by a linear function of standardised features, fitted by ridge regression."""

    kind = "linear"
    constraints = {"l2": partial(check_number, above=0)}  # noqa: RUF012

    l2: float = 1.0

    def fit(
        self,
        periods: Sequence[Examples],
        feature_names: Sequence[str],
        seed: int,
        num_threads: int,
    ) -> "FittedLinear":
        features = np.nan_to_num(np.concatenate([period.features for period in periods]).astype(np.float64))
        bought = np.concatenate([period.bought for period in periods]).astype(np.float64)
        mean, deviation = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
        design = standardised(features, mean, deviation)
        normal = design.T @ design + self.l2 * np.eye(len(feature_names))
        weights = np.linalg.solve(normal, design.T @ (bought - bought.mean()))
        return FittedLinear(float(bought.mean()), np.array([mean, deviation, weights]))

    @classmethod
    def restore(cls, stored: StoredRanker) -> "FittedLinear":
        return FittedLinear(float(stored.values["base"]), stored.arrays["parameters"])


class FittedLinear(FittedRanker):
    def __init__(self, base: float, parameters: Doubles) -> None:
        self.base, self.parameters = base, parameters
        self.n_features = parameters.shape[1]
        self.floor = base - 5 * float(np.abs(parameters[2]).sum()) - 1

    def score(self, features: Floats) -> Floats:
        return self.contributions(features).sum(axis=1)

    def contributions(self, features: Floats) -> Floats:
        mean, deviation, weights = self.parameters
        parts = standardised(np.nan_to_num(features.astype(np.float64)), mean, deviation) * weights
        return np.column_stack([parts, np.full(len(features), self.base)]).astype(np.float32)

    def store(self) -> StoredRanker:
        return StoredRanker({"base": self.base}, arrays={"parameters": self.parameters})


def standardised(features: Doubles, mean: Doubles, deviation: Doubles) -> Doubles:
    return np.asarray(np.clip((features - mean) / deviation, -5, 5))


RECIPE: dict[str, Any] = {
    "candidates": [{"kind": "next-basket"}, {"kind": "popularity", "window": "14d", "n_candidates": 4}],
    "ranker": {"kind": "linear", "l2": 3.0},
    "n_candidates": 6,
    "random_state": 1,
}


@pytest.fixture(scope="module")
def fitted(dataset: gg.Dataset) -> gg.TwoStage:
    candidates = [gg.NextBasket(), gg.CandidateSource(gg.Popularity("14d"), 4)]
    return gg.TwoStage(candidates, LinearRanker(l2=3.0), n_candidates=6, random_state=1).fit(dataset)


def test_it_orders_candidates(fitted: gg.TwoStage) -> None:
    table = fitted.recommend(k=3)
    assert table.height == 3 * fitted.n_users
    fused = gg.TwoStage(fitted.candidates, n_candidates=6).fit(fitted.training_data_.matrix)
    ids = fitted.training_data_.item_ids.values
    assert table["item_id"].to_list() != [ids[item] for item in fused.recommend(k=3)["item_id"]]


def test_a_recipe_names_it(fitted: gg.TwoStage, dataset: gg.Dataset) -> None:
    model = gg.TwoStage.from_recipe(RECIPE, "model")
    assert repr(model) == repr(fitted)
    assert_frame_equal(model.fit(dataset).recommend(), fitted.recommend(), check_exact=True)


def test_it_is_stored_with_the_model(fitted: gg.TwoStage, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    assert not (tmp_path / "model" / "ranker.txt").exists()
    loaded = gg.load(tmp_path / "model")
    assert isinstance(loaded, gg.TwoStage)
    assert repr(loaded) == repr(fitted)
    assert_frame_equal(loaded.recommend(), fitted.recommend(), check_exact=True)
    assert_frame_equal(loaded.explain_features([3], k=3), fitted.explain_features([3], k=3), check_exact=True)


def test_it_is_explained(fitted: gg.TwoStage) -> None:
    sums = (
        fitted.explain_features([3, 7], k=4)
        .group_by("user_id", "item_id", maintain_order=True)
        .agg(pl.col("contribution").sum())
    )
    assert sums["contribution"].to_list() == pytest.approx(fitted.recommend([3, 7], k=4)["score"].to_list(), abs=1e-5)


def test_a_ranker_of_another_kind_set_after_a_fit_is_not_stored_as_fitted(dataset: gg.Dataset, tmp_path: Path) -> None:
    model = gg.TwoStage.from_recipe(RECIPE, "model").fit(dataset)
    before = model.recommend()
    model.set_params(ranker=gg.LightGBMRanker())
    model.save(tmp_path / "model")
    loaded = gg.load(tmp_path / "model")
    assert repr(loaded) == repr(model)
    assert_frame_equal(loaded.recommend(), before, check_exact=True)


# Errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ranker", "words"),
    [
        (
            {"kind": "liner"},
            r"Section \[model.ranker\] has kind = 'liner', which is not a ranker; did you mean 'linear'",
        ),
        ({"kind": "xgboost"}, "'xgboost', which is not a ranker; use one of 'lightgbm', "),
        ({"kind": 3}, "kind = 3, which is not a ranker"),
        ({"kind": "linear", "l1": 3}, r"Section \[model.ranker\] has 'l1', which is not a parameter of 'linear'"),
        ({"leaves": 7}, r"Section \[model.ranker\] has 'leaves', which is not a parameter of 'lightgbm'"),
        ({"kind": "linear", "l2": 0}, r"Section \[model.ranker\]: l2 must be a finite number above 0, not 0"),
        ({"num_leaves": 200_000}, r"Section \[model.ranker\]: num_leaves must be an integer of at most 131072"),
        ("linear", r"Section \[model.ranker\] must be a table, not 'linear'"),
    ],
)
def test_a_wrong_ranker_in_a_recipe_is_refused(ranker: Any, words: str) -> None:
    with pytest.raises((ConfigError, ParameterError), match=words):
        gg.TwoStage.from_recipe({"ranker": ranker}, "model")


def test_the_place_of_a_wrong_parameter_is_named() -> None:
    with pytest.raises(ParameterError, match="ranker: l2 must be a finite number above 0, not -1"):
        gg.TwoStage(ranker=LinearRanker(l2=-1)).validate()
    with pytest.raises(ParameterError, match=r"ranker must be a Ranker such as LightGBMRanker\(\), not 3"):
        gg.TwoStage(ranker=3).validate()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"kind": "linear"}, "The stored 'linear' ranker is invalid: KeyError"),
        ({"kind": "linear", "base": []}, "The stored 'linear' ranker is invalid: TypeError"),
        ({"kind": "linear", "base": "x"}, "The stored 'linear' ranker is invalid: ValueError"),
        ({"kind": "other", "base": 1}, "needs a ranker of kind 'other', which is not defined here; import the module"),
        ({"kind": [], "base": 1}, r"needs a ranker of kind \[\]"),
        ({"base": 1}, "The stored trees are invalid: it is not a LightGBM model"),
        (3, "The stored ranker is invalid: its values are 3"),
    ],
)
def test_an_invalid_stored_ranker_is_refused(fitted: gg.TwoStage, tmp_path: Path, state: Any, words: str) -> None:
    artifact = fitted.artifact()
    store.write(tmp_path / "model", replace(artifact, state={**artifact.state, "ranker": state}))
    with pytest.raises(ArtifactError, match=words):
        gg.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"kind": "linear", "l1": 1}, "The stored 'linear' ranker is invalid: the parameter 'l2' is missing"),
        ({"kind": "other"}, "needs a ranker of kind 'other'"),
    ],
)
def test_invalid_stored_parameters_are_refused(
    fitted: gg.TwoStage, tmp_path: Path, params: dict[str, Any], words: str
) -> None:
    artifact = fitted.artifact()
    store.write(tmp_path / "model", replace(artifact, params={**artifact.params, "ranker": params}))
    with pytest.raises(ArtifactError, match=words):
        gg.load(tmp_path / "model")


def test_a_stored_ranker_of_other_features_is_refused(fitted: gg.TwoStage, tmp_path: Path) -> None:
    artifact = fitted.artifact()
    arrays = {**artifact.arrays, "ranker.parameters": artifact.arrays["ranker.parameters"][:, :-1]}
    store.write(tmp_path / "model", replace(artifact, arrays=arrays))
    with pytest.raises(ArtifactError, match=r"The stored ranker has \d+ features, but the models and data have \d+"):
        gg.load(tmp_path / "model").recommend(k=3)


def test_a_class_without_a_kind_is_not_registered() -> None:
    class Shared(Ranker):
        pass

    assert Shared not in Ranker.classes_by_kind.values()
    assert Ranker.classes_by_kind["linear"] is LinearRanker
