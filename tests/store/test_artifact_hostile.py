"""Artifacts whose checksums are right and whose files are not what they should be."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

import gingham as gg
from gingham import store
from gingham.errors import ArtifactError
from gingham.store.artifact import _fingerprint
from tests.fuzz.damages import sign

ARRAYS, USERS = "arrays.safetensors", "users.parquet"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    gg.Popularity("14d").fit(gg.synth.sample_dataset()).save(tmp_path / "model")
    return tmp_path / "model"


def refused(folder: Path, words: str) -> None:
    with pytest.raises(ArtifactError, match=words):
        gg.load(folder)


def header(content: Any, size: int | None = None) -> bytes:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text


def array(dtype: str, shape: list[int], start: int, stop: int) -> bytes:
    """Return the header of one array and its bytes, if they are few."""
    return header({"sales": {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}}) + b"\0" * min(stop, 8)


@pytest.mark.parametrize(
    "content",
    [
        header({}, 2**63),
        header({}, 2**40),
        header(b"[" * 100_000),
        header(b'{"a":' * 5000),
        array("F32", [2**40], 0, 2**42),
        array("F32", [2**62, 4], 0, 0),
        array("F32", [3], 0, 8),
        array("F32", [2], 8, 0),
        array("BF16", [4], 0, 8),
        array("F8_E4M3", [8], 0, 8),
        array("F32", [0, 2**60], 0, 0),
        array("F32", [1] * 70, 0, 4),
        array("F32", [-1], 0, 8),
        array("C64", [1], 0, 8),
        b"",
        b"\0" * 7,
    ],
    ids=lambda content: repr(content[8:60]),
)
def test_a_header_of_arrays_that_lies_is_refused(model: Path, content: bytes) -> None:
    (model / ARRAYS).write_bytes(content)
    sign(model)
    refused(model, f"The artifact {model} (cannot be read|is invalid): ")


@pytest.mark.parametrize("levels", [900, 5000, 200_000])
def test_deep_nesting_is_refused(model: Path, levels: int) -> None:
    text = (model / store.MANIFEST).read_text()
    (model / store.MANIFEST).write_text(text.replace('"window": "14d"', f'"window": {"[" * levels}{"]" * levels}'))
    refused(model, "is damaged")
    (model / store.MANIFEST).write_text(text)
    deep: Any = []
    for _ in range(min(levels, 900)):
        deep = [deep]
    sign(model, params={"window": deep, "half_life": None, "by": None})
    refused(model, "is invalid: window must be a duration")


@pytest.mark.parametrize(
    "text",
    ['{"format": 1, "format": 1}', '{"format": 1e999}', '{"format": Infinity}', f'{{"format": {"9" * 5000}}}', "{}{}"],
)
def test_other_json_is_damaged(model: Path, text: str) -> None:
    (model / store.MANIFEST).write_text(text)
    refused(model, "is damaged")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": ["Popularity"]}, "the value kind is"),
        ({"kind": None}, "the value kind is None"),
        ({"params": []}, "the value params is"),
        ({"state": "x"}, "the value state is 'x'"),
        ({"format": 1.0}, r"the value format is 1\.0"),
        ({"more": 1}, "the value more is 1"),
        ({"files": {ARRAYS: {"bytes": "8", "sha256": ""}}}, "the value files"),
        ({"files": {ARRAYS: None}}, "the value files"),
        ({"files": {"a\0b": {"bytes": 1, "sha256": ""}}}, "has no file"),
        ({"files": {"x" * 300: {"bytes": 1, "sha256": ""}}}, "has no file"),
    ],
)
def test_values_of_other_types_in_the_manifest_are_refused(model: Path, changes: dict[str, Any], words: str) -> None:
    sign(model, **changes)
    refused(model, words)


def link(target: str) -> Callable[[Path], object]:
    return lambda file: (file.rename(file.parent / "real"), file.symlink_to(target))


@pytest.mark.parametrize("name", [ARRAYS, USERS])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (link("real"), "is a link"),
        (link("/dev/zero"), "has no file"),
        (link("/nowhere"), "has no file"),
        (lambda file: (file.unlink(), file.symlink_to(file.name)), "has no file"),
        (lambda file: (file.unlink(), os.mkfifo(file)), "has no file"),
        (lambda file: (file.unlink(), file.mkdir()), "has no file"),
    ],
    ids=["link", "device", "dangling", "circle", "pipe", "folder"],
)
def test_what_is_not_a_regular_file_is_refused(model: Path, name: str, change: Any, words: str) -> None:
    change(model / name)
    refused(model, words)


def test_a_manifest_that_is_a_pipe_is_refused(model: Path) -> None:
    (model / store.MANIFEST).unlink()
    os.mkfifo(model / store.MANIFEST)
    refused(model, "is not an artifact")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pl.DataFrame({"user_id": pl.repeat("a", 3_000_000, eager=True)}), "has 3,000,000 rows, more than"),
        (pl.DataFrame({"user_id": [["a"]]}), r"column 'user_id' of 'users\.parquet' is List"),
        (pl.DataFrame({"user_id": [1.5]}), r"column 'user_id' of 'users\.parquet' is Float64"),
        (pl.DataFrame({str(number): [1] for number in range(200)}), r"'users\.parquet' has 200 columns"),
        (pl.DataFrame({"user_id": ["a"], "more": ["b"]}), "the table of users has the columns"),
    ],
    ids=["rows", "lists", "floats", "columns", "more"],
)
def test_other_tables_are_refused(model: Path, table: pl.DataFrame, words: str) -> None:
    table.write_parquet(model / USERS)
    assert (model / USERS).stat().st_size < 100_000
    sign(model)
    refused(model, words)


def test_names_of_other_files_are_refused(model: Path) -> None:
    files = json.loads((model / store.MANIFEST).read_text())["files"]
    (model / "model.pkl").write_bytes(b"x")
    sign(model, files=files | {"model.pkl": _fingerprint(model / "model.pkl")})
    refused(model, r"'model\.pkl' is not a file of an artifact")
    sign(model, files={name: value for name, value in files.items() if name != ARRAYS})
    refused(model, r"it has no file 'arrays\.safetensors'")


def test_what_is_not_read_is_refused(model: Path) -> None:
    save_file({**store.read(model).arrays, "more": np.ones(3, np.float32)}, model / ARRAYS)
    sign(model)
    refused(model, "is invalid: the array 'more' is not part of such a model")
