import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import gingham as gg
from gingham import pipeline, store
from gingham.errors import ArtifactError, ParameterError
from gingham.versions.folder import RunFolder
from tests.little_shop import write_shop

# With filter_seen, the lists of most users have fewer than all 25 items, which the gate requires.
STRICT = "[gate]\nmin_list_length = 25\nmin_share_of_users = 1\n"


def write_recipe(folder: Path, *, top: str = "", end: str = "", k: int = 4) -> Path:
    """Write the little shop with a model that is fitted at once."""
    file = write_shop(folder)
    model = 'kind = "buy-again"'
    text = file.read_text().replace("epochs = 3\nn_components = 8\nrandom_state = 1", model)
    file.write_text(f"{top}{text.replace('k = 4', f'k = {k}')}{end}")
    return file


def refused(folder: Path) -> Path:
    return write_recipe(folder, k=25, end=f"filter_seen = true\n{STRICT}")


def lists(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "recommendations.parquet")


@pytest.fixture
def unversioned(tmp_path: Path) -> Path:
    """A folder as version 0.1.0 wrote it, with a file of the user."""
    run = gg.run(write_recipe(tmp_path), tmp_path / "new")
    old = tmp_path / "old"
    shutil.move(run.folder, old)
    shutil.rmtree(tmp_path / "new")
    (old / "version.json").unlink()
    (old / "notes.txt").write_text("mine")
    return old


def test_each_run_adds_a_version_and_the_oldest_are_removed(tmp_path: Path) -> None:
    recipe, out = write_recipe(tmp_path, top="keep = 2\n"), tmp_path / "out"
    runs = [gg.run(recipe, out) for _ in range(3)]
    versions = gg.versions.find(out)
    assert [version.name for version in versions] == [run.version.name for run in runs[1:]]
    assert [version.is_current for version in versions] == [False, True]
    assert runs[-1].version == versions[-1]
    version = versions[-1]
    assert (version.origin, version.model, version.metric, version.passed) == (
        "run",
        "buy-again (recipe)",
        "map@5",
        None,
    )
    figures = runs[-1].comparison.evaluations["buy-again (recipe)"].to_dict()["map@5"]
    assert (version.mean, version.low, version.high) == (figures["mean"], figures["low"], figures["high"])
    assert (version.users, version.items) == (runs[-1].model.n_users, runs[-1].model.n_items)
    assert sorted(path.name for path in out.iterdir()) == ["current", "versions"]


def test_a_refused_version_is_kept_and_not_current(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = gg.run(write_recipe(tmp_path), out)
    second = gg.run(refused(tmp_path), out)
    assert second.version.passed is False
    assert (second.version.status, second.version.is_current) == ("refused", False)
    assert "users (" in second.version.sentences[-1]
    assert pipeline.load_run(out).recommend(k=4).equals(lists(first.folder))
    assert gg.load(out).recommend(k=4).equals(lists(first.folder))
    assert [one.status for one in gg.versions.find(out)] == ["current", "refused"]
    # The refused version can be chosen by name, but is not what a rollback returns to.
    assert gg.versions.rollback(out, second.version.name).status == "current"
    third = gg.run(write_recipe(tmp_path), out)
    assert third.version.is_current
    assert gg.versions.rollback(out).name == first.version.name
    with pytest.raises(ArtifactError, match=f"before the current one .*{first.version.name}"):
        gg.versions.rollback(out)


def test_a_gate_compares_with_the_model_that_was_evaluated(tmp_path: Path) -> None:
    """Stored models are fitted to the test, too, so a run with a gate also stores the model of the train part."""
    out, gate = tmp_path / "out", "[gate]\nmin_list_length = 1\n"
    first = gg.run(write_recipe(tmp_path, end=gate), out)
    assert first.version.passed
    assert first.version.sentences[0] == "The folder has no current version, so map@5 is not compared."
    assert gg.load(first.folder / "train-model").training_data_.matrix.sum() == first.steps[2].rows
    assert first.model.training_data_.matrix.sum() == first.steps[1].rows
    second = gg.run(write_recipe(tmp_path, end=gate), out)
    mean = f"{second.version.mean:.4f}"
    assert second.version.passed
    assert second.version.sentences[0].startswith(
        f"By map@5, the new model is not clearly different from that of version {first.version.name}: {mean} versus "
        f"{mean}, a difference of +0.0000"
    )


def test_a_first_run_that_is_refused_leaves_no_current_version(tmp_path: Path) -> None:
    out = tmp_path / "out"
    name = gg.run(refused(tmp_path), out).version.name
    for load in (gg.load, pipeline.load_run):
        with pytest.raises(ArtifactError, match=f"None of the versions .*rollback .* {name}"):
            load(out)
    assert gg.run(write_recipe(tmp_path), out).version.is_current


def test_models_of_versions_can_be_loaded_from_their_folders(tmp_path: Path) -> None:
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    first = gg.run(recipe, out)
    gg.run(write_recipe(tmp_path, k=3), out)
    for folder in (first.folder, first.folder / "model"):
        assert gg.load(folder).recommend(k=4).equals(lists(first.folder))
    assert pipeline.load_run(first.folder).recommend(k=4).equals(lists(first.folder))
    assert lists(out / "current").height < lists(first.folder).height


def test_a_rollback_to_an_unknown_version_is_an_error(tmp_path: Path) -> None:
    out = tmp_path / "out"
    name = gg.run(write_recipe(tmp_path), out).version.name
    with pytest.raises(ParameterError, match=f"has no version 'x'; it has {name}"):
        gg.versions.rollback(out, "x")
    with pytest.raises(ArtifactError, match="does not exist"):
        gg.versions.rollback(tmp_path / "nothing")
    with pytest.raises(ArtifactError, match="is not the folder of a run"):
        gg.versions.find(tmp_path)
    assert not (tmp_path / "nothing").exists()


def test_a_damaged_description_is_an_error(tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = gg.run(write_recipe(tmp_path), out).folder / "version.json"
    stored = json.loads(file.read_text())
    for text in ("", "[]", json.dumps({**stored, "users": -1}), json.dumps({**stored, "more": 1}), "[" * 100_000):
        file.write_text(text)
        with pytest.raises(ArtifactError, match=r"cannot be read: .*; remove its folder"):
            gg.versions.find(out)


def test_two_runs_at_the_same_time_are_refused(tmp_path: Path) -> None:
    recipe, out = write_recipe(tmp_path), tmp_path / "out"
    with RunFolder(out).locked(), pytest.raises(ArtifactError, match="Another process is writing to"):
        gg.run(recipe, out)
    assert gg.run(recipe, out).version.is_current


def test_a_run_without_versions_is_read(unversioned: Path) -> None:
    expected = lists(unversioned)
    for load in (gg.load, pipeline.load_run):
        assert_frame_equal(load(unversioned).recommend(k=4), expected)
    (version,) = gg.versions.find(unversioned)
    assert (version.is_current, version.metric, version.model) == (True, "map@5", "buy-again (recipe)")
    with pytest.raises(ArtifactError, match="no version before the current one"):
        gg.versions.rollback(unversioned)


def test_a_new_run_keeps_a_run_without_versions_as_one(unversioned: Path) -> None:
    expected = lists(unversioned)
    recipe = write_recipe(unversioned.parent, k=3)
    run = gg.run(recipe, unversioned)
    assert sorted(path.name for path in unversioned.iterdir()) == ["current", "notes.txt", "versions"]
    old, new = gg.versions.find(unversioned)
    assert (old.is_current, new.is_current, new) == (False, True, run.version)
    assert_frame_equal(lists(old.folder), expected)
    assert gg.versions.rollback(unversioned).name == old.name
    assert_frame_equal(gg.load(unversioned).recommend(k=4), expected)


def test_a_refused_run_leaves_a_run_without_versions_current(unversioned: Path) -> None:
    expected = lists(unversioned)
    gg.run(refused(unversioned.parent), unversioned)
    assert [version.status for version in gg.versions.find(unversioned)] == ["current", "refused"]
    assert_frame_equal(gg.load(unversioned).recommend(k=4), expected)


@pytest.mark.parametrize("step", ["switch", "unlink"])
def test_a_kill_while_old_files_become_a_version_is_harmless(
    unversioned: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    expected, recipe = lists(unversioned), write_recipe(unversioned.parent)

    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "switch":
            patch.setattr(store.Versions, "switch", kill)
        else:
            patch.setattr(RunFolder, "remove_unversioned", kill)
        run_folder = RunFolder(unversioned)
        with pytest.raises(KeyboardInterrupt), run_folder.locked():
            run_folder.adopt()
    assert_frame_equal(gg.load(unversioned).recommend(k=4), expected)
    assert [version.status for version in gg.versions.find(unversioned)] == ["current"]
    run = gg.run(recipe, unversioned)
    assert gg.versions.find(unversioned)[-1] == run.version
    assert run.version.is_current
    assert sorted(path.name for path in unversioned.iterdir()) == ["current", "notes.txt", "versions"]
    assert_frame_equal(lists(gg.versions.rollback(unversioned).folder), expected)
