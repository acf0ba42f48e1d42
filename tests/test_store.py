import json
import os
import pickle
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
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gingham import store
from gingham.errors import ArtifactError
from gingham.store import Artifact

FILES = ("artifact.json", "arrays.safetensors", "users.parquet", "items.parquet")


def artifact(version: int = 1, rows: int = 5) -> Artifact:
    """An artifact every part of which tells its version."""
    return Artifact(
        "Toy",
        {"version": version, "rate": 0.1, "name": "Zoë 'x'", "none": None, "flag": True},
        {"version": version, "history": [{"loss": 1e-7, "epoch": version}]},
        {
            "version": np.full(rows, version, np.float32),
            "wide": np.arange(6, dtype=np.int64).reshape(2, 3) + version,
            "nothing": np.empty((0, 3), np.int32),
        },
        {
            "users": pl.DataFrame({"user_id": ["a", "ö"], "version": [version] * 2}),
            "items": pl.DataFrame({"item_id": [3, 5], "name": ["x", None]}),
        },
    )


def version_of(loaded: Artifact) -> int:
    """The version that all parts of an artifact agree on."""
    versions = {loaded.params["version"], loaded.state["version"], *loaded.arrays["version"].tolist()}
    versions |= set(loaded.tables["users"]["version"])
    assert len(versions) == 1
    return int(versions.pop())


def assert_same(loaded: Artifact, saved: Artifact) -> None:
    assert (loaded.kind, loaded.params, loaded.state) == (saved.kind, saved.params, saved.state)
    assert set(loaded.arrays) == set(saved.arrays)
    for name, array in saved.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array, strict=True)
    assert set(loaded.tables) == set(saved.tables)
    for name, table in saved.tables.items():
        assert_frame_equal(loaded.tables[name], table)


def forge(folder: Path, **changes: Any) -> None:
    """Change what a manifest says, checksum included."""
    manifest = json.loads((folder / store.MANIFEST).read_text())
    manifest = {name: value for name, value in (manifest | changes).items() if name != "sha256"}
    manifest["sha256"] = store._checksum(manifest)
    (folder / store.MANIFEST).write_text(json.dumps(manifest))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    store.write(tmp_path / "shop", artifact())
    return tmp_path / "shop"


# Round trip ----------------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("kind", [Path, str])
def test_what_was_written_is_read(kind: Any, tmp_path: Path) -> None:
    store.write(kind(tmp_path / "a" / "b" / "shop"), artifact())
    assert_same(store.read(kind(tmp_path / "a" / "b" / "shop")), artifact())
    assert {file.name for file in (tmp_path / "a" / "b").iterdir()} == {"shop"}
    assert {file.name for file in (tmp_path / "a" / "b" / "shop").iterdir()} == set(FILES)


def test_arrays_of_any_layout_and_type(tmp_path: Path) -> None:
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    arrays = {
        "transposed": whole.T,
        "strided": whole[::2, ::-1],
        "bools": np.array([True, False]),
        "bytes": np.arange(3, dtype=np.uint8),
        "int32": np.arange(3, dtype=np.int32),
    }
    store.write(tmp_path / "shop", Artifact("Toy", {}, {}, arrays, {}))
    loaded = store.read(tmp_path / "shop")
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array, strict=True)
    assert loaded.tables == {}


def test_an_artifact_of_nothing(tmp_path: Path) -> None:
    store.write(tmp_path / "shop", Artifact("Toy", {}, {}, {}, {}))
    assert_same(store.read(tmp_path / "shop"), Artifact("Toy", {}, {}, {}, {}))


@pytest.mark.parametrize("name", ["model[1]", "a*", "what?", "{a,b}", "with space", "ümlaut", "-rf", "shop.old"])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    # Others that such a name would match, were it a pattern.
    for other in ("model1", "ab", "what!", "a", "b"):
        store.write(tmp_path / other, artifact(7))
    store.write(tmp_path / name, artifact())
    assert_same(store.read(tmp_path / name), artifact())


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for version in (1, 2):
        store.write("shop", artifact(version))
    assert version_of(store.read("shop")) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["shop"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        store.write(tmp_path / "shop", artifact())
    finally:
        os.umask(before)
    assert (tmp_path / "shop").stat().st_mode & 0o777 == 0o777 & ~umask
    for name in FILES:
        assert (tmp_path / "shop" / name).stat().st_mode & 0o777 == 0o666 & ~umask


def test_replacing_leaves_the_new_one_alone(saved: Path) -> None:
    bigger = artifact(2)
    store.write(saved, Artifact("Toy", bigger.params, bigger.state, bigger.arrays, {"users": bigger.tables["users"]}))
    assert version_of(store.read(saved)) == 2
    assert {file.name for file in saved.iterdir()} == set(FILES) - {"items.parquet"}
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


def test_what_else_lies_in_the_folder_is_not_read(saved: Path) -> None:
    (saved / "notes.txt").write_text("mine")
    (saved / "more.parquet").write_bytes(b"nothing of ours")
    assert_same(store.read(saved), artifact())


# Damage --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["empty", "half", "one less", "one more"])
def test_a_file_of_another_length_is_damaged(saved: Path, name: str, change: str) -> None:
    content = (saved / name).read_bytes()
    changed = {
        "empty": b"",
        "half": content[: len(content) // 2],
        "one less": content[:-1],
        "one more": content + b"x",
    }
    (saved / name).write_bytes(changed[change])
    with pytest.raises(ArtifactError, match=rf"{saved} is damaged: '{name}' is not what was saved"):
        store.read(saved)


@pytest.mark.parametrize("name", FILES[1:])
def test_one_changed_bit_anywhere_is_damage(saved: Path, name: str) -> None:
    content = bytearray((saved / name).read_bytes())
    for place in {*range(0, len(content), 37), 0, len(content) - 1}:
        content[place] ^= 1 << place % 8
        (saved / name).write_bytes(content)
        with pytest.raises(ArtifactError, match=f"damaged: '{name}'"):
            store.read(saved)
        content[place] ^= 1 << place % 8
    (saved / name).write_bytes(content)
    assert_same(store.read(saved), artifact())


def test_one_changed_bit_anywhere_in_the_manifest_is_damage_or_means_the_same(saved: Path) -> None:
    content = bytearray((saved / store.MANIFEST).read_bytes())
    refused = 0
    for place in range(len(content)):
        content[place] ^= 1 << place % 8
        (saved / store.MANIFEST).write_bytes(content)
        content[place] ^= 1 << place % 8
        try:
            loaded = store.read(saved)
        except ArtifactError as error:
            refused += 1
            assert "damaged" in str(error) or "format" in str(error)  # noqa: PT017 (not every change is an error)
        else:
            assert_same(loaded, artifact())  # white space, or another way to write a number
    assert refused > 0.6 * len(content)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ArtifactError, match=f"has no file '{name}'"):
        store.read(saved)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file_is_no_file(saved: Path, name: str) -> None:
    (saved / name).unlink()
    (saved / name).mkdir()
    with pytest.raises(ArtifactError, match=f"has no file '{name}'"):
        store.read(saved)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "{",
        "null",
        "3",
        '"text"',
        "[]",
        "[1, 2]",
        "{}",
        '{"format": 1}',
        '{"format": 1, "sha256": 3}',
        '{"format": NaN, "sha256": ""}',
        '{"format": "new", "sha256": ""}',
        "\ud800",
        "[" * 100_000,
    ],
    ids=lambda text: repr(text[:40]),
)
def test_a_manifest_that_is_none_is_damage(saved: Path, text: str) -> None:
    (saved / store.MANIFEST).write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(ArtifactError, match=f"{saved} is damaged: 'artifact.json' is not what was saved"):
        store.read(saved)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_no_folder_can_be_called_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="There is no artifact"):
        store.read(tmp_path / name)
    with (
        pytest.raises(ArtifactError, match=r"written.*; choose another place"),
        store.replace_directory(tmp_path / name, "mark"),
    ):
        pass


def test_the_root_is_left_alone() -> None:
    with (
        pytest.raises(ArtifactError, match=r"The folder / holds other files and no mark"),
        store.replace_directory(Path("/"), "mark"),
    ):
        pass


@pytest.mark.parametrize("where", ["nowhere", "empty folder", "file", "other folder"])
def test_where_there_is_no_artifact_an_error_says_so(where: str, tmp_path: Path) -> None:
    path = tmp_path / "shop"
    if where == "file":
        path.write_text("mine")
    elif where != "nowhere":
        path.mkdir()
    if where == "other folder":
        (path / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=f"There is no artifact {path}: it has no file 'artifact.json'"):
        store.read(path)


def test_a_newer_format_asks_for_an_upgrade(saved: Path) -> None:
    forge(saved, format=store.FORMAT + 1, gingham="9.8.7")
    with pytest.raises(ArtifactError, match=r"has format 2, written by gingham 9\.8\.7; .* reads format 1: upgrade"):
        store.read(saved)


def test_a_newer_format_need_not_be_understood(saved: Path) -> None:
    # It may know files, fields and checksums that this version does not.
    (saved / store.MANIFEST).write_text(json.dumps({"format": 2, "gingham": "9.8.7", "chunks": []}))
    with pytest.raises(ArtifactError, match="has format 2"):
        store.read(saved)


@pytest.mark.parametrize("name", ["arrays.safetensors", "users.parquet"])
def test_a_file_of_another_kind_cannot_be_read(saved: Path, name: str) -> None:
    (saved / name).write_bytes(b"neither safetensors nor Parquet, whatever the manifest says")
    files = {file.name: store._fingerprint(file) for file in saved.iterdir() if file.name != store.MANIFEST}
    forge(saved, files=files)
    with pytest.raises(ArtifactError, match=f"{saved} cannot be read"):
        store.read(saved)


# Trust ---------------------------------------------------------------------------------------------------------------


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_nothing_that_was_saved_is_a_pickle(saved: Path) -> None:
    for name, content in contents(saved).items():
        assert Path(name).suffix in (".json", ".safetensors", ".parquet")
        with pytest.raises((pickle.UnpicklingError, ValueError, EOFError, KeyError, IndexError)):
            pickle.loads(content)


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_is_never_loaded(saved: Path, name: str, tmp_path: Path) -> None:
    trace = tmp_path / "exploded"
    bomb = pickle.dumps(Bomb(trace))
    for extra in ("arrays.pkl", "model.pickle", "arrays.npy", "arrays.safetensors.pkl"):
        (saved / extra).write_bytes(bomb)
    assert_same(store.read(saved), artifact())
    (saved / name).write_bytes(bomb)
    with pytest.raises(ArtifactError):
        store.read(saved)
    if name != store.MANIFEST:
        files = {file: store._fingerprint(saved / file) for file in FILES[1:]}
        forge(saved, files=files)
        with pytest.raises(ArtifactError):
            store.read(saved)
    assert not trace.exists()
    pickle.loads(bomb)  # it would have
    assert trace.exists()


@pytest.mark.parametrize(
    "name", ["../secret.parquet", "/secret.parquet", "sub/secret.parquet", "./secret.parquet", "..", ".", ""]
)
def test_file_names_lead_nowhere_else(saved: Path, name: str) -> None:
    secret = pl.DataFrame({"password": ["hunter2"]})
    (saved / "sub").mkdir()
    for place in (saved.parent, saved, saved / "sub"):
        secret.write_parquet(place / "secret.parquet")
    name = name.replace("/secret", f"{saved.parent}/secret") if name.startswith("/") else name
    files = json.loads((saved / store.MANIFEST).read_text())["files"]
    forge(saved, files=files | {name: store._fingerprint(saved / "secret.parquet")})
    with pytest.raises(ArtifactError, match="has no file"):
        store.read(saved)


# What is replaced ----------------------------------------------------------------------------------------------------


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop" / "deep").mkdir(parents=True)
    (tmp_path / "shop" / "deep" / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"shop holds other files and no artifact\.json"):
        store.write(tmp_path / "shop", artifact())
    assert contents(tmp_path) == {"shop/deep/mine.txt": b"mine"}


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    store.write(tmp_path / "shop", artifact())
    assert_same(store.read(tmp_path / "shop"), artifact())
    assert [file.name for file in tmp_path.iterdir()] == ["shop"]


def test_a_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    with pytest.raises(ArtifactError, match="shop exists and is a link or no folder"):
        store.write(tmp_path / "shop", artifact())
    assert contents(tmp_path) == {"shop": b"mine"}


@pytest.mark.parametrize("target", ["shop", "missing", "file"])
def test_a_link_is_left_alone(saved: Path, target: str) -> None:
    (saved.parent / "file").write_text("mine")
    link = saved.parent / "link"
    link.symlink_to(saved.parent / target)
    before = contents(saved.parent)
    with pytest.raises(ArtifactError, match="link exists and is a link or no folder"):
        store.write(link, artifact(2))
    assert link.is_symlink()
    assert contents(saved.parent) == before
    if target == "shop":
        assert_same(store.read(link), artifact())


@pytest.mark.parametrize("depth", ["file/shop", "file/deeper/shop"])
def test_a_parent_that_is_a_file_is_an_error(depth: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ArtifactError, match=r"Nothing can be written beside .*shop"):
        store.write(tmp_path / depth, artifact())
    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_parent_that_is_not_ours_is_an_error(saved: Path) -> None:
    saved.parent.chmod(0o500)
    try:
        for path in (saved, saved.parent / "new"):
            with pytest.raises(ArtifactError, match="Nothing can be written beside"):
                store.write(path, artifact(2))
        assert_same(store.read(saved), artifact())
    finally:
        saved.parent.chmod(0o700)


# Failures and kills --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_what_fails_within_the_block_leaves_the_old_one(saved: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), store.replace_directory(saved, store.MANIFEST) as folder:  # noqa: PT012
        store.write_into(folder, artifact(2))
        raise error
    assert version_of(store.read(saved)) == 1
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


def test_what_fails_within_the_block_leaves_nothing_where_nothing_was(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), store.replace_directory(tmp_path / "shop", store.MANIFEST) as folder:  # noqa: PT012
        (folder / "half").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["params", "state"])
def test_what_is_no_json_leaves_the_old_one(saved: Path, part: str) -> None:
    bad = artifact(2)
    getattr(bad, part)["bad"] = {1, 2}
    with pytest.raises(TypeError):
        store.write(saved, bad)
    assert version_of(store.read(saved)) == 1
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let writing fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("part", ["arrays", "table", "manifest"])
def test_a_full_disk_is_an_error_and_leaves_the_old_one(saved: Path, part: str) -> None:
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
    """Stands for a kill: nobody handles it."""


@pytest.fixture
def interrupted(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact whose replacement was killed between the two renames."""
    rename, calls = Path.rename, []

    def killed(self: Path, target: Path) -> Path:
        calls.append((self, target))
        if len(calls) == 2:
            raise Killed
        return rename(self, target)

    # A kill cleans nothing up.
    monkeypatch.setattr(shutil, "rmtree", lambda *arguments, **options: None)
    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(Killed):
        store.write(saved, artifact(2))
    monkeypatch.undo()
    assert not saved.exists()
    return saved


def test_a_kill_between_two_renames_leaves_the_old_one(interrupted: Path) -> None:
    assert_same(store.read(interrupted), artifact())
    assert_same(store.read(str(interrupted)), artifact())


def test_after_a_kill_between_two_renames_one_can_save_again(interrupted: Path) -> None:
    store.write(interrupted, artifact(3))
    assert version_of(store.read(interrupted)) == 3
    assert not store._old(interrupted).exists()
    store.write(interrupted, artifact(4))
    assert version_of(store.read(interrupted)) == 4


def test_a_failure_after_a_kill_between_two_renames_leaves_the_old_one(interrupted: Path) -> None:
    with pytest.raises(RuntimeError), store.replace_directory(interrupted, store.MANIFEST):
        raise RuntimeError
    assert_same(store.read(interrupted), artifact())


def test_a_second_rename_that_fails_is_an_error_and_leaves_the_old_one(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, calls = Path.rename, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(ArtifactError, match="cannot be written: Input/output error; what was there still is"):
        store.write(saved, artifact(2))
    monkeypatch.undo()
    assert_same(store.read(saved), artifact())


def test_what_stands_in_its_place_is_read_before_what_a_kill_left(saved: Path) -> None:
    shutil.copytree(saved, store._old(saved))
    store.write(saved.parent / "new", artifact(2))
    shutil.rmtree(saved)
    (saved.parent / "new").rename(saved)
    assert version_of(store.read(saved)) == 2


# A child that saves one version after another, until it is killed; forked for each line it reads.
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


def test_a_kill_at_any_moment_leaves_a_whole_artifact(saved: Path) -> None:
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
