import threading
from pathlib import Path

import numpy as np
import pytest

from gingham.comparison import memory
from gingham.comparison.memory import PeakMemory

MB = 1_000_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_the_peak_is_seen_after_it_has_passed() -> None:
    # The first is the highest since the process began; the second is found by looking, so it lasts until it was seen.
    with PeakMemory() as first:
        block = np.ones(600 * MB // 8)
        del block
    assert first.bytes is not None
    assert 550 * MB < first.bytes < 700 * MB
    with PeakMemory() as second:
        block = np.ones(200 * MB // 8)
        while second._peak < second._start + 150 * MB:
            pass
        del block
    assert second.bytes is not None
    assert 150 * MB < second.bytes < 300 * MB
    assert not [thread for thread in threading.enumerate() if thread.name == "gingham-memory"]


def test_without_proc_it_is_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    with PeakMemory() as peak:
        pass
    assert peak.bytes is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_a_kernel_without_a_highest_value_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("VmRSS:\t1 kB\n", encoding="ascii")
    monkeypatch.setattr(memory, "_STATUS", status)
    with PeakMemory() as peak:
        while peak._peak == peak._start:
            pass
    assert peak.bytes is not None
    assert peak.bytes > 10 * MB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_an_error_ends_the_watch_and_passes_through() -> None:
    with pytest.raises(KeyError), PeakMemory():
        raise KeyError
    assert not [thread for thread in threading.enumerate() if thread.name == "gingham-memory"]
