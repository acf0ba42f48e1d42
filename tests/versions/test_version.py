from datetime import UTC, datetime
from pathlib import Path

import pytest

import gingham as gg
from gingham.versions.version import describe, read_version, write_description


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    gg.Popularity().fit(gg.synth.sample_dataset()).save(tmp_path / "model")
    return tmp_path


def test_a_version_is_read_as_it_was_described(folder: Path) -> None:
    write_description(folder, describe(folder, "update", passed=False, sentences=["Too few."]))
    version = read_version(folder, "2024-05-01T06-07-08Z", is_current=False)
    assert version.created == datetime(2024, 5, 1, 6, 7, 8, tzinfo=UTC)
    assert (version.origin, version.status, version.sentences) == ("update", "refused", ("Too few.",))
    assert (version.users, version.items, version.folder) == (50, 20, folder)
    document = version.to_dict()
    assert (document["created"], document["folder"]) == ("2024-05-01T06:07:08+00:00", str(folder))
    assert document["sentences"] == ["Too few."]


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"metric": "map@5", "models": {}}', '{"models": 3}'])
def test_a_model_without_readable_metrics_has_no_figures(folder: Path, text: str | None) -> None:
    if text is not None:
        (folder / "metrics.json").write_text(text)
    version = read_version(folder, "2024-05-01T06-07-08Z", is_current=True)
    assert (version.model, version.metric, version.mean, version.passed) == ("Popularity", None, None, None)
    assert version.status == "current"
