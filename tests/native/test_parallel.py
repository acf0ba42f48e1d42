import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from . import problem
from .problem import Model, Pairs, Settings


class Stop(Exception):
    pass


def long_epoch() -> tuple[Model, Pairs]:
    """Return an epoch that takes long: one user, one item, parameters that hardly move."""
    size = 6_000_000
    zeros, ones = np.zeros(size, np.int32), np.ones(size, np.float32)
    model = problem.blank(Settings("logistic", n_components=100, learning_rate=1e-9), 1, 1)
    pairs = Pairs(zeros, zeros, sp.csr_matrix(np.ones((1, 1), np.float32)), zeros[:1], target=ones)
    return model, pairs.grouped(block=4096)


def steps(model: Model) -> float:
    """Return the number of steps of a long epoch: each adds 1/4 to the memory of the user's bias."""
    return float(4 * (model.parts(model.users)[1][0, model.settings.n_components] - 1))


@pytest.mark.parametrize("num_threads", [1, 2])
def test_exception_in_progress_stops_the_epoch_and_is_raised(num_threads: int) -> None:
    model, pairs = long_epoch()
    calls: list[int] = []

    def progress(done: int) -> None:
        calls.append(done)
        raise Stop("enough")

    with pytest.raises(Stop, match="enough"):
        model.train(pairs, num_threads=num_threads, progress=progress)
    assert len(calls) == 1
    assert 0 < steps(model) < 0.9 * len(pairs)


def test_exception_in_a_signal_handler_stops_the_epoch_and_is_raised() -> None:
    model, pairs = long_epoch()

    def handler(*_: Any) -> None:
        raise Stop

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(Stop):
            model.train(pairs)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert 0 < steps(model) < 0.9 * len(pairs)


def test_progress_counts_steps() -> None:
    model, pairs = long_epoch()
    calls: list[int] = []
    model.train(pairs, progress=calls.append)
    assert calls == sorted(calls)
    assert calls[-1] == len(pairs)
    assert steps(model) == pytest.approx(len(pairs), rel=1e-3)


@pytest.mark.skipif(sys.platform != "linux", reason="reads its memory use from /proc")
@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer reserves the address space")
def test_failure_to_start_threads_is_an_error() -> None:
    # Threads keep their stacks until they are joined; the memory limit is too low for so many.
    code = """
import resource
from gingham import _native
from tests.native import boundary

arguments = boundary.calls()["rank_scores"]
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20), resource.RLIM_INFINITY))
try:
    _native.rank_scores(**arguments | {"num_threads": 500})
except RuntimeError:
    print("refused")
"""
    root = Path(__file__).parents[2]
    process = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (0, "refused\n"), process.stderr
