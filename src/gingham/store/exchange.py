"""Exchange two folders in one step, where the operating system can."""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

# What a file system answers that can't exchange.
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # Linux: fcntl.h and linux/fs.h
_RENAME_SWAP = 2  # macOS: sys/stdio.h


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders of one file system at once: each name always has one of them.

    Returns
    -------
    bool
        False if the operating system or the file system can't do it. Then nothing has changed.

    Raises
    ------
    OSError
        If a folder is missing or can't be moved.
    """
    call = _system_call()
    if call is None:
        return False
    code = call(os.fsencode(one), os.fsencode(other))
    if code and code not in _UNSUPPORTED:
        raise OSError(code, os.strerror(code), str(other))
    return not code


@cache
def _system_call() -> Callable[[bytes, bytes], int] | None:
    """Return a function that exchanges two paths and returns the error's number or 0; None if there is none."""
    name = {"linux": "renameat2", "darwin": "renamex_np"}.get(sys.platform)
    function = name and getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if not function:
        return None

    def call(one: bytes, other: bytes) -> int:
        if sys.platform == "linux":
            status = function(_AT_FDCWD, one, _AT_FDCWD, other, ctypes.c_uint(_RENAME_EXCHANGE))
        else:
            status = function(one, other, ctypes.c_uint(_RENAME_SWAP))
        return ctypes.get_errno() if status else 0

    return call
