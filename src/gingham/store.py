"""What is stored, whole or not there: files, and artifacts, which are folders of safetensors, JSON and Parquet.

Nothing in them can execute. A folder is written beside its place, synced to disk and renamed into it, so that whoever
is killed at any moment leaves the old one or the new one, never half of either. The one moment between two renames in
which neither stands in its place is covered by `resolve`: the old one then is the sibling that `replace_directory`
moved it to.
"""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from gingham.errors import ArtifactError

FORMAT = 1
MANIFEST = "artifact.json"
_ARRAYS = "arrays.safetensors"
_TEXT = ".txt"
_CSR_PARTS = ("data", "indices", "indptr")


@dataclass(frozen=True)
class Artifact:
    """What is stored of a model.

    Attributes
    ----------
    kind : str
        The name of the model's class.
    params : mapping
        The model's parameters; JSON values.
    state : mapping
        What else it knows; JSON values.
    arrays : mapping of str to array
        By name.
    tables : mapping of str to polars.DataFrame
        By name.
    texts : mapping of str to str
        By name; none by default.
    """

    kind: str
    params: Mapping[str, Any]
    state: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    tables: Mapping[str, pl.DataFrame]
    texts: Mapping[str, str] = field(default_factory=dict)


def csr_arrays(name: str, matrix: sp.csr_matrix) -> dict[str, npt.NDArray[Any]]:
    """Give the arrays that a sparse matrix is made of, under names of its own; its shape is not among them."""
    return {f"{name}.{part}": getattr(matrix, part) for part in _CSR_PARTS}


def csr_of(name: str, arrays: Mapping[str, npt.NDArray[Any]], shape: tuple[int, int]) -> sp.csr_matrix:
    """Put together what `csr_arrays` gave."""
    return sp.csr_matrix(tuple(arrays[f"{name}.{part}"] for part in _CSR_PARTS), shape=shape)


def write(path: Path | str, artifact: Artifact) -> None:
    """Store an artifact as the folder `path`; one that is there already is replaced when the new one is complete.

    Raises
    ------
    ArtifactError
        If `path` is something else than an artifact, or can't be written.
    """
    with replace_directory(Path(path), marker=MANIFEST) as folder:
        write_into(folder, artifact)


def write_into(folder: Path, artifact: Artifact) -> None:
    """Write an artifact's files into an empty folder."""
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
    # safetensors lets the owner alone read its file; whoever may read the others may read this one.
    (folder / _ARRAYS).chmod((folder / MANIFEST).stat().st_mode)


def read(path: Path | str) -> Artifact:
    """Load an artifact; every file is compared with its checksum first.

    Raises
    ------
    ArtifactError
        If there is none at `path`, or it is damaged, or of a newer format than this version of Gingham knows.
    """
    while True:
        folder = resolve(Path(path))
        before = _inode(folder)
        try:
            return _read(folder)
        except ArtifactError:
            # Whoever replaced it meanwhile took the files away from under us; read the new one.
            if _inode(resolve(Path(path))) == before:
                raise


def _read(path: Path) -> Artifact:
    manifest = _manifest(path)
    for name, fingerprint in manifest["files"].items():
        if Path(name).name != name or not (path / name).is_file():
            raise ArtifactError(f"The artifact {path} has no file {name!r}; restore it, or fit and save again.")
        if _fingerprint(path / name) != fingerprint:
            raise ArtifactError(
                f"The artifact {path} is damaged: {name!r} is not what was saved; restore it, or fit and save again."
            )
    files = [path / name for name in manifest["files"] if name != _ARRAYS]
    try:
        return Artifact(
            manifest["kind"],
            manifest["params"],
            manifest["state"],
            load_file(path / _ARRAYS),
            # A name with a bracket or star in it is a name, no pattern.
            {file.stem: pl.read_parquet(file, glob=False) for file in files if file.suffix != _TEXT},
            {file.stem: file.read_text(encoding="utf-8") for file in files if file.suffix == _TEXT},
        )
    except (OSError, SafetensorError, pl.exceptions.PolarsError) as error:
        raise ArtifactError(f"The artifact {path} cannot be read: {error}.") from error


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not (there(file) and file.is_file()):
        raise ArtifactError(
            f"There is no artifact {folder}: it has no file {MANIFEST!r}; give the folder of a saved one."
        )
    damaged = ArtifactError(f"The artifact {folder} is damaged: {MANIFEST!r} is not what was saved; restore it.")
    try:
        manifest = dict(json.loads(file.read_text(encoding="utf-8")))
        written = int(manifest["format"])
        whole = manifest.pop("sha256", None) == _checksum(manifest)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise damaged from None
    if written > FORMAT:
        raise ArtifactError(
            f"The artifact {folder} has format {written}, written by gingham {manifest.get('gingham')}; "
            f"this is gingham {version('gingham')}, which reads format {FORMAT}: upgrade it."
        )
    if not whole:
        raise damaged
    return manifest


def _checksum(manifest: Mapping[str, Any]) -> str:
    """Fingerprint what a manifest says, whatever its order and white space."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _fingerprint(file: Path) -> dict[str, Any] | None:
    try:
        with file.open("rb") as stream:
            return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    except OSError:
        return None


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except (OSError, ValueError):
        return None


def resolve(path: Path) -> Path:
    """Find where the folder that belongs at `path` is, also after a kill between the two renames that replace it."""
    return path if there(path) or not there(_old(path)) else _old(path)


def there(path: Path) -> bool:
    """Tell whether there is something at a path; nothing is where no file can be called so."""
    try:
        return path.exists()
    except (OSError, ValueError):  # no file can be called so
        return False


def reason(error: Exception) -> str:
    """Give the system's own words for what failed, without number and path."""
    return str(getattr(error, "strerror", None) or error)


@contextmanager
def replace_directory(path: Path, marker: str) -> Iterator[Path]:
    """Give an empty folder to fill, which takes the place of `path` when the block ends without an error.

    Parameters
    ----------
    path : Path
        A folder to make or to replace.
    marker : str
        A file that a folder must have (or be empty) to be replaced: nobody's other files are ever removed.

    Raises
    ------
    ArtifactError
        If `path` is something else, or can't be written.
    """
    path = path.absolute()
    require_replaceable(path, marker)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"Nothing can be written beside {path}: {reason(error)}; choose another place.") from error
    # A temporary folder is its owner's alone; the one inside has the permissions of any new folder.
    folder = workplace / path.name
    try:
        folder.mkdir()
        yield folder
        _sync_tree(folder)
        _swap(folder, path)
    except (OSError, SafetensorError, pl.exceptions.ComputeError) as error:
        raise ArtifactError(f"{path} cannot be written: {reason(error)}; what was there still is.") from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place, sync it to disk and rename it into its place: it is there whole or not at all.

    Raises
    ------
    OSError
        If it can't be written; what was there still is.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def require_replaceable(path: Path, marker: str) -> None:
    """Refuse what `replace_directory` would refuse, before the work for it begins.

    Raises
    ------
    ArtifactError
        If `path` is neither free, nor an empty folder, nor one with the file `marker`, or no folder can be called so.
    """
    for place in (path, _old(path)):
        try:
            taken = place.is_symlink() or (place.exists() and not place.is_dir())
            others = place.is_dir() and any(place.iterdir()) and not (place / marker).is_file()
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{str(place)!r} cannot be written: {reason(error)}; choose another place.") from error
        if taken:
            raise ArtifactError(f"{place} exists and is a link or no folder; choose another place.")
        if others:
            raise ArtifactError(
                f"The folder {place} holds other files and no {marker}; choose another place, or empty it."
            )


def _old(path: Path) -> Path:
    whole = path.absolute()
    return whole.parent / f".{whole.name}.old"


def _swap(folder: Path, path: Path) -> None:
    if path.exists():
        # What a kill left here is older than what stands in its place.
        shutil.rmtree(_old(path), ignore_errors=True)
        path.rename(_old(path))
    folder.rename(path)
    _sync(path.parent)
    shutil.rmtree(_old(path), ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    for file in folder.rglob("*"):
        _sync(file)
    _sync(folder)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle to sync a folder by
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
