"""Artifacts for tests of storing."""

from pathlib import Path

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from gingham.store import Artifact

FILES = ("artifact.json", "arrays.safetensors", "users.parquet", "items.parquet")


def artifact(version: int = 1, rows: int = 5) -> Artifact:
    """Return an artifact with its version in every part."""
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
    """Return the version of an artifact; all its parts must have the same."""
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


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
