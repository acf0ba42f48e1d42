"""Processes forked after Polars had started its threads: in these, most of its operations would wait for ever.

`fork` copies only the thread that calls it. What recommends to users does not need the threads; everything else calls
`require_threads` first.
"""

import os
import sys
from pathlib import Path

from gingham.errors import ForkError

_threads_lost = False
_running_before_fork = False


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
    if _threads_lost:
        raise ForkError(
            f"{action} does not work in a process that was forked after Polars started its threads; start the process "
            "with the method 'spawn' or 'forkserver', or do this before the fork."
        )


def threads_lost() -> bool:
    """Return whether this process was forked from one that had started Polars' threads."""
    return _threads_lost


def _running() -> bool:
    """Return whether Polars has started its threads; on systems that don't list them, whether it is imported."""
    if sys.platform != "linux":
        return "polars" in sys.modules
    try:
        return any((task / "comm").read_text().startswith("polars-") for task in Path("/proc/self/task").iterdir())
    except OSError:  # a thread that ended in this moment
        return "polars" in sys.modules


def _before_fork() -> None:
    global _running_before_fork
    _running_before_fork = _threads_lost or _running()


def _after_fork() -> None:
    global _threads_lost
    _threads_lost = _running_before_fork


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
