"""How much memory a piece of work takes."""

import ctypes
import gc
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_STATUS = Path("/proc/self/status")
_EVERY = 0.02  # seconds


class PeakMemory:
    """Watches this process's resident memory as long as its block lasts.

    It looks every 20 ms, so that a peak in between is missed unless it is the highest since the process began. What the
    allocator keeps of earlier work is given back first where it can be (with glibc); elsewhere, memory that is used
    again is not seen.

    Attributes
    ----------
    bytes : int or None
        The peak over what was resident at the start, once the block has ended; None where there is no ``/proc``.
    """

    bytes: int | None = None

    def __enter__(self) -> Self:
        if _STATUS.exists():
            _give_back()
            self._start, self._highest_ever = _resident()
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
        _, highest_ever = _resident()
        if highest_ever > self._highest_ever:
            self._peak = max(self._peak, highest_ever)
        self.bytes = self._peak - self._start

    def _watch(self) -> None:
        # One line of numbers, in pages; the status file that tells the highest value takes longer to read.
        page = os.sysconf("SC_PAGE_SIZE")
        with open("/proc/self/statm", "rb", buffering=0) as statm:  # noqa: PTH123
            while not self._ended.wait(_EVERY):
                statm.seek(0)
                self._peak = max(self._peak, int(statm.read(64).split()[1]) * page)


def _give_back() -> None:
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident() -> tuple[int, int]:
    """Read how much is resident now, and how much was at most."""
    lines = (line.split() for line in _STATUS.read_text(encoding="ascii").splitlines())
    kib = {words[0]: int(words[1]) for words in lines if words[0] in ("VmRSS:", "VmHWM:")}
    # Sandboxed kernels such as gVisor's keep no highest value; looking every now and then is all there is then.
    return kib["VmRSS:"] * 1024, kib.get("VmHWM:", 0) * 1024
