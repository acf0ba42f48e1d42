import json
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import gingham as gg
from gingham import store
from gingham.errors import ArtifactError, TableError, UnknownIdError
from gingham.versions.folder import RunFolder

SHOP = """
{top}
[transactions]
path = "{sales}.parquet"
user_id = "user_id"
item_id = "item_id"
timestamp = "timestamp"

[model]
kind = "{kind}"

[recommend]
k = 3
{end}
"""
# Texts that no other bytes of a folder have.
GONE = "u03-of-a-person"


def write_sales(folder: Path) -> None:
    """Write the sample's sales until some day, those after it, and all; a new user and a new item come later."""
    rows = gg.synth.sample_tables().transactions.collect().with_columns(pl.col("user_id") + "-of-a-person")
    late = rows["timestamp"] > rows["timestamp"].sort()[800]
    new = rows[:1].with_columns(user_id=pl.lit("zoe"), item_id=pl.lit("new"), timestamp=rows["timestamp"].max())
    early, today = rows.filter(~late), pl.concat([rows.filter(late), new])
    for name, frame in (("early", early), ("today", today), ("all", pl.concat([early, today]))):
        frame.write_parquet(folder / f"{name}.parquet")


def write_recipe(folder: Path, sales: str = "early", kind: str = "popularity", top: str = "", end: str = "") -> Path:
    file = folder / f"{sales}.toml"
    file.write_text(SHOP.format(sales=sales, kind=kind, top=top, end=end))
    return file


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with sales, and a run on the early ones in the folder out."""
    write_sales(tmp_path)
    gg.run(write_recipe(tmp_path), tmp_path / "out")
    return tmp_path


def lists(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "recommendations.parquet")


def places_of(text: str, folder: Path) -> list[str]:
    """Return the files below a folder that have a text in their bytes, or in the values of a table."""
    return [
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file()
        and (
            text.encode() in file.read_bytes()
            or (file.suffix == ".parquet" and text in pl.read_parquet(file).write_csv())
        )
    ]


@pytest.mark.parametrize("kind", ["popularity", "buy-again"])
def test_an_update_equals_a_run_on_all_transactions(tmp_path: Path, kind: str) -> None:
    write_sales(tmp_path)
    first = gg.run(write_recipe(tmp_path, kind=kind), tmp_path / "out")
    updated = gg.versions.update(tmp_path / "out", tmp_path / "today.parquet")
    whole = gg.run(write_recipe(tmp_path, "all", kind), tmp_path / "whole")
    assert_frame_equal(lists(updated.folder), lists(whole.folder), check_exact=True)
    assert_frame_equal(gg.load(tmp_path / "out").recommend(k=3), lists(whole.folder), check_exact=True)
    assert "zoe" in set(lists(updated.folder)["user_id"])
    assert (updated.origin, updated.status) == ("update", "current")
    assert (updated.users, updated.items) == (first.version.users + 1, first.version.items + 1)
    # The figures are those of the run, and the version before stays.
    assert (updated.mean, updated.model) == (first.version.mean, first.version.model)
    assert (updated.folder / "recipe.toml").read_text() == (first.folder / "recipe.toml").read_text()
    assert gg.versions.rollback(tmp_path / "out").name == first.version.name


def test_an_update_that_fails_changes_nothing(shop: Path) -> None:
    before, stored = gg.versions.find(shop / "out"), lists(shop / "out" / "current")
    pl.read_parquet(shop / "today.parquet").rename({"item_id": "item"}).write_parquet(shop / "wrong.parquet")
    with pytest.raises(TableError, match="no column 'item_id'"):
        gg.versions.update(shop / "out", shop / "wrong.parquet")
    with pytest.raises(TableError, match=r"nothing\.parquet"):
        gg.versions.update(shop / "out", shop / "nothing.parquet")
    with RunFolder(shop / "out").locked(), pytest.raises(ArtifactError, match="Another process"):
        gg.versions.update(shop / "out", shop / "today.parquet")
    with pytest.raises(ArtifactError, match="does not exist"):
        gg.versions.update(shop / "nowhere", shop / "today.parquet")
    assert not (shop / "nowhere").exists()
    assert gg.versions.find(shop / "out") == before
    assert lists(shop / "out" / "current").equals(stored)
    assert len(list((shop / "out" / "versions").iterdir())) == 1


def test_the_gate_of_the_recipe_checks_the_lists_of_an_update(tmp_path: Path) -> None:
    write_sales(tmp_path)
    gate = "filter_seen = true\n[gate]\nmin_share_of_users = 0.0\n"
    run = gg.run(write_recipe(tmp_path, end=gate), tmp_path / "out")
    updated = gg.versions.update(tmp_path / "out", tmp_path / "today.parquet")
    assert updated.passed
    assert len(updated.sentences) == 1
    assert "users (" in updated.sentences[0]
    trained = [gg.load(version.folder / "train-model").training_data_ for version in (run.version, updated)]
    assert trained[0].user_ids.values.equals(trained[1].user_ids.values)


def test_forgotten_users_are_nowhere(shop: Path) -> None:
    out = shop / "out"
    gg.versions.update(out, shop / "today.parquet")
    assert len(places_of(GONE, out)) >= 4
    knew = [version.name for version in gg.versions.find(out)]
    n_users, n_rows = gg.load(out).n_users, gg.load(out).training_data_.matrix.sum()
    of_user = gg.load(out).training_data_.matrix[gg.load(out).training_data_.user_ids.index(GONE, "user")[0]].sum()
    version = gg.versions.forget(out, GONE)
    assert places_of(GONE, out) == []
    assert (version.origin, version.status, version.users) == ("forget", "current", n_users - 1)
    assert gg.load(out).training_data_.matrix.sum() == n_rows - of_user
    assert_frame_equal(gg.load(out).recommend(k=3), lists(version.folder))
    assert [one.name for one in gg.versions.find(out)] == [version.name]
    assert version.name not in knew
    with pytest.raises(UnknownIdError, match=f"knows 1 of 2 users, such as '{GONE}'"):
        gg.versions.forget(out, ["zoe", GONE])
    assert gg.load(out).n_users == n_users - 1


def test_versions_that_do_not_know_the_users_stay(shop: Path) -> None:
    out = shop / "out"
    (first,) = gg.versions.find(out)
    gg.versions.update(out, shop / "today.parquet")
    version = gg.versions.forget(out, ["zoe"])
    assert [one.name for one in gg.versions.find(out)] == [first.name, version.name]
    assert places_of("zoe", out) == []
    # A popularity without the only buyer of an item is one without the item.
    assert version.items == first.items


def test_users_of_earlier_versions_are_forgotten_too(shop: Path) -> None:
    out = shop / "out"
    (first,) = gg.versions.find(out)
    second = gg.versions.update(out, shop / "today.parquet")
    gg.versions.rollback(out)
    version = gg.versions.forget(out, "zoe")
    assert (version, places_of("zoe", out)) == (first, [])
    assert second.name not in [one.name for one in gg.versions.find(out)]


def test_a_killed_forgetting_is_completed_by_another_one(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = shop / "out"

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store.Versions, "remove", kill)
        with pytest.raises(KeyboardInterrupt):
            gg.versions.forget(out, GONE)
    old, new = gg.versions.find(out)
    assert (old.is_current, new.is_current) == (False, True)
    assert gg.versions.forget(out, GONE) == new
    assert places_of(GONE, out) == []


KILLED = """
import itertools, os, shutil, signal, sys

import gingham as gg

remove, counter = shutil.rmtree, itertools.count(1)


def killed(*arguments, **options):
    if next(counter) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    remove(*arguments, **options)


shutil.rmtree = killed
gg.versions.forget(sys.argv[1], sys.argv[2])
"""


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_forgetting_that_is_killed_while_it_removes_a_folder_is_completed(shop: Path, call: int) -> None:
    """The calls are at the end of reading, of the new version and of the switch, and when the old version goes."""
    out = shop / "out"
    process = subprocess.run([sys.executable, "-c", KILLED, str(out), GONE, str(call)])
    assert process.returncode == -signal.SIGKILL
    (current,) = [version for version in gg.versions.find(out) if version.is_current]
    assert_frame_equal(gg.load(out).recommend(k=3), lists(current.folder))
    assert (current.origin == "forget") == (call > 2)
    if call < 4:
        assert gg.versions.forget(out, GONE).origin == "forget"
    else:  # the old version was no longer one, and its files go with the next change
        with pytest.raises(UnknownIdError):
            gg.versions.forget(out, GONE)
    assert places_of(GONE, out) == []


def test_the_evaluated_model_forgets_too(tmp_path: Path) -> None:
    write_sales(tmp_path)
    gg.run(write_recipe(tmp_path, end="[gate]\n"), tmp_path / "out")
    gg.versions.update(tmp_path / "out", tmp_path / "today.parquet")
    version = gg.versions.forget(tmp_path / "out", [GONE, "zoe"])  # the evaluated model does not know zoe
    assert places_of(GONE, tmp_path / "out") == []
    assert gg.load(version.folder / "train-model").n_users == version.users
    assert version.passed is None


def test_integer_ids_are_forgotten_by_number_and_by_text(tmp_path: Path) -> None:
    write_sales(tmp_path)
    sales = pl.read_parquet(tmp_path / "early.parquet")
    sales.with_columns(pl.col("user_id").rank("dense").cast(pl.Int64) + 9_000).write_parquet(tmp_path / "early.parquet")
    gg.run(write_recipe(tmp_path), tmp_path / "out")
    gg.versions.forget(tmp_path / "out", 9_003)
    gg.versions.forget(tmp_path / "out", "9004")
    ids = gg.load(tmp_path / "out").training_data_.user_ids.values.to_list()
    assert {9_002, 9_005} <= set(ids)
    assert not {9_003, 9_004} & set(ids)


def test_a_run_without_versions_forgets(shop: Path) -> None:
    out = shop / "out"
    (version,) = gg.versions.find(out)
    old = shop / "old"
    version.folder.rename(old)
    (old / "version.json").unlink()
    assert json.loads((old / "model" / "artifact.json").read_text())
    gg.versions.forget(old, GONE)
    assert places_of(GONE, old) == []
    assert sorted(path.name for path in old.iterdir()) == ["current", "versions"]
