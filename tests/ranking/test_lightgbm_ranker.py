"""LightGBM as the ranker of `TwoStage`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham import store
from gingham.dataset import Feature, Features
from gingham.errors import ArtifactError, MissingExtraError, ParameterError
from gingham.ranking.lightgbm_ranker import FittedLightGBM
from tests.ranking.models import SMALL, small


def test_trees_are_stored_as_text(dataset: gg.Dataset, tmp_path: Path) -> None:
    model = small().fit(dataset)
    model.save(tmp_path / "model")
    assert (tmp_path / "model" / "ranker.txt").read_text().startswith("tree\n")
    loaded = gg.load(tmp_path / "model")
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "ranker.txt").read_text() == (tmp_path / "model" / "ranker.txt").read_text()
    assert_frame_equal(loaded.recommend(), model.recommend(), check_exact=True)


def test_an_artifact_without_the_kind_of_its_ranker_can_be_loaded(dataset: gg.Dataset, tmp_path: Path) -> None:
    model = small().fit(dataset)
    artifact = model.artifact()
    state, params = dict(artifact.state["ranker"]), dict(artifact.params["ranker"])
    assert state.pop("kind") == params.pop("kind") == "lightgbm"
    old = replace(artifact, state={**artifact.state, "ranker": state}, params={**artifact.params, "ranker": params})
    store.write(tmp_path / "model", old)
    assert_frame_equal(gg.load(tmp_path / "model").recommend(), model.recommend(), check_exact=True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"offset": 999}, "The stored ranker is invalid: offset must be an integer of at most"),
        ({"offset": -1}, "offset must be an integer of at least 0, not -1"),
        ({"trust": 0}, "trust must be a finite number above 0 and at most 1, not 0"),
        ({"trust": "x"}, "trust must be"),
    ],
)
def test_invalid_stored_values_are_refused(
    dataset: gg.Dataset, tmp_path: Path, values: dict[str, Any], words: str
) -> None:
    artifact = small().fit(dataset).artifact()
    ranker = {**artifact.state["ranker"], **values}
    store.write(tmp_path / "model", replace(artifact, state={**artifact.state, "ranker": ranker}))
    with pytest.raises(ArtifactError, match=words):
        gg.load(tmp_path / "model")


def test_invalid_stored_trees_are_refused(dataset: gg.Dataset, tmp_path: Path) -> None:
    artifact = small().fit(dataset).artifact()
    for text in ("", "nonsense", artifact.texts["ranker"].replace("split_feature=", "split_feature=9")):
        store.write(tmp_path / "model", replace(artifact, texts={"ranker": text}))
        with pytest.raises(ArtifactError, match="The stored trees are invalid: "):
            gg.load(tmp_path / "model")


def test_columns_can_have_any_name(dataset: gg.Dataset) -> None:
    """LightGBM refuses some characters in names, and replaces spaces."""
    columns = ["launch", "size, [cm]", "a b", "a_b", "a=b", '{"age"}']
    names = [Feature(column, "x", "weekday" if column == "launch" else "category") for column in columns]
    matrix = sp.csr_matrix(np.random.default_rng(0).integers(0, 2, (dataset.n_items, len(names))).astype(np.float32))
    data = gg.Dataset(dataset.user_ids, dataset.item_ids, dataset.interactions, item_features=Features(matrix, names))
    table = small().fit(data).explain_features([3], k=1)
    assert {"launch:weekday_share", "size, [cm]_times", "a b_times", "a_b_times", "a=b_times", '{"age"}_share'} <= set(
        table["feature"]
    )


@pytest.mark.parametrize("objective", ["lambdarank", "rank_xendcg", "binary"])
def test_contributions_add_up_for_every_objective(dataset: gg.Dataset, objective: str) -> None:
    model = small(ranker=replace(SMALL, objective=objective)).fit(dataset)
    scores = model.recommend([3], k=3)["score"]
    sums = model.explain_features([3], k=3).group_by("rank", maintain_order=True).agg(pl.col("contribution").sum())
    assert sums["contribution"].to_list() == pytest.approx(scores.to_list(), abs=1e-5)


def test_without_early_stopping_all_trees_are_fitted(dataset: gg.Dataset) -> None:
    n_trees = {}
    for rounds in (1, 0):
        fitted = small(ranker=replace(SMALL, n_estimators=40, early_stopping_rounds=rounds)).fit(dataset)._fitted_ranker
        assert isinstance(fitted, FittedLightGBM)
        n_trees[rounds] = fitted._booster.num_trees()
    assert n_trees[1] < n_trees[0] == 40


def test_scores_start_from_the_logarithm_of_an_offset(dataset: gg.Dataset, tmp_path: Path) -> None:
    """Trees that cannot be split add nothing, so that the order is that of the model whose score is the offset."""
    ranker = gg.LightGBMRanker(n_estimators=3, min_child_samples=10**6, objective="binary", offset="NextBasket_score")
    model = small(ranker=ranker, n_candidates=12).fit(dataset)
    table, alone = model.recommend(k=5), gg.NextBasket().fit(dataset).recommend(k=5)
    assert_frame_equal(table.select("user_id", "item_id", "rank"), alone.select("user_id", "item_id", "rank"))
    starts = np.log(alone["score"].to_numpy() + 0.05)
    np.testing.assert_allclose(table["score"].to_numpy() - starts, table["score"][0] - starts[0], atol=1e-5)
    sums = model.explain_features([3], k=5).group_by("rank", maintain_order=True).agg(pl.col("contribution").sum())
    np.testing.assert_allclose(sums["contribution"], model.recommend([3], k=5)["score"], atol=1e-5)
    model.save(tmp_path / "model")
    assert_frame_equal(gg.load(tmp_path / "model").recommend(k=12), model.recommend(k=12), check_exact=True)


def test_trust_scales_the_output_of_the_trees(dataset: gg.Dataset, tmp_path: Path) -> None:
    """With less trust, scores are nearer to the offset."""
    output = {}
    for trust in (1.0, 0.25):
        ranker = gg.LightGBMRanker(n_estimators=9, min_child_samples=5, offset="NextBasket_score", trust=trust)
        model = small(ranker=ranker, n_candidates=12).fit(dataset)
        users, items = np.divmod(np.arange(60), 12)
        offset = np.log(0.05 + gg.NextBasket().fit(dataset).predict(users, items))
        output[trust] = model.predict(users, items) - offset
        sums = model.explain_features([3], k=5).group_by("rank", maintain_order=True).agg(pl.col("contribution").sum())
        np.testing.assert_allclose(sums["contribution"], model.recommend([3], k=5)["score"], atol=1e-5)
    candidates = output[1.0] > -2
    assert candidates.sum() > 20
    assert np.ptp(output[1.0][candidates]) > 0.1
    np.testing.assert_allclose(output[0.25][candidates], 0.25 * output[1.0][candidates], atol=1e-5)
    model.save(tmp_path / "model")
    assert_frame_equal(gg.load(tmp_path / "model").recommend(k=12), model.recommend(k=12), check_exact=True)


def test_without_lightgbm_the_extra_is_named(dataset: gg.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gingham\[ranking\]'"):
        small().fit(dataset)
    assert small().fit(dataset.matrix()).recommend([3], k=3).height == 3


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_estimators": 0}, "ranker: n_estimators must be a positive integer, not 0"),
        ({"learning_rate": 0}, "ranker: learning_rate must be a finite number above 0, not 0"),
        ({"num_leaves": 1}, "ranker: num_leaves must be an integer of at least 2, not 1"),
        ({"num_leaves": 131_073}, "ranker: num_leaves must be an integer of at most 131072, not 131073"),
        ({"min_child_samples": 0}, "ranker: min_child_samples must be a positive integer"),
        ({"objective": "mean"}, "ranker: objective must be one of 'lambdarank', 'rank_xendcg', 'binary', not 'mean'"),
        ({"early_stopping_rounds": -1}, "ranker: early_stopping_rounds must be an integer of at least 0, not -1"),
        ({"colsample_bytree": 1.5}, "ranker: colsample_bytree must be a finite number above 0 and at most 1, not 1.5"),
        ({"reg_lambda": -1}, "ranker: reg_lambda must be a finite number of at least 0, not -1"),
        ({"truncation_level": 2.5}, "ranker: truncation_level must be a positive integer, not 2.5"),
        ({"trust": 0}, "ranker: trust must be a finite number above 0 and at most 1, not 0"),
        ({"offset": 3}, "ranker: offset must be a string, not 3"),
        ({"offset": "sales"}, "ranker: offset must be one of 'NextBasket_score', 'Popularity_score', not 'sales'"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        small(ranker=gg.LightGBMRanker(**params)).validate()
