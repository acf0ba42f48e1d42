"""Worker processes, as the search sees them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any, Self, TypeAlias

# A worker and what it says; None is its last message, of one that ended.
Heard: TypeAlias = tuple["Worker", dict[str, Any] | None]

# What a trial no longer needs goes back to the system at once (glibc's malloc; others don't know the variable): a fifth
# of a worker's own memory on Ta-Feng.
_THRIFTY = {"MALLOC_MMAP_THRESHOLD_": "1000000"}


class Worker:
    """One process that tries parameters; what it says goes to an inbox."""

    def __init__(self, folder: Path, log: Path, inbox: Queue[Heard]) -> None:
        self._log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gingham.tune.worker", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **_THRIFTY},
                # Ctrl-C is for the search, which decides what becomes of its workers.
                start_new_session=True,
            )
        Thread(target=self._listen, args=(inbox,), daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def send(self, message: Any) -> None:
        """Tell it something; what it no longer hears is lost."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # that it ended is told by its last message, an empty one
            self._process.stdin.write(f"{json.dumps(message)}\n")
            self._process.stdin.flush()

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):  # of a message that it never read
                stream.close()

    def why_ended(self) -> str:
        """Say in a few words why it is no more."""
        code = self._process.wait()
        if code < 0:
            return f"was killed ({signal.Signals(-code).name})"
        lines = self._log.read_text(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "without a word")
        return f"ended with code {code} ({said})"

    def _listen(self, inbox: Queue[Heard]) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):  # it ended in the middle of a line, or its stream was closed
            for line in self._process.stdout:
                inbox.put((self, json.loads(line)))
        inbox.put((self, None))


class Workers:
    """So many workers on the same job; leaving the block ends them."""

    def __init__(self, folder: Path, n: int) -> None:
        self._folder, self._n = folder, n
        self._inbox: Queue[Heard] = Queue()
        self._started = 0
        self._all: list[Worker] = []

    def __enter__(self) -> Self:
        while len(self._all) < self._n:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._all:
            worker.end()

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._all))

    def next(self, timeout: float) -> Heard | None:
        """Wait for what a worker says next, for so many seconds; None if none says anything."""
        try:
            return self._inbox.get(timeout=max(0.0, timeout))
        except Empty:
            return None

    def replace(self, worker: Worker) -> None:
        """Start another in place of one that ended."""
        worker.end()
        self._all.remove(worker)
        self._start()

    def _start(self) -> None:
        self._started += 1
        self._all.append(Worker(self._folder, self._folder / f"worker-{self._started}.log", self._inbox))
