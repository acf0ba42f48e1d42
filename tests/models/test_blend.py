from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp

from gingham import metrics, split
from gingham.errors import ArtifactError, ConfigError, DataError, NotFittedError, ParameterError
from gingham.loading import load
from gingham.models import ALS, EASE, Blend, BuyAgain, GraphFilter, Popularity, Recommender, build_model
from gingham.models.blend import _MOST_SCORES
from gingham.models.standardised import standardised
from gingham.ranking import TwoStage
from gingham.synth import sample_dataset
from tests.models.samples import noise, positives

DATA = sample_dataset()
MODELS = [BuyAgain(), EASE(20), ALS(4, epochs=2, random_state=1), Popularity()]


def scores_of(model: Recommender) -> npt.NDArray[np.float32]:
    users, items = np.indices((model.n_users, model.n_items)).reshape(2, -1)
    data = model.training_data_
    pairs = model.predict(data.user_ids.ids(users.astype(np.int32)), data.item_ids.ids(items.astype(np.int32)))
    return pairs.reshape(model.n_users, model.n_items)


def test_scores_are_the_weighted_sum_of_standardised_scores() -> None:
    expected = np.zeros((DATA.n_users, DATA.n_items))
    for model, weight in zip(MODELS, (3, 1, 0, 4), strict=True):
        scores = scores_of(model.copy().fit(DATA)).astype(float)
        expected += weight / 8 * (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True)
    blend = Blend(MODELS, [3, 1, 0, 4]).fit(DATA)
    assert blend.weights_ == [0.375, 0.125, 0, 0.5]
    np.testing.assert_allclose(scores_of(blend), expected, atol=1e-4)


def test_a_model_with_equal_scores_has_no_influence() -> None:
    matrix = sp.csr_matrix(np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 0]]))
    blend = Blend([GraphFilter(), EASE(1)], [1, 1]).fit(matrix)
    assert np.isfinite(scores_of(blend)).all()


def test_the_models_are_not_changed() -> None:
    models = [BuyAgain(), EASE(20)]
    Blend(models, [1, 1]).fit(DATA)
    for model in models:
        with pytest.raises(NotFittedError):
            model.training_data_  # noqa: B018


def value(model: Recommender, test: Any, metric: str = "map@5", filter_seen: bool = False) -> float:
    return float(np.nanmean(metrics.compute(metric, metrics.rank_test(model, test, filter_seen=filter_seen)[0])))


@pytest.mark.parametrize("filter_seen", [False, True])
def test_chosen_weights_are_at_least_as_good_as_each_model_on_validation(filter_seen: bool) -> None:
    rest, held = split.by_time(DATA, "7d")
    blend = Blend(MODELS, metric="map@5", filter_seen=filter_seen).fit(DATA)
    assert sum(blend.weights_) == pytest.approx(1)
    fitted = [model.copy().fit(rest) for model in MODELS]
    best = max(value(model, held, filter_seen=filter_seen) for model in fitted)
    assert value(Blend.of(fitted, blend.weights_), held, filter_seen=filter_seen) >= best
    again = Blend(MODELS, blend.weights_).fit(DATA)
    np.testing.assert_array_equal(scores_of(blend), scores_of(again))


def test_weights_are_chosen_on_a_matrix() -> None:
    train, held = split.random(DATA, 0.3, random_state=1)
    blend = Blend(MODELS, metric="recall@5", validation=held.matrix(), filter_seen=True).fit(train.matrix())
    fitted = [model.copy().fit(train.matrix()) for model in MODELS]
    best = max(value(model, held.matrix(), "recall@5", True) for model in fitted)
    assert value(blend, held.matrix(), "recall@5", True) >= best


def test_large_validation_data_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _MOST_SCORES > 10**6
    whole = Blend(MODELS).fit(DATA).weights_
    monkeypatch.setattr("gingham.models.blend._MOST_SCORES", 5 * len(MODELS) * DATA.n_items)
    part = Blend(MODELS).fit(DATA).weights_
    assert part == Blend(MODELS).fit(DATA).weights_  # the sample is always the same
    assert sum(part) == pytest.approx(1) == sum(whole)


def test_scores_are_standardised_block_by_block() -> None:
    model = EASE(5).fit(sp.random(300, 12, 0.4, "csr", random_state=np.random.default_rng(0)))
    scores = standardised(model._scores(), np.arange(300, dtype=np.int32))
    np.testing.assert_allclose(scores.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(scores.std(axis=1), 1, atol=1e-5)


def test_fitted_models_are_blended() -> None:
    fitted = [model.copy().fit(DATA) for model in MODELS]
    np.testing.assert_array_equal(
        scores_of(Blend.of(fitted, (3, 1, 0, 4))), scores_of(Blend(MODELS, (3, 1, 0, 4)).fit(DATA))
    )


@pytest.mark.parametrize(("shape", "what"), [((26, 18), "users"), ((25, 19), "items")])
def test_fitted_models_of_other_users_or_items_are_refused(shape: tuple[int, int], what: str) -> None:
    other = EASE().fit(noise(*shape))
    with pytest.raises(DataError, match=rf"models\[1\] is fitted to other {what} than models\[0\]; fit all models"):
        Blend.of([Popularity().fit(noise()), other], [1, 1])
    with pytest.raises(NotFittedError):
        Blend.of([Popularity(), other], [1, 1])


@pytest.mark.parametrize("weights", [None, [2.0, 1.0, 0.0, 1.0]])
def test_a_blend_is_stored(tmp_path: Path, weights: list[float] | None) -> None:
    validation = split.SplitSpec(kind="last-n", test=2)
    blend = Blend(MODELS, weights, validation=validation).fit(DATA)
    blend.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert repr(loaded) == repr(blend)
    assert loaded.weights_ == blend.weights_
    np.testing.assert_array_equal(scores_of(loaded), scores_of(blend))


def test_a_stored_blend_with_wrong_weights_is_refused(tmp_path: Path) -> None:
    blend = Blend(MODELS, [2, 1, 0, 1]).fit(DATA)
    blend.weights_ = [1.0, -1.0, 0.0, 0.0]
    blend.save(tmp_path / "model")
    with pytest.raises(ArtifactError, match=r"weights\[1\] must be a finite number of at least 0, not -1"):
        load(tmp_path / "model")


def test_a_candidate_of_two_stages_may_be_a_blend(tmp_path: Path) -> None:
    model = TwoStage([Blend(MODELS, [2, 1, 0, 1]), Popularity()], n_candidates=5).fit(DATA.matrix())
    model.save(tmp_path / "model")
    assert load(tmp_path / "model").recommend(k=4).equals(model.recommend(k=4))


def test_a_recipe_has_a_table_for_each_model() -> None:
    tables = [{"kind": "buy-again"}, {"kind": "ease", "l2": 20}]
    model = build_model("blend", {"models": tables, "weights": [1, 2], "validation": {"kind": "last-n", "test": 3}})
    assert isinstance(model, Blend)
    expected = Blend([BuyAgain(), EASE(20)], [1, 2], validation=split.SplitSpec(kind="last-n", test=3))
    assert repr(model) == repr(expected)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"models": "ease"}, r"model\.models must be a list of tables \[\[model\.models\]\], not 'ease'"),
        ({"models": [{"l2": 2}]}, r"Section \[model\.models\.0\] must be a table with a kind, one of '"),
        ({"models": [{"kind": "eas"}, {}]}, "Unknown model 'eas'; did you mean 'ease'"),
        (
            {"models": [{"kind": "ease", "l1": 2}]},
            r"Section \[model\.models\.0\] has 'l1', which is not a parameter of 'ease'",
        ),
        ({"validation": {"kind": "lst-n"}}, r"Section \[model\]"),
    ],
)
def test_wrong_keys_of_a_recipe_are_named(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_model("blend", params)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"models": []}, r"models must be a list of at least two models, not \[\]"),
        ({"models": [EASE()]}, r"models must be a list of at least two models, not \[EASE\("),
        ({"models": 3}, "models must be a list of at least two models, not 3"),
        ({"models": [EASE(), "x"]}, r"models\[1\]: 'x' is not a model"),
        ({"models": [EASE(), EASE(-1)]}, r"models\[1\]: l2 must be a finite number"),
        ({"models": [EASE(), TwoStage()]}, r"models\[1\]: a TwoStage cannot be blended; blend the models that it"),
        ({"weights": [1]}, r"weights must be a list of 2 numbers, one for each model, not \[1\]"),
        ({"weights": [1, -0.5]}, r"weights\[1\] must be a finite number of at least 0, not -0.5"),
        ({"weights": [1, "a"]}, r"weights\[1\] must be a finite number of at least 0, not 'a'"),
        ({"weights": [0, 0]}, "weights are all 0; use a positive number for at least one model"),
        ({"metric": "mapp@3"}, "Unknown metric 'mapp@3'"),
        ({"filter_seen": 1}, "filter_seen must be true or false, not 1"),
        ({"validation": "7d"}, "validation is a str; pass a SciPy sparse matrix or a Dataset"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises((ParameterError, DataError), match=words):
        Blend(**{"models": [EASE(), Popularity()], **params}).fit(DATA)


def test_a_matrix_is_split_at_random() -> None:
    matrix = noise()
    models = [EASE(), Popularity()]
    train, held = split.random(positives(matrix), 0.2, random_state=0)
    expected = Blend(models, validation=held).fit(train)
    assert Blend(models).fit(matrix).weights_ == expected.weights_
    with pytest.raises(ParameterError, match="validation is a SplitSpec, which splits datasets, but"):
        Blend(models, validation=split.SplitSpec(kind="random")).fit(matrix)


def test_validation_data_without_interactions_are_refused() -> None:
    with pytest.raises(DataError, match="The validation data have no interactions to measure"):
        Blend([EASE(), Popularity()], validation=sp.csr_matrix((25, 18))).fit(noise())
