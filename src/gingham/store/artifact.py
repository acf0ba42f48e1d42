"""Artifacts: stored models, as folders of safetensors, JSON and Parquet with checksums. They contain no code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from gingham.errors import ArtifactError
from gingham.store.replacing import exists, replace_directory, resolve

FORMAT = 1
MANIFEST = "artifact.json"
_ARRAYS = "arrays.safetensors"
_TEXT = ".txt"
_CSR_PARTS = ("data", "indices", "indptr")


@dataclass(frozen=True)
class Artifact:
    """The content of a stored model.

    Attributes
    ----------
    kind : str
        The name of the model's class.
    params : mapping
        The model's parameters, as JSON values.
    state : mapping
        Other values of the fitted model, as JSON values.
    arrays : mapping of str to array
        Arrays by name.
    tables : mapping of str to polars.DataFrame
        Tables by name.
    texts : mapping of str to str
        Texts by name; none by default.
    """

    kind: str
    params: Mapping[str, Any]
    state: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    tables: Mapping[str, pl.DataFrame]
    texts: Mapping[str, str] = field(default_factory=dict)


def csr_arrays(name: str, matrix: sp.csr_matrix) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a sparse matrix by names that start with `name`; its shape is stored elsewhere."""
    return {f"{name}.{part}": getattr(matrix, part) for part in _CSR_PARTS}


def csr_of(name: str, arrays: Mapping[str, npt.NDArray[Any]], shape: tuple[int, int]) -> sp.csr_matrix:
    """Build a sparse matrix from the arrays that `csr_arrays` returned."""
    return sp.csr_matrix(tuple(arrays[f"{name}.{part}"] for part in _CSR_PARTS), shape=shape)


def write(path: Path | str, artifact: Artifact) -> None:
    """Write an artifact as the folder `path`; an existing artifact is replaced when the new one is complete.

    Raises
    ------
    ArtifactError
        If `path` exists and is not an artifact, or can't be written.
    """
    with replace_directory(Path(path), marker=MANIFEST, own=own_files) as folder:
        write_into(folder, artifact)


def own_files(folder: Path) -> set[str]:
    """Return the names of the files of an artifact, as its manifest lists them; other files are not part of it."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {MANIFEST, _ARRAYS, *map(str, listed)}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {MANIFEST, _ARRAYS}


def write_into(folder: Path, artifact: Artifact) -> None:
    """Write the files of an artifact into an empty folder."""
    arrays = {name: np.ascontiguousarray(array) for name, array in artifact.arrays.items()}
    save_file(arrays, folder / _ARRAYS)
    for name, table in artifact.tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    for name, text in artifact.texts.items():
        (folder / f"{name}{_TEXT}").write_text(text, encoding="utf-8")
    manifest = {
        "format": FORMAT,
        "gingham": version("gingham"),
        "kind": artifact.kind,
        "params": artifact.params,
        "state": artifact.state,
        "files": {file.name: _fingerprint(file) for file in sorted(folder.iterdir())},
    }
    text = json.dumps({**manifest, "sha256": _checksum(manifest)}, indent=2, allow_nan=False)
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    # safetensors makes its file readable for the owner only; give it the permissions of the other files.
    (folder / _ARRAYS).chmod((folder / MANIFEST).stat().st_mode)


def read(path: Path | str) -> Artifact:
    """Read an artifact, and compare every file with its checksum.

    Raises
    ------
    ArtifactError
        If there is no artifact at `path`, it is damaged, or its format is newer than this version of Gingham reads.
    """
    while True:
        folder = resolve(Path(path))
        before = _identity(folder)
        try:
            artifact = _read(folder)
        except ArtifactError:
            if _identity(resolve(Path(path))) == before:
                raise
        else:
            if _identity(folder) == before:
                return artifact
        # Another process replaced the artifact during the read, which may have mixed both: read the new one.


def _read(path: Path) -> Artifact:
    manifest = _manifest(path)
    for name, fingerprint in manifest["files"].items():
        if Path(name).name != name or not (path / name).is_file():
            raise ArtifactError(f"The artifact {path} has no file {name!r}; restore it, or fit and save again.")
        if _fingerprint(path / name) != fingerprint:
            raise ArtifactError(
                f"The artifact {path} is damaged: the checksum of {name!r} is wrong; restore it, or fit and save again."
            )
    files = [path / name for name in manifest["files"] if name != _ARRAYS]
    try:
        return Artifact(
            manifest["kind"],
            manifest["params"],
            manifest["state"],
            load_file(path / _ARRAYS),
            # glob=False: brackets and stars in a name have no special meaning.
            {file.stem: pl.read_parquet(file, glob=False) for file in files if file.suffix != _TEXT},
            {file.stem: file.read_text(encoding="utf-8") for file in files if file.suffix == _TEXT},
        )
    except (OSError, SafetensorError, pl.exceptions.PolarsError) as error:
        raise ArtifactError(f"The artifact {path} cannot be read: {error}.") from error


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not (exists(file) and file.is_file()):
        raise ArtifactError(f"{folder} is not an artifact: it has no file {MANIFEST!r}; pass the folder of a model.")
    damaged = ArtifactError(f"The artifact {folder} is damaged: the checksum of {MANIFEST!r} is wrong; restore it.")
    try:
        manifest = dict(json.loads(file.read_text(encoding="utf-8")))
        number = int(manifest["format"])
        intact = manifest.pop("sha256", None) == _checksum(manifest)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise damaged from None
    if number > FORMAT:
        raise ArtifactError(
            f"The artifact {folder} has format {number}, written by gingham {manifest.get('gingham')}; "
            f"gingham {version('gingham')} reads formats up to {FORMAT}: upgrade gingham."
        )
    if not intact:
        raise damaged
    return manifest


def _checksum(manifest: Mapping[str, Any]) -> str:
    """Return a checksum of the values of a manifest, independent of their order and of white space."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _fingerprint(file: Path) -> dict[str, Any] | None:
    try:
        with file.open("rb") as stream:
            return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    except OSError:
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what identifies a folder; with a time, because file systems use the numbers of removed folders again."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_mtime_ns
