"""Processes forked after Polars had started its threads: in these, most of its operations would wait for ever.

`fork` copies only the thread that calls it. What recommends to users does not need the threads; everything else calls
`require_threads` first.
"""

import os
import sys
import time
from functools import cache
from pathlib import Path

from gingham.errors import ForkError

_TASKS = Path("/proc/self/task")  # the threads of this process
_SECONDS = 0.2  # for threads that have just been started to set their names
_forked = False  # whether Polars was imported before the process was forked


def require_threads(action: str) -> None:
    """Check that Polars' threads exist or can be started in this process.

    Parameters
    ----------
    action : str
        What needs them: the subject of the message.

    Raises
    ------
    ForkError
        If the process was forked from one that had started them.
    """
    if threads_lost():
        raise ForkError(
            f"{action} does not work in a process that was forked after Polars started its threads; start the process "
            "with the method 'spawn' or 'forkserver', or do this before the fork."
        )


@cache
def threads_lost() -> bool:
    """Return whether this process was forked from one that had started Polars' threads."""
    if not _TASKS.is_dir():  # another system than Linux
        return _forked
    import polars as pl

    if _running():
        return False
    n_threads = len(_threads())
    # This starts the threads, unless Polars takes them to be started already.
    pl.thread_pool_size()
    deadline = time.monotonic() + _SECONDS
    while len(_threads()) <= n_threads and not _running():
        if time.monotonic() > deadline:
            return True
        time.sleep(0.01)
    return False


def _threads() -> list[Path]:
    return list(_TASKS.iterdir())


def _running() -> bool:
    """Return whether a thread of Polars is running."""
    for thread in _threads():
        try:
            if (thread / "comm").read_text().startswith("polars-"):
                return True
        except OSError:  # it has just ended
            continue
    return False


def _after_fork() -> None:
    global _forked
    _forked = "polars" in sys.modules
    threads_lost.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
