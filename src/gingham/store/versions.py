"""Versions of a folder: complete folders next to each other, and a pointer to the current one.

The subfolder `VERSIONS` has the versions, each named by a time in UTC. The pointer `CURRENT` is a relative link, or a
text file with the version's name where the file system has no links. A version is written to a temporary folder, synced
and renamed; then the pointer is replaced by renaming another one. If the process is killed at any moment, the pointer
names the old or the new version, and both are complete. The next change removes what is left over.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from safetensors import SafetensorError

from gingham.errors import ArtifactError
from gingham.store.locks import lock_if_possible, release, temporary_folder
from gingham.store.replacing import exists, reason, resolve, sync, sync_tree

VERSIONS, CURRENT = "versions", "current"
TIME = "%Y-%m-%dT%H-%M-%SZ"
_SECOND = timedelta(seconds=1)
# Temporary folders of all kinds have this prefix, so that any change removes what killed processes left.
_PREFIX, _SUFFIX = ".gingham.", ".tmp"


def current_version(path: Path, marker: str) -> Path:
    """Return the folder of the current version of a folder with versions; another folder as it is.

    Parameters
    ----------
    path : Path
        The folder.
    marker : str
        A file that the folder itself has if it was written without versions.

    Raises
    ------
    ArtifactError
        If the folder has versions, and none of them is current.
    """
    path = resolve(path)
    versions = Versions(path)
    if versions.current is not None:
        return versions.path_of(versions.current)
    if exists(path / marker) or not versions.names():
        return path
    raise ArtifactError(
        f"None of the versions in {path} is current; choose one with `gingham rollback {path} {versions.names()[-1]}`."
    )


@dataclass(frozen=True)
class Versions:
    """The versions in a folder.

    Attributes
    ----------
    path : Path
        The folder, which may not exist yet.
    """

    path: Path

    @property
    def current(self) -> str | None:
        """The name of the current version; None if there is none."""
        pointer = self.path / CURRENT
        try:
            text = str(pointer.readlink()) if pointer.is_symlink() else pointer.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
        name = Path(text.strip()).name
        return name if self._exists(name) else None

    def names(self) -> list[str]:
        """Return the names of the complete versions, the oldest first."""
        with suppress(OSError):
            return sorted(entry.name for entry in os.scandir(self.path / VERSIONS) if self._exists(entry.name))
        return []

    def path_of(self, name: str) -> Path:
        """Return the folder of a version."""
        return self.path / VERSIONS / name

    def _exists(self, name: str) -> bool:
        return _is_name(name) and self.path_of(name).is_dir()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folder, if it is missing, lock it, and remove what killed processes left.

        A folder that stays empty is removed at the end.

        Raises
        ------
        ArtifactError
            If another process holds the lock, or the folder can't be created.
        """
        folder, is_new = self.path / VERSIONS, not exists(self.path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = lock_if_possible(self.path)
        except (BlockingIOError, FileNotFoundError):
            raise ArtifactError(
                f"Another process is writing to {self.path}; wait until it is done, or choose another folder."
            ) from None
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{self.path} cannot be created: {reason(error)}; choose another path.") from error
        try:
            with self._writing(), self._temporary():
                pass  # it removes those of killed processes
            yield
        finally:
            with suppress(OSError):  # the folders are not empty
                folder.rmdir()
                if is_new:
                    self.path.rmdir()
            release(handle)

    @contextmanager
    def draft(self, name: str | None = None) -> Iterator[Path]:
        """Yield an empty folder to fill, with the name of a new version; it is one when the block ends without error.

        Parameters
        ----------
        name : str, optional
            The name; by default `next_name`.

        Raises
        ------
        ArtifactError
            If the folder can't be written.
        """
        name = self.next_name() if name is None else name
        with self._writing(), self._temporary() as temporary:
            folder = temporary / name
            folder.mkdir()
            yield folder
            sync_tree(folder)
            folder.rename(self.path_of(name))
            sync(self.path / VERSIONS)

    def next_name(self) -> str:
        """Return the name of a new version: the time, or the second after the last version if that is later."""
        now = datetime.now(UTC).replace(microsecond=0)
        return max([now, *(time_of(name) + _SECOND for name in self.names()[-1:])]).strftime(TIME)

    def switch(self, name: str) -> None:
        """Make a version the current one.

        Raises
        ------
        ArtifactError
            If the pointer can't be written.
        """
        with self._writing(), self._temporary() as temporary:
            pointer = temporary / CURRENT
            try:
                pointer.symlink_to(f"{VERSIONS}/{name}", target_is_directory=True)
            # Without links, the file system or the user's rights are an OSError, the platform a NotImplementedError.
            except (OSError, NotImplementedError):
                pointer.write_text(name + "\n", encoding="utf-8")
                sync(pointer)
            pointer.replace(self.path / CURRENT)
            sync(self.path)

    def remove(self, names: Iterable[str]) -> None:
        """Remove versions; each disappears in one step.

        Raises
        ------
        ArtifactError
            If one can't be removed.
        """
        with self._writing(), self._temporary() as temporary:
            for name in names:
                self.path_of(name).rename(temporary / name)
                shutil.rmtree(temporary / name)

    def prune(self, keep: int) -> list[str]:
        """Remove all but the last versions and the current one, and return the names of those removed.

        Parameters
        ----------
        keep : int
            How many of the last versions to keep.
        """
        old = [name for name in self.names()[:-keep] if name != self.current]
        self.remove(old)
        return old

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        with temporary_folder(self.path / VERSIONS, _PREFIX, _SUFFIX) as temporary:
            yield temporary

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, SafetensorError, pl.exceptions.ComputeError) as error:
            raise ArtifactError(
                f"{self.path} cannot be written: {reason(error)}; its current version is unchanged."
            ) from error


def time_of(name: str) -> datetime:
    """Return the time in the name of a version, in UTC."""
    return datetime.strptime(name, TIME).replace(tzinfo=UTC)


def _is_name(text: str) -> bool:
    try:
        return time_of(text).strftime(TIME) == text
    except ValueError:
        return False
