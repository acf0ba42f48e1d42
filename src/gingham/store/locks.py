"""Locks that end with the process that holds them, and temporary folders and files that are recognised by them.

The process that creates a temporary folder or file locks it. If it is killed, the system releases the lock, so the next
process recognises what was left and removes it, but never what a living process still writes to.
"""

import errno
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NO_LOCKS = OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
# The random parts of names: of tempfile, and of `temporary_file`.
_FOLDER_CODE, _FILE_CODE = "[a-z0-9_]{8}", "[0-9a-f]{8}"


def lock(path: Path) -> int:
    """Lock a file or folder and return a handle; closing it, or the end of the process, releases the lock.

    Raises
    ------
    BlockingIOError
        If another process holds the lock.
    FileNotFoundError
        If the file or folder is missing or was just replaced.
    OSError
        If the file can't be opened, or the file system or the operating system has no such locks.
    """
    if sys.platform == "win32":
        raise _NO_LOCKS
    import fcntl

    # O_NONBLOCK: opening a pipe would wait for its other end.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), os.lstat(path)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    except BaseException:
        os.close(handle)
        raise
    return handle


def remove_abandoned(folder: Path, seconds: float = 5.0) -> None:
    """Remove a temporary folder if the process that created it ends within some seconds; errors are ignored."""
    deadline = time.monotonic() + seconds
    with suppress(OSError):
        while True:
            try:
                handle = lock(folder)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.05)
                continue
            try:
                _remove(folder)
            finally:
                os.close(handle)
            return


@contextmanager
def temporary_folder(
    parent: Path, prefix: str, suffix: str = "", content: Collection[str] | None = None
) -> Iterator[Path]:
    """Yield a new folder and remove it at the end; also remove folders like it that killed processes left.

    Parameters
    ----------
    parent : Path
        The folder to create it in.
    prefix, suffix : str
        The start and end of its name.
    content : collection of str, optional
        The names of what is directly in such folders; folders with anything else are not removed. By default all are.

    Raises
    ------
    OSError
        If it can't be created.
    """
    name = re.compile(f"{re.escape(prefix)}{_FOLDER_CODE}{re.escape(suffix)}")

    def is_ours(path: Path) -> bool:
        return path.is_dir() and (content is None or {entry.name for entry in path.iterdir()} <= set(content))

    _remove_leftovers(parent, name, is_ours)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent))
        try:
            handle = lock_if_possible(folder)
        except (FileNotFoundError, BlockingIOError):
            continue  # another process took the new, empty folder for a leftover
        break
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        release(handle)


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Yield the path of a new empty file next to `path`, and remove it at the end unless it was renamed.

    Files that killed processes left are removed too.

    Raises
    ------
    OSError
        If it can't be created.
    """
    name = re.compile(f"{re.escape(f'.{path.name}.')}{_FILE_CODE}{re.escape('.tmp')}")
    _remove_leftovers(path.parent, name, Path.is_file)
    while True:
        file = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        file.touch(exist_ok=False)
        try:
            handle = lock_if_possible(file)
        except (FileNotFoundError, BlockingIOError):
            continue
        break
    try:
        yield file
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        release(handle)


def lock_if_possible(path: Path) -> int | None:
    """Lock a file or folder as `lock` does; return None where there are no locks, and so no leftovers either."""
    try:
        return lock(path)
    except (FileNotFoundError, BlockingIOError):
        raise
    except OSError:
        return None


def release(handle: int | None) -> None:
    """Release a lock, if there is one."""
    if handle is not None:
        os.close(handle)


def _remove_leftovers(parent: Path, name: re.Pattern[str], is_ours: Callable[[Path], bool]) -> None:
    """Remove what killed processes left in a folder; errors are ignored, because new content doesn't need it."""
    with suppress(OSError):
        for path in [Path(entry) for entry in os.scandir(parent) if name.fullmatch(entry.name)]:
            with suppress(OSError):
                handle = lock(path)
                try:
                    if path.lstat().st_uid == os.getuid() and is_ours(path):
                        _remove(path)
                finally:
                    os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
