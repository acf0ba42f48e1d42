"""Files and folders that are replaced as a whole or not at all.

The new content is written next to its destination, synced to disk and renamed. If the process is killed at any moment,
either the old or the new content is complete. Replacing a folder needs two renames; if the process is killed between
them, `resolve` finds the old folder under the name that `replace_directory` moved it to.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import polars as pl
from safetensors import SafetensorError

from gingham.errors import ArtifactError


def resolve(path: Path) -> Path:
    """Return where the folder of `path` is, also if a process was killed while it replaced the folder."""
    return path if exists(path) or not exists(_old(path)) else _old(path)


def exists(path: Path) -> bool:
    """Return whether a path exists; False too if it is not a valid name of a file."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def reason(error: Exception) -> str:
    """Return the operating system's description of an error, without number and path."""
    return str(getattr(error, "strerror", None) or error)


@contextmanager
def replace_directory(path: Path, marker: str) -> Iterator[Path]:
    """Yield an empty folder to fill; it replaces `path` when the block ends without an error.

    Parameters
    ----------
    path : Path
        The folder to create or to replace.
    marker : str
        A file that an existing folder must have, unless it is empty. Folders with other content are not replaced.

    Yields
    ------
    Path
        The temporary folder.

    Raises
    ------
    ArtifactError
        If `path` is something else, or can't be written.
    """
    path = path.absolute()
    require_replaceable(path, marker)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be created: {reason(error)}; choose another path.") from error
    # Only its owner may read a temporary folder; the folder inside has the permissions of any new folder.
    folder = temporary / path.name
    try:
        folder.mkdir()
        yield folder
        _sync_tree(folder)
        _swap(folder, path)
    except (OSError, SafetensorError, pl.exceptions.ComputeError) as error:
        raise ArtifactError(
            f"{path} cannot be written: {reason(error)}; its previous content, if any, is unchanged."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; it replaces `path` when the block ends without an error.

    Raises
    ------
    OSError
        If it can't be written; an existing file is unchanged then.
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
    """Check that `replace_directory` may replace `path`, before any work is done.

    Raises
    ------
    ArtifactError
        If `path` exists and is neither an empty folder nor a folder with the file `marker`, or is not a valid name.
    """
    for folder in (path, _old(path)):
        try:
            other_kind = folder.is_symlink() or (folder.exists() and not folder.is_dir())
            other_files = folder.is_dir() and any(folder.iterdir()) and not (folder / marker).is_file()
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{str(folder)!r} cannot be created: {reason(error)}; choose another path.") from error
        if other_kind:
            raise ArtifactError(f"{folder} exists but is not a regular folder; choose another path.")
        if other_files:
            raise ArtifactError(
                f"The folder {folder} has other files and no {marker}; choose another path, or empty the folder."
            )


def _old(path: Path) -> Path:
    absolute = path.absolute()
    return absolute.parent / f".{absolute.name}.old"


def _swap(folder: Path, path: Path) -> None:
    if path.exists():
        # A folder that a killed process left here is older than `path`.
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
