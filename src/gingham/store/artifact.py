"""Artifacts: stored models, as folders of safetensors, JSON and Parquet with checksums. They contain no code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from gingham.checked import Contents, Values, require
from gingham.errors import ArtifactError, DataError
from gingham.forks import require_threads
from gingham.store.replacing import exists, replace_directory, resolve
from gingham.validation import check_path

FORMAT = 1
MANIFEST = "artifact.json"
_ARRAYS = "arrays.safetensors"
_TABLE, _TEXT = ".parquet", ".txt"
_CSR_PARTS = ("data", "indices", "indptr")
# The largest manifest that is read; that of a model with a million features of texts has 100 MB.
_MAX_MANIFEST = 1 << 30
# A compressed table may be small and yet have more rows than fit into memory. So it may not have more rows than the
# artifact has bytes, because each row is a user, an item or a feature, which has numbers of its own in the arrays.
_SMALL_TABLE = 1_000_000
_MAX_COLUMNS = 16
_READ_ERRORS = (OSError, ValueError, AttributeError, KeyError, TypeError, MemoryError)
_COLUMN_TYPES = (pl.Int32, pl.Int64, pl.String, pl.Null)


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

    def tracked(self) -> "Artifact":
        """Return the same content in mappings that know what was read of them; see `require_all_read`."""
        return replace(
            self,
            state=Contents("value", self.state),
            arrays=Contents("array", self.arrays),
            tables=Contents("table", self.tables),
            texts=Contents("text", self.texts),
        )

    def require_all_read(self) -> None:
        """Check that everything was read since `tracked`.

        Raises
        ------
        DataError
            If something was not, so that it is not clear what it is for.
        """
        for contents in (self.state, self.arrays, self.tables, self.texts):
            if isinstance(contents, Contents):
                contents.require_all_read()


class _File(Values):
    """The size and checksum of a file."""

    bytes: int
    sha256: str


class _Manifest(Values):
    """What the file `MANIFEST` holds, except for its own checksum."""

    format: int
    gingham: str
    kind: str
    params: dict[str, Any]
    state: dict[str, Any]
    files: dict[str, _File]


def csr_arrays(name: str, matrix: sp.csr_matrix) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a sparse matrix by names that start with `name`; its shape is stored elsewhere."""
    return {f"{name}.{part}": getattr(matrix, part) for part in _CSR_PARTS}


def write(path: Path | str, artifact: Artifact) -> None:
    """Write an artifact as the folder `path`; an existing artifact is replaced when the new one is complete.

    Raises
    ------
    ArtifactError
        If `path` exists and is not an artifact, or can't be written.
    """
    with replace_directory(check_path("path", path), marker=MANIFEST, own=own_files) as folder:
        write_into(folder, artifact)


def own_files(folder: Path) -> set[str]:
    """Return the names of the files of an artifact, as its manifest lists them; other files are not part of it."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {MANIFEST, _ARRAYS, *map(str, listed)}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {MANIFEST, _ARRAYS}


def write_into(folder: Path, artifact: Artifact) -> None:
    """Write the files of an artifact into an empty folder, which is created if it is missing."""
    folder.mkdir(exist_ok=True)
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
    require_threads("Loading a model")
    path = check_path("path", path)
    while True:
        folder = resolve(path)
        before = _identity(folder)
        try:
            artifact = _read(folder)
        except ArtifactError:
            if _identity(resolve(path)) == before:
                raise
        else:
            if _identity(folder) == before:
                return artifact
        # Another process replaced the artifact during the read, which may have mixed both: read the new one.


def kind(path: Path | str) -> str:
    """Return the kind of the artifact at a path.

    Raises
    ------
    ArtifactError
        As `read` does.
    """
    return _manifest(resolve(check_path("path", path))).kind


def _read(path: Path) -> Artifact:
    manifest = _manifest(path)
    for name, stored in manifest.files.items():
        file = path / name
        if Path(name).name != name or not _is_file(file):
            raise ArtifactError(f"The artifact {path} has no file {name!r}; restore it, or fit and save again.")
        if file.is_symlink():
            raise ArtifactError(f"The file {name!r} of the artifact {path} is a link; copy the file to its place.")
        if _fingerprint(file) != stored.model_dump():
            raise ArtifactError(
                f"The artifact {path} is damaged: the checksum of {name!r} is wrong; restore it, or fit and save again."
            )
    files = {
        suffix: [path / name for name in manifest.files if Path(name).suffix == suffix] for suffix in (_TABLE, _TEXT)
    }
    most_rows = max(_SMALL_TABLE, sum(stored.bytes for stored in manifest.files.values()))
    try:
        require(_ARRAYS in manifest.files, f"it has no file {_ARRAYS!r}")
        unknown = manifest.files.keys() - {_ARRAYS, *(file.name for some in files.values() for file in some)}
        require(not unknown, f"{min(unknown, default='')!r} is not a file of an artifact")
        return Artifact(
            manifest.kind,
            manifest.params,
            manifest.state,
            load_file(path / _ARRAYS),
            {file.stem: _table(file, most_rows) for file in files[_TABLE]},
            {file.stem: file.read_text(encoding="utf-8") for file in files[_TEXT]},
        )
    # safetensors raises AttributeError, KeyError or TypeError for types that NumPy does not have.
    except (*_READ_ERRORS, SafetensorError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise ArtifactError(
            f"The artifact {path} cannot be read: {reason}; restore it, or fit and save again."
        ) from error


def _table(file: Path, most_rows: int) -> pl.DataFrame:
    """Read a table of at most so many rows of text and integers."""
    # glob=False: brackets and stars in a name have no special meaning.
    lazy = pl.scan_parquet(file, glob=False)
    schema = lazy.collect_schema()
    require(len(schema) <= _MAX_COLUMNS, f"{file.name!r} has {len(schema)} columns")
    for column, dtype in schema.items():
        require(dtype in _COLUMN_TYPES, f"column {column!r} of {file.name!r} is {dtype}")
    n_rows = lazy.select(pl.len()).collect().item()
    require(n_rows <= most_rows, f"{file.name!r} has {n_rows:,} rows, more than such an artifact can have")
    return lazy.collect()


def _manifest(folder: Path) -> _Manifest:
    file = folder / MANIFEST
    if not (exists(file) and file.is_file()):
        raise ArtifactError(f"{folder} is not an artifact: it has no file {MANIFEST!r}; pass the folder of a model.")
    damaged = ArtifactError(f"The artifact {folder} is damaged: the checksum of {MANIFEST!r} is wrong; restore it.")
    try:
        if file.stat().st_size > _MAX_MANIFEST:
            raise damaged
        manifest = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_distinct)
        number = int(manifest["format"])
        intact = manifest.pop("sha256", None) == _checksum(manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, MemoryError):
        raise damaged from None
    if number > FORMAT:
        raise ArtifactError(
            f"The artifact {folder} has format {number}, written by gingham {manifest.get('gingham')}; "
            f"gingham {version('gingham')} reads formats up to {FORMAT}: upgrade gingham."
        )
    if not intact:
        raise damaged
    try:
        return _Manifest.of(manifest)
    except DataError as error:
        raise ArtifactError(f"The artifact {folder} is invalid: {error} in {MANIFEST!r}; restore it.") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON as a dictionary, if its names are distinct."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name appears twice")
    return values


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # such as a name with a NUL byte
        return False


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
