"""Files and folders that are replaced as a whole or not at all.

The new content is written next to its destination, synced to disk and exchanged with the old one in one step. If the
process is killed at any moment, either the old or the new content is complete, and the next save removes what is left
over. File systems that can't exchange folders need two renames; if the process is killed between them, `resolve` finds
the old folder under the name that `replace_directory` moved it to.
"""

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

import polars as pl
from safetensors import SafetensorError

from gingham.errors import ArtifactError
from gingham.store.exchange import exchange
from gingham.store.locks import temporary_file, temporary_folder

# Takes a folder and returns the names of the files in it that Gingham wrote, relative to it.
OwnFiles: TypeAlias = Callable[[Path], Collection[str]]


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
def replace_directory(path: Path, marker: str, own: OwnFiles = lambda _: ()) -> Iterator[Path]:
    """Yield an empty folder to fill; it replaces `path` when the block ends without an error.

    Files in `path` that Gingham did not write are kept: the new folder has them too.

    Parameters
    ----------
    path : Path
        The folder to create or to replace.
    marker : str
        A file that an existing folder must have, unless it is empty. Folders with other content are not replaced.
    own : callable
        Returns the names of the files in a folder that Gingham wrote. Others are kept; by default all that have no
        new file in their place.

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
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Only its owner may read a temporary folder; the folder inside has the permissions of any new folder.
            temporary = stack.enter_context(
                temporary_folder(path.parent, f".{path.name}.", ".tmp", {path.name, _old(path).name})
            )
            _clear_old(path, marker, own, temporary)
            folder = temporary / path.name
            folder.mkdir()
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{path} cannot be created: {reason(error)}; choose another path.") from error
        try:
            yield folder
            sync_tree(folder)
            _keep_foreign(path, folder, own)
            _swap(folder, path)
            # What was put into the old folder in the last moment.
            _keep_foreign(folder, path, own)
        except (OSError, SafetensorError, pl.exceptions.ComputeError) as error:
            raise ArtifactError(
                f"{path} cannot be written: {reason(error)}; its previous content, if any, is unchanged."
            ) from error


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; it replaces `path` when the block ends without an error.

    Raises
    ------
    OSError
        If it can't be written; an existing file is unchanged then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_file(path) as temporary:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)


def require_replaceable(path: Path, marker: str) -> None:
    """Check that `replace_directory` may replace `path`, before any work is done.

    Raises
    ------
    ArtifactError
        If `path` exists and is neither an empty folder nor a folder with the file `marker`, or is not a valid name.
    """
    try:
        other_kind = path.is_symlink() or (path.exists() and not path.is_dir())
        other_files = path.is_dir() and any(path.iterdir()) and not (path / marker).is_file()
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{str(path)!r} cannot be created: {reason(error)}; choose another path.") from error
    if other_kind:
        raise ArtifactError(f"{path} exists but is not a regular folder; choose another path.")
    if other_files:
        raise ArtifactError(
            f"The folder {path} has other files and no {marker}; choose another path, or empty the folder."
        )


def foreign_files(path: Path, own: OwnFiles) -> list[str]:
    """Return the files in a folder that Gingham did not write, sorted by name; none if there is no folder."""
    return sorted(set(_tree(path)[1]) - set(own(path))) if path.is_dir() else []


def _keep_foreign(old: Path, new: Path, own: OwnFiles) -> None:
    """Link the files that Gingham did not write into another folder, where their names are free."""
    if not old.is_dir():
        return
    for name in _tree(old)[0]:
        (new / name).mkdir(exist_ok=True)
    for name in foreign_files(old, own):
        if not os.path.lexists(new / name):
            try:
                os.link(old / name, new / name, follow_symlinks=False)
            except OSError:  # the file system has no links
                shutil.copy2(old / name, new / name, follow_symlinks=False)
            sync((new / name).parent)


def _tree(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of all folders and of all files and links in a folder, relative to it; parents come first."""

    def fail(error: OSError) -> None:
        raise error

    folders: list[str] = []
    files: list[str] = []
    for root, inner, others in os.walk(folder, onerror=fail):
        for name in (*inner, *others):
            path = Path(root, name)
            is_folder = name in inner and not path.is_symlink()
            (folders if is_folder else files).append(path.relative_to(folder).as_posix())
    return folders, files


def _old(path: Path) -> Path:
    absolute = path.absolute()
    return absolute.parent / f".{absolute.name}.old"


def _clear_old(path: Path, marker: str, own: OwnFiles, temporary: Path) -> None:
    """Restore or remove what a killed process left under the name of the old folder; a user's folder stays."""
    old = _old(path)
    if old.is_symlink() or not old.is_dir():
        return
    if not path.exists() and (old / marker).is_file():
        old.rename(path)
    elif set(_tree(old)[1]) <= {*own(old), *(_tree(path)[1] if path.exists() else ())}:
        old.rename(temporary / old.name)
        shutil.rmtree(temporary / old.name, ignore_errors=True)


def _swap(folder: Path, path: Path) -> None:
    """Put a folder in the place of `path`, and what was there in the place of the folder."""
    if not path.exists():
        folder.rename(path)
    elif not exchange(folder, path):
        path.rename(_old(path))
        try:
            folder.rename(path)
        except OSError:
            _old(path).rename(path)
            raise
        _old(path).rename(folder)
    sync(path.parent)


def sync_tree(folder: Path) -> None:
    """Write a folder and everything in it to the disk."""
    for file in folder.rglob("*"):
        sync(file)
    sync(folder)


def sync(path: Path) -> None:
    """Write a file, or the list of a folder's files, to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle to sync a folder by
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
