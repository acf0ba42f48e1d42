from dataclasses import replace
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

import gingham as gg
from gingham import store
from tests.ranking.models import small


def test_an_artifact_with_names_of_features_only_is_readable(dataset: gg.Dataset, tmp_path: Path) -> None:
    """Artifacts used to have the names of features; their columns are those of the stored encoders."""
    pytest.importorskip("lightgbm")
    fitted = small(candidates=[gg.NextBasket()]).fit(dataset)
    # They also have no log.
    fitted._training_data = replace(fitted.training_data_, dataset=None)
    artifact = fitted.artifact()
    state = dict(artifact.state)
    del state["dataset"]
    sides = {"user_features": dataset.user_features, "item_features": dataset.item_features}
    state["features"] = {side: [part.n_features, *part.names] for side, part in sides.items() if part is not None}
    store.write(tmp_path / "model", replace(artifact, state=state))
    loaded = gg.load(tmp_path / "model", gg.TwoStage)
    assert_frame_equal(loaded.explain_features([3], k=3), fitted.explain_features([3], k=3))
    assert_frame_equal(loaded.recommend(), fitted.recommend(), check_exact=True)
