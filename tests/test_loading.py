from pathlib import Path

import numpy as np
import pytest

import gingham as gg
from gingham.errors import ArtifactError


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
    with pytest.raises(ArtifactError, match="is not an artifact"):
        gg.load(tmp_path / "model")
