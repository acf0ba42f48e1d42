"""Measurement of the peak memory of a block of code."""

import ctypes
import gc
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_STATUS = Path("/proc/self/status")
_SYSTEM = Path("/proc/meminfo")
# The memory limit of a container, and what it uses of it.
_LIMIT, _USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
_EVERY = 0.02  # seconds


class PeakMemory:
    """Context manager that measures the peak of this process's resident memory.

    Memory is read every 20 ms. A shorter peak is missed, unless it is the highest since the process began. Free memory
    that the allocator holds is returned to the system first, which is possible with glibc only; elsewhere, memory that
    is used again is not counted.

    Attributes
    ----------
    bytes : int or None
        The difference between the peak and the memory at the start, after the block has ended; None on systems without
        ``/proc``.

    Examples
    --------
    >>> from gingham.comparison.memory import PeakMemory
    >>> with PeakMemory() as memory:
    ...     block = bytes(1000)
    >>> memory.bytes is None or memory.bytes >= 0
    True
    """

    bytes: int | None = None

    def __enter__(self) -> Self:
        if _STATUS.exists():
            _release_free_memory()
            self._start, self._peak_of_process = _resident()
            self._peak = self._start
            self._ended = threading.Event()
            self._thread = threading.Thread(target=self._watch, name="gingham-memory", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not _STATUS.exists():
            return
        self._ended.set()
        self._thread.join()
        _, peak_of_process = _resident()
        if peak_of_process > self._peak_of_process:
            self._peak = max(self._peak, peak_of_process)
        self.bytes = self._peak - self._start

    def _watch(self) -> None:
        # This file has one line of numbers, in pages; /proc/self/status takes longer to read.
        page = os.sysconf("SC_PAGE_SIZE")
        with open("/proc/self/statm", "rb", buffering=0) as statm:  # noqa: PTH123
            while not self._ended.wait(_EVERY):
                statm.seek(0)
                self._peak = max(self._peak, int(statm.read(64).split()[1]) * page)


def available_bytes() -> int | None:
    """Return how much memory this process can still get; None on systems without ``/proc``."""
    if not _SYSTEM.exists():
        return None
    lines = (line.split() for line in _SYSTEM.read_text(encoding="ascii").splitlines())
    free = [1024 * int(words[1]) for words in lines if words[0] == "MemAvailable:"]
    limit = _LIMIT.read_text(encoding="ascii").strip() if _LIMIT.exists() else "max"
    if limit.isdecimal():
        free.append(int(limit) - int(_USED.read_text(encoding="ascii")))
    return min(free, default=None)


def _release_free_memory() -> None:
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident() -> tuple[int, int]:
    """Return the resident memory now and its peak since the process began, in bytes."""
    lines = (line.split() for line in _STATUS.read_text(encoding="ascii").splitlines())
    kib = {words[0]: int(words[1]) for words in lines if words[0] in ("VmRSS:", "VmHWM:")}
    # Sandboxed kernels such as gVisor don't report the peak; then only the periodic readings count.
    return kib["VmRSS:"] * 1024, kib.get("VmHWM:", 0) * 1024
