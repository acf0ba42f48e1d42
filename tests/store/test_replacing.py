import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gingham import store
from gingham.errors import ArtifactError
from gingham.store import Artifact, replacing
from gingham.store.replacing import _old
from tests.store.samples import artifact, assert_same, contents, version_of

# What may be replaced -------------------------------------------------------------------------------------------------


def test_a_failure_does_not_change_the_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.bin"
    with store.replace_file(file) as opened:
        opened.write(b"first")

    def fail() -> None:
        with store.replace_file(file) as opened:
            opened.write(b"second")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert file.read_bytes() == b"first"
    assert [entry.name for entry in file.parent.iterdir()] == ["file.bin"]


def test_the_root_folder_is_not_replaced() -> None:
    with (
        pytest.raises(ArtifactError, match=r"The folder / has other files and no mark"),
        store.replace_directory(Path("/"), "mark"),
    ):
        pass


def test_a_folder_with_other_files_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "shop" / "deep").mkdir(parents=True)
    (tmp_path / "shop" / "deep" / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"shop has other files and no artifact\.json"):
        store.write(tmp_path / "shop", artifact())
    assert contents(tmp_path) == {"shop/deep/mine.txt": b"mine"}


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    store.write(tmp_path / "shop", artifact())
    assert_same(store.read(tmp_path / "shop"), artifact())
    assert [file.name for file in tmp_path.iterdir()] == ["shop"]


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    with pytest.raises(ArtifactError, match="shop exists but is not a regular folder"):
        store.write(tmp_path / "shop", artifact())
    assert contents(tmp_path) == {"shop": b"mine"}


@pytest.mark.parametrize("target", ["shop", "missing", "file"])
def test_a_link_is_not_replaced(saved: Path, target: str) -> None:
    (saved.parent / "file").write_text("mine")
    link = saved.parent / "link"
    link.symlink_to(saved.parent / target)
    before = contents(saved.parent)
    with pytest.raises(ArtifactError, match="link exists but is not a regular folder"):
        store.write(link, artifact(2))
    assert link.is_symlink()
    assert contents(saved.parent) == before
    if target == "shop":
        assert_same(store.read(link), artifact())


@pytest.mark.parametrize("depth", ["file/shop", "file/deeper/shop"])
def test_a_parent_that_is_a_file_is_an_error(depth: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ArtifactError, match=r"shop cannot be created: .*; choose another path"):
        store.write(tmp_path / depth, artifact())
    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_parent_without_write_permission_is_an_error(saved: Path) -> None:
    saved.parent.chmod(0o500)
    try:
        for path in (saved, saved.parent / "new"):
            with pytest.raises(ArtifactError, match="cannot be created"):
                store.write(path, artifact(2))
        assert_same(store.read(saved), artifact())
    finally:
        saved.parent.chmod(0o700)


# Failures and kills --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_in_the_block_keeps_the_old_folder(saved: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), store.replace_directory(saved, store.MANIFEST) as folder:  # noqa: PT012
        store.write_into(folder, artifact(2))
        raise error
    assert version_of(store.read(saved)) == 1
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


def test_an_error_in_the_block_leaves_no_new_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), store.replace_directory(tmp_path / "shop", store.MANIFEST) as folder:  # noqa: PT012
        (folder / "half").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["params", "state"])
def test_a_value_that_json_cannot_store_keeps_the_old_folder(saved: Path, part: str) -> None:
    bad = artifact(2)
    getattr(bad, part)["bad"] = {1, 2}
    with pytest.raises(TypeError):
        store.write(saved, bad)
    assert version_of(store.read(saved)) == 1
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Limit the size of files, so that writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("part", ["arrays", "table", "manifest"])
def test_a_full_disk_is_an_error_and_keeps_the_old_folder(saved: Path, part: str) -> None:
    numbers = np.random.default_rng(0).random(10_000)
    large = {
        "arrays": Artifact("Toy", {}, {}, {"a": numbers}, {}),
        "table": Artifact("Toy", {}, {}, {}, {"t": pl.DataFrame({"a": numbers})}),
        "manifest": Artifact("Toy", {}, {"a": numbers.tolist()}, {}, {}),
    }[part]
    with files_no_larger_than(20_000), pytest.raises(ArtifactError, match=f"{saved} cannot be written"):
        store.write(saved, large)
    assert version_of(store.read(saved)) == 1
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


@pytest.fixture
def without_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that can't exchange folders."""
    monkeypatch.setattr(replacing, "exchange", lambda one, other: False)


@pytest.fixture
def interrupted(saved: Path) -> Path:
    """An artifact whose replacement was killed between the two renames that some file systems need."""
    saved.rename(_old(saved))
    return saved


def test_a_kill_between_two_renames_keeps_the_old_folder(interrupted: Path) -> None:
    assert_same(store.read(interrupted), artifact())
    assert_same(store.read(str(interrupted)), artifact())


def test_after_a_kill_between_two_renames_saving_works(interrupted: Path) -> None:
    store.write(interrupted, artifact(3))
    assert version_of(store.read(interrupted)) == 3
    assert [file.name for file in interrupted.parent.iterdir()] == ["shop"]
    store.write(interrupted, artifact(4))
    assert version_of(store.read(interrupted)) == 4


def test_an_error_after_a_kill_between_two_renames_keeps_the_old_folder(interrupted: Path) -> None:
    with pytest.raises(RuntimeError), store.replace_directory(interrupted, store.MANIFEST):
        raise RuntimeError
    assert_same(store.read(interrupted), artifact())


@pytest.mark.usefixtures("without_exchange")
def test_a_failed_second_rename_is_an_error_and_keeps_the_old_folder(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, calls = Path.rename, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(
        ArtifactError, match="cannot be written: Input/output error; its previous content, if any, is unchanged"
    ):
        store.write(saved, artifact(2))
    monkeypatch.undo()
    assert_same(store.read(saved), artifact())
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


@pytest.mark.usefixtures("without_exchange")
def test_folders_are_replaced_by_renames_where_they_cannot_be_exchanged(saved: Path) -> None:
    (saved / "mine.txt").write_text("mine")
    store.write(saved, artifact(2))
    assert version_of(store.read(saved)) == 2
    assert (saved / "mine.txt").read_text() == "mine"
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


def test_a_folder_in_its_place_is_read_rather_than_a_leftover(saved: Path) -> None:
    shutil.copytree(saved, _old(saved))
    store.write(saved.parent / "new", artifact(2))
    shutil.rmtree(saved)
    (saved.parent / "new").rename(saved)
    assert version_of(store.read(saved)) == 2


# Leftovers and other files -------------------------------------------------------------------------------------------


def test_what_killed_saves_left_is_removed(saved: Path) -> None:
    parent = saved.parent
    shutil.copytree(saved, _old(saved))
    (_old(saved) / store.MANIFEST).unlink()
    shutil.copytree(saved, parent / ".shop.a1b2c3d4.tmp" / "shop")
    (parent / ".shop.a1b2_3d4.tmp").mkdir()
    store.write(saved, artifact(2))
    assert [file.name for file in parent.iterdir()] == ["shop"]
    assert version_of(store.read(saved)) == 2


@pytest.mark.parametrize(
    "place",
    [
        ".shop.old/notes.md",
        ".shop.tmp/notes.md",
        ".shop.backup.tmp/shop/artifact.json",
        ".shop.a1b2c3d4.tmp/notes.md",
        ".shop2.a1b2c3d4.tmp/shop2/artifact.json",
        ".shop.a1b2c3d4.tmp",
    ],
)
def test_what_a_user_called_alike_is_kept(saved: Path, place: str) -> None:
    mine = saved.parent / place
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    for version in (2, 3):
        store.write(saved, artifact(version))
        assert version_of(store.read(saved)) == version
    assert mine.read_text() == "mine"


def test_what_a_living_process_writes_is_kept(saved: Path) -> None:
    with store.replace_directory(saved, store.MANIFEST, store.own_files) as folder:
        store.write_into(folder, artifact(2))
        store.write(saved, artifact(3))
        assert version_of(store.read(saved)) == 3
    assert version_of(store.read(saved)) == 2
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


def test_a_user_s_files_in_the_folder_are_kept(saved: Path) -> None:
    (saved / "plots" / "empty").mkdir(parents=True)
    (saved / "plots" / "sales.png").write_bytes(b"png")
    (saved / "notes.txt").write_text("mine")
    (saved / "latest").symlink_to("missing")
    old = Artifact("Toy", {}, {}, {}, {"gone": pl.DataFrame({"a": [1]})}, {"words": "ours"})
    assert store.foreign_files(saved, store.own_files) == ["latest", "notes.txt", "plots/sales.png"]
    store.write(saved, old)
    store.write(saved, artifact(2))
    assert_same(store.read(saved), artifact(2))
    assert {path.relative_to(saved).as_posix() for path in saved.rglob("*")} == {
        *store.own_files(saved), "latest", "notes.txt", "plots", "plots/empty", "plots/sales.png"
    }  # fmt: skip
    assert (saved / "notes.txt").read_text() == "mine"


def test_a_file_that_a_user_adds_during_a_save_is_kept(saved: Path) -> None:
    with store.replace_directory(saved, store.MANIFEST, store.own_files) as folder:
        store.write_into(folder, artifact(2))
        (saved / "notes.txt").write_text("mine")
    assert (saved / "notes.txt").read_text() == "mine"


def test_a_killed_download_is_removed(tmp_path: Path) -> None:
    for name in (".page.html.0a1b2c3d.tmp", ".page.html.mine.tmp"):
        (tmp_path / name).write_text("half")
    with store.replace_file(tmp_path / "page.html") as file:
        with store.replace_file(tmp_path / "page.html") as other:
            other.write(b"other")
        file.write(b"whole")
    assert contents(tmp_path) == {"page.html": b"whole", ".page.html.mine.tmp": b"half"}
