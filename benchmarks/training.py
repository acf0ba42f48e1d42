"""Training on any number of threads compared with the lock-free kernel that preceded it: `make bench-training`.

The other side is commit `LOCK_FREE` of this repository, built with the same compiler. Each side has a process of its
own that trains only while the other one waits.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from table import Row, report

REPOSITORY = Path(__file__).parent.parent
LOCK_FREE = "a792ab0"
BUILT = REPOSITORY / "build" / "lock-free"
ROUNDS = 7
LOSSES = ("warp", "bpr", "logistic", "warp-kos")
MOST = {"identity": 1.0, "features": 1.05}


def main() -> None:
    """Run all parts, or those named as arguments."""
    if not BUILT.exists():
        source = f"gingham @ git+file://{REPOSITORY.resolve()}@{LOCK_FREE}"
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(BUILT), source)
        subprocess.run(pip, check=True)
    packages = ("gingham", "numpy", "scipy")
    report((alone, many_threads, busy_core, two_threads), "training", packages, Sides(), rounds=ROUNDS)


class Side:
    """A process that trains with one version of the package."""

    def __init__(self, site: Path | None) -> None:
        environment = {**os.environ, "PYTHONPATH": str(site)} if site else os.environ
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("training_side.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._process.stdout.readline()

    def seconds(self, loss: str, rows: str, threads: int) -> float:
        """Return the seconds of an epoch."""
        self._process.stdin.write(f"{loss} {rows} {threads}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Sides:
    """The lock-free kernel and the present one."""

    def __init__(self) -> None:
        self._lock_free, self._present = Side(BUILT), Side(None)

    def compare(self, what: str, most: float, *work: str | int) -> Row:
        """Compare the time of an epoch."""
        for side in (self._lock_free, self._present):
            side.seconds(*work)
        pairs = [(self._lock_free.seconds(*work), self._present.seconds(*work)) for _ in range(ROUNDS)]
        before, now = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(present / lock_free for lock_free, present in pairs)
        detail = f"{1000 * before:.0f} ms / {1000 * now:.0f} ms; ratio of the medians {now / before:.2f}"
        return Row(what, f"<= {most:g}x", f"{ratio:.2f}x", ratio <= most, detail)

    def speed_up(self, *work: str) -> Row:
        """Compare two threads with one."""
        pairs = [(self._present.seconds(*work, 1), self._present.seconds(*work, 2)) for _ in range(ROUNDS + 1)][1:]
        ratio = statistics.median(one / two for one, two in pairs)
        return Row(f"two threads and one, {', '.join(work)}", ">= 1.8x", f"{ratio:.2f}x", ratio >= 1.8, "")


def alone(sides: Sides) -> Iterator[Row]:
    """Compare epochs on one and two threads."""
    for rows, most in MOST.items():
        for loss in LOSSES:
            for threads in (1, 2):
                what = f"{loss}, {rows}, {threads} thread{'s' * (threads > 1)}"
                yield sides.compare(what, most, loss, rows, threads)


def many_threads(sides: Sides) -> Iterator[Row]:
    """Compare epochs on eight threads, on any number of cores."""
    for rows in MOST:
        for loss in LOSSES:
            yield sides.compare(f"{loss}, {rows}, 8 threads", 1.2, loss, rows, 8)


def busy_core(sides: Sides) -> Iterator[Row]:
    """Compare epochs on two threads, while another process keeps a core busy."""
    for rows in MOST:
        for loss in LOSSES:
            with busy():
                yield sides.compare(f"{loss}, {rows}, 2 threads, a busy core", 1.2, loss, rows, 2)


def two_threads(sides: Sides) -> Iterator[Row]:
    """Compare two threads with one."""
    for rows in MOST:
        for loss in LOSSES:
            yield sides.speed_up(loss, rows)


# Ends with its parent, even if that is killed.
SPIN = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"


@contextmanager
def busy() -> Iterator[None]:
    """Keep the last core busy."""
    process = subprocess.Popen([sys.executable, "-c", SPIN])
    os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
