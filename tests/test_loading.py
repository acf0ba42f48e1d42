from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import gingham as gg
from gingham.errors import ArtifactError, ParameterError
from gingham.lightfm import LightFM


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    gg.ALS(n_components=4, random_state=1).fit(gg.synth.sample_dataset(), verbose=False).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("arguments", [(), (gg.ALS,)])
def test_a_model_is_loaded_as_it_was_saved(saved: Path, arguments: tuple[type, ...]) -> None:
    first, second = (gg.load(path, *arguments) for path in (saved, str(saved)))
    assert isinstance(first, gg.ALS)
    np.testing.assert_array_equal(first.item_embeddings, second.item_embeddings)


def test_another_class_is_an_error(saved: Path) -> None:
    with pytest.raises(ArtifactError, match="ALS"):
        gg.load(saved, gg.HybridMF)


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="model does not exist; use the folder of a model, a run or a search"):
        gg.load(tmp_path / "model")


def test_the_model_of_a_run_is_loaded(saved: Path) -> None:
    (saved.parent / "metrics.json").write_text("{}")
    assert isinstance(gg.load(saved.parent), gg.ALS)
    assert isinstance(gg.load(str(saved.parent), gg.ALS), gg.ALS)


def test_a_drop_in_is_loaded(tmp_path: Path) -> None:
    model = LightFM(random_state=1).fit(sp.coo_matrix(np.eye(3)))
    model.save(tmp_path / "model")
    for loaded in (gg.load(tmp_path / "model"), gg.load(tmp_path), gg.load(tmp_path, LightFM)):
        assert isinstance(loaded, LightFM)
        np.testing.assert_array_equal(loaded.item_embeddings, model.item_embeddings)
    with pytest.raises(ArtifactError, match="holds a LightFM"):
        gg.load(tmp_path, gg.ALS)


@pytest.mark.parametrize(
    ("name", "words"),
    [("empty", "it is empty"), ("file", "it is a file"), ("four", "it contains a, b, c and 1 more; pass the folder")],
)
def test_what_has_no_model_is_described(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "four").mkdir()
    for entry in "abcd":
        (tmp_path / "four" / entry).write_text("x")
    with pytest.raises(ArtifactError, match=words):
        gg.load(tmp_path / name)


@pytest.mark.parametrize("wrong", [None, 3, b"model", "", "a\0b", ["model"]])
def test_what_is_no_path_is_refused(wrong: Any) -> None:
    with pytest.raises(ParameterError, match="path must be the path of a file or folder, not"):
        gg.load(wrong)


@pytest.mark.parametrize("wrong", [None, "ALS", gg.ALS(), dict])
def test_what_is_no_class_of_models_is_refused(saved: Path, wrong: Any) -> None:
    with pytest.raises(ParameterError, match=r"model_class must be a class of models, such as gg\.ALS"):
        gg.load(saved, wrong)
