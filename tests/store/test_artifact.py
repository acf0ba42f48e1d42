import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from gingham import store
from gingham.errors import ArtifactError, GinghamError
from gingham.store import Artifact
from gingham.store.artifact import _checksum, _fingerprint
from tests.store.samples import FILES, artifact, assert_same, contents, version_of


def forge(folder: Path, **changes: Any) -> None:
    """Change values of a manifest and its checksum."""
    manifest = json.loads((folder / store.MANIFEST).read_text())
    manifest = {name: value for name, value in (manifest | changes).items() if name != "sha256"}
    manifest["sha256"] = _checksum(manifest)
    (folder / store.MANIFEST).write_text(json.dumps(manifest))


# Round trip ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Path, str])
def test_an_artifact_is_read_as_it_was_written(kind: Any, tmp_path: Path) -> None:
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


def test_an_empty_artifact(tmp_path: Path) -> None:
    store.write(tmp_path / "shop", Artifact("Toy", {}, {}, {}, {}))
    assert_same(store.read(tmp_path / "shop"), Artifact("Toy", {}, {}, {}, {}))


@pytest.mark.parametrize("name", ["model[1]", "a*", "what?", "{a,b}", "with space", "ümlaut", "-rf", "shop.old"])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    # These names match, if the name is used as a pattern.
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
def test_permissions_are_those_of_new_files(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        store.write(tmp_path / "shop", artifact())
    finally:
        os.umask(before)
    assert (tmp_path / "shop").stat().st_mode & 0o777 == 0o777 & ~umask
    for name in FILES:
        assert (tmp_path / "shop" / name).stat().st_mode & 0o777 == 0o666 & ~umask


def test_replacing_removes_the_files_of_the_old_artifact(saved: Path) -> None:
    bigger = artifact(2)
    store.write(saved, Artifact("Toy", bigger.params, bigger.state, bigger.arrays, {"users": bigger.tables["users"]}))
    assert version_of(store.read(saved)) == 2
    assert {file.name for file in saved.iterdir()} == set(FILES) - {"items.parquet"}
    assert [file.name for file in saved.parent.iterdir()] == ["shop"]


def test_other_files_in_the_folder_are_not_read(saved: Path) -> None:
    (saved / "notes.txt").write_text("mine")
    (saved / "more.parquet").write_bytes(b"not Parquet")
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
    with pytest.raises(ArtifactError, match=rf"{saved} is damaged: the checksum of '{name}' is wrong"):
        store.read(saved)


@pytest.mark.parametrize("name", FILES[1:])
def test_one_changed_bit_anywhere_is_detected(saved: Path, name: str) -> None:
    content = bytearray((saved / name).read_bytes())
    for place in {*range(0, len(content), 37), 0, len(content) - 1}:
        content[place] ^= 1 << place % 8
        (saved / name).write_bytes(content)
        with pytest.raises(ArtifactError, match=f"damaged: the checksum of '{name}'"):
            store.read(saved)
        content[place] ^= 1 << place % 8
    (saved / name).write_bytes(content)
    assert_same(store.read(saved), artifact())


def test_one_changed_bit_in_the_manifest_is_detected_or_harmless(saved: Path) -> None:
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
def test_a_missing_file_is_an_error(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ArtifactError, match=f"has no file '{name}'"):
        store.read(saved)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_instead_of_a_file_is_an_error(saved: Path, name: str) -> None:
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
def test_an_invalid_manifest_is_an_error(saved: Path, text: str) -> None:
    (saved / store.MANIFEST).write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(ArtifactError, match=f"{saved} is damaged: the checksum of 'artifact.json' is wrong"):
        store.read(saved)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_an_invalid_folder_name_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(GinghamError, match=r"is not an artifact|must be the path"):
        store.read(tmp_path / name)
    with (
        pytest.raises(ArtifactError, match=r"cannot be created: .*; choose another path"),
        store.replace_directory(tmp_path / name, "mark"),
    ):
        pass


@pytest.mark.parametrize("where", ["nowhere", "empty folder", "file", "other folder"])
def test_reading_something_else_is_an_error(where: str, tmp_path: Path) -> None:
    path = tmp_path / "shop"
    if where == "file":
        path.write_text("mine")
    elif where != "nowhere":
        path.mkdir()
    if where == "other folder":
        (path / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=f"{path} is not an artifact: it has no file 'artifact.json'"):
        store.read(path)


def test_a_newer_format_is_an_error(saved: Path) -> None:
    forge(saved, format=store.FORMAT + 1, gingham="9.8.7")
    with pytest.raises(
        ArtifactError, match=r"has format 2, written by gingham 9\.8\.7; gingham .* reads formats up to 1: upgrade"
    ):
        store.read(saved)


def test_a_newer_format_may_have_another_manifest(saved: Path) -> None:
    # It may have other files, fields and checksums.
    (saved / store.MANIFEST).write_text(json.dumps({"format": 2, "gingham": "9.8.7", "chunks": []}))
    with pytest.raises(ArtifactError, match="has format 2"):
        store.read(saved)


@pytest.mark.parametrize("name", ["arrays.safetensors", "users.parquet"])
def test_a_file_in_another_format_is_an_error(saved: Path, name: str) -> None:
    (saved / name).write_bytes(b"neither safetensors nor Parquet")
    files = {file.name: _fingerprint(file) for file in saved.iterdir() if file.name != store.MANIFEST}
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


def test_no_stored_file_is_a_pickle(saved: Path) -> None:
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
        files = {file: _fingerprint(saved / file) for file in FILES[1:]}
        forge(saved, files=files)
        with pytest.raises(ArtifactError):
            store.read(saved)
    assert not trace.exists()
    pickle.loads(bomb)  # the pickle itself works
    assert trace.exists()


@pytest.mark.parametrize(
    "name", ["../secret.parquet", "/secret.parquet", "sub/secret.parquet", "./secret.parquet", "..", ".", ""]
)
def test_file_names_outside_the_folder_are_refused(saved: Path, name: str) -> None:
    secret = pl.DataFrame({"password": ["hunter2"]})
    (saved / "sub").mkdir()
    for place in (saved.parent, saved, saved / "sub"):
        secret.write_parquet(place / "secret.parquet")
    name = name.replace("/secret", f"{saved.parent}/secret") if name.startswith("/") else name
    files = json.loads((saved / store.MANIFEST).read_text())["files"]
    forge(saved, files=files | {name: _fingerprint(saved / "secret.parquet")})
    with pytest.raises(ArtifactError, match="has no file"):
        store.read(saved)
