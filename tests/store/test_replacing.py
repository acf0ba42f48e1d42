import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gingham import store
from gingham.errors import ArtifactError
from gingham.store import Artifact
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


class Killed(BaseException):
    """Simulates a kill: no code handles it."""


@pytest.fixture
def interrupted(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact whose replacement was killed between the two renames."""
    rename, calls = Path.rename, []

    def killed(self: Path, target: Path) -> Path:
        calls.append((self, target))
        if len(calls) == 2:
            raise Killed
        return rename(self, target)

    # A killed process cleans nothing up.
    monkeypatch.setattr(shutil, "rmtree", lambda *arguments, **options: None)
    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(Killed):
        store.write(saved, artifact(2))
    monkeypatch.undo()
    assert not saved.exists()
    return saved


def test_a_kill_between_two_renames_keeps_the_old_folder(interrupted: Path) -> None:
    assert_same(store.read(interrupted), artifact())
    assert_same(store.read(str(interrupted)), artifact())


def test_after_a_kill_between_two_renames_saving_works(interrupted: Path) -> None:
    store.write(interrupted, artifact(3))
    assert version_of(store.read(interrupted)) == 3
    assert not _old(interrupted).exists()
    store.write(interrupted, artifact(4))
    assert version_of(store.read(interrupted)) == 4


def test_an_error_after_a_kill_between_two_renames_keeps_the_old_folder(interrupted: Path) -> None:
    with pytest.raises(RuntimeError), store.replace_directory(interrupted, store.MANIFEST):
        raise RuntimeError
    assert_same(store.read(interrupted), artifact())


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


def test_a_folder_in_its_place_is_read_rather_than_a_leftover(saved: Path) -> None:
    shutil.copytree(saved, _old(saved))
    store.write(saved.parent / "new", artifact(2))
    shutil.rmtree(saved)
    (saved.parent / "new").rename(saved)
    assert version_of(store.read(saved)) == 2


# For each line that it reads, it forks a child that saves one version after another until it is killed.
SAVER = """
import os, sys
import numpy as np
import polars as pl
from gingham import store

path = sys.argv[1]
for line in sys.stdin:
    child = os.fork()
    if not child:
        version = int(line)
        while True:
            version += 1
            arrays = {"version": np.full(20_000, version, np.float32)}
            tables = {"users": pl.DataFrame({"version": [version] * 5_000})}
            store.write(path, store.Artifact("Toy", {"version": version}, {"version": version}, arrays, tables))
    print(child, flush=True)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_complete_artifact(saved: Path) -> None:
    moments = random.Random(1)
    versions = [1]
    with subprocess.Popen(
        [sys.executable, "-c", SAVER, str(saved)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(25):
            process.stdin.write(f"{versions[-1]}\n")
            process.stdin.flush()
            child = int(process.stdout.readline())
            time.sleep(moments.uniform(0.02, 0.1))
            os.kill(child, signal.SIGKILL)
            assert process.stdout.readline() == "dead\n"
            versions.append(version_of(store.read(saved)))
        process.stdin.close()
    assert process.returncode == 0
    assert versions == sorted(versions)
    assert len(set(versions)) > 1
