import threading
from pathlib import Path

import numpy as np
import pytest

from gingham.comparison import memory
from gingham.comparison.memory import PeakMemory, available_bytes

MB = 1_000_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_the_peak_is_measured() -> None:
    # The first peak is the highest since the process began. The second is found by periodic readings only, so the block
    # lasts until it was read.
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


def test_without_proc_the_peak_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    with PeakMemory() as peak:
        pass
    assert peak.bytes is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_a_kernel_that_does_not_report_the_peak_is_supported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("VmRSS:\t1 kB\n", encoding="ascii")
    monkeypatch.setattr(memory, "_STATUS", status)
    with PeakMemory() as peak:
        while peak._peak == peak._start:
            pass
    assert peak.bytes is not None
    assert peak.bytes > 10 * MB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_an_error_ends_the_thread_and_is_raised() -> None:
    with pytest.raises(KeyError), PeakMemory():
        raise KeyError
    assert not [thread for thread in threading.enumerate() if thread.name == "gingham-memory"]


def test_the_memory_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("_SYSTEM", "MemTotal: 9 kB\nMemAvailable: 5 kB\n"), ("_LIMIT", "4000\n"), ("_USED", "1000\n")):
        monkeypatch.setattr(memory, name, tmp_path / name)
        (tmp_path / name).write_text(text)
    assert available_bytes() == 3000
    (tmp_path / "_LIMIT").write_text("max\n")
    assert available_bytes() == 5120
    (tmp_path / "_SYSTEM").unlink()
    assert available_bytes() is None
