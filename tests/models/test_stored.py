"""Models that are stored and loaded."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import gingham as gg
from gingham import store
from gingham.errors import ArtifactError, DataError
from gingham.models import Recommender, model_class
from tests.fuzz.damages import sign
from tests.models.samples import MATRIX_KINDS

ADDED = ("epochs", "early_stopping", "weighted")


def without_added(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in ADDED}


def manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / store.MANIFEST).read_text())
    return content


def small(kind: str) -> Recommender:
    own = {"n_components": 4} if "n_components" in model_class(kind).param_names() else {}
    return model_class(kind)(**own)


@pytest.mark.parametrize("kind", MATRIX_KINDS)
@pytest.mark.parametrize("value", [1e-30, 1e14])
def test_what_was_learned_from_any_values_can_be_loaded(kind: str, value: float, tmp_path: Path) -> None:
    interactions = sp.random(60, 40, 0.3, "csr", np.float32, np.random.default_rng(1)) * np.float32(value)
    model = small(kind).fit(interactions, num_threads=1, verbose=False)
    model.save(tmp_path / "model")
    assert gg.load(tmp_path / "model").recommend(k=5).equals(model.recommend(k=5))


@pytest.mark.parametrize("kind", MATRIX_KINDS)
@pytest.mark.parametrize("value", [2e15, -1e30])
def test_values_too_large_to_compute_with_are_refused(kind: str, value: float) -> None:
    interactions = sp.csr_matrix(np.full((4, 3), value, np.float32))
    with pytest.raises(DataError, match=r"interactions holds .*e\+(15|30), and values may be at most 1e\+15"):
        small(kind).fit(interactions, num_threads=1, verbose=False)


@pytest.mark.parametrize("model", [gg.HybridMF(n_components=4, random_state=1), gg.ALS(n_components=4, random_state=1)])
def test_models_of_version_0_1_have_fewer_parameters(model: Recommender, tmp_path: Path) -> None:
    model.fit(gg.synth.sample_dataset(), num_threads=1, verbose=False).save(tmp_path / "model")
    params = manifest(tmp_path / "model")["params"]
    sign(tmp_path / "model", params=without_added(params))
    loaded = gg.load(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    assert loaded.recommend(k=5).equals(model.recommend(k=5))
    del params["n_components"]
    sign(tmp_path / "model", params=params)
    with pytest.raises(ArtifactError, match="the parameter 'n_components' is missing"):
        gg.load(tmp_path / "model")


def test_candidates_of_version_0_1_have_their_epochs_apart(tmp_path: Path) -> None:
    candidates = [gg.BuyAgain(), gg.CandidateSource(gg.HybridMF(n_components=4, epochs=3, random_state=1), 5)]
    model = gg.TwoStage(candidates, n_periods=1).fit(gg.synth.sample_dataset(), num_threads=1, verbose=False)
    model.save(tmp_path / "model")
    content = manifest(tmp_path / "model")
    for source in content["params"]["candidates"]:
        epochs = source["params"].get("epochs")
        source["params"], source["fit"] = without_added(source["params"]), {} if epochs is None else {"epochs": epochs}
    for part in content["state"]["models"]:
        part["params"] = without_added(part["params"])
    sign(tmp_path / "model", params=content["params"], state=content["state"])
    loaded = gg.load(tmp_path / "model")
    assert loaded.recommend(k=5).equals(model.recommend(k=5))
    assert loaded.candidates[1].model.epochs == 3
