"""Worker processes, as the search sees them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Self, TypeAlias

from gingham.tuning.trial_runner import log_of

# A worker and what it says; None is its last message, of one that ended.
Heard: TypeAlias = tuple["Worker", dict[str, Any] | None]

# What a trial no longer needs goes back to the system at once (glibc's malloc; others don't know the variable): a fifth
# of a worker's own memory on Ta-Feng.
_THRIFTY = {"MALLOC_MMAP_THRESHOLD_": "1000000"}


class Worker:
    """One process that tries parameters, by its number in a nursery."""

    def __init__(self, number: int, nursery: "_Nursery") -> None:
        self.number, self._nursery = number, nursery
        self._ended: tuple[int, Path] | None = None

    def send(self, message: Any) -> None:
        """Tell it something; what it no longer hears is lost."""
        self._nursery.ask(self.number, "tell", message)

    def end(self) -> None:
        """Kill it."""
        self._nursery.ask(self.number, "end")

    def ended(self, code: int, log: Path) -> None:
        """Hear that it ended, with which code, and where it may have said why."""
        self._ended = code, log

    def why_ended(self) -> str:
        """Say in a few words why it is no more."""
        assert self._ended is not None
        code, log = self._ended
        if code < 0:
            return f"was killed ({signal.Signals(-code).name})"
        lines = log.read_text(errors="replace").split("\n") if log.exists() else []
        said = next((line.strip() for line in reversed(lines) if line.strip()), "without a word")
        return f"ended with code {code} ({said})"


class _Nursery:
    """The process that workers come from: see `gingham.tuning.server`."""

    def __init__(self, folder: Path, inbox: SimpleQueue[Heard | None]) -> None:
        self._folder, self._inbox = folder, inbox
        self._log = folder / "nursery.log"
        with self._log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gingham.tuning.server", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **_THRIFTY},
                # Ctrl-C is for the search, which decides what becomes of its workers.
                start_new_session=True,
            )
        self._workers: dict[int, Worker] = {}
        self._lock, self._gone = Lock(), False
        self._listening = Thread(target=self._listen, daemon=True)
        self._listening.start()

    def begin(self, number: int) -> Worker | None:
        """Start a worker; None if the nursery is gone."""
        with self._lock:
            if self._gone:
                return None
            worker = self._workers[number] = Worker(number, self)
        self.ask(number, "begin")
        return worker

    def ask(self, number: int, verb: str, *what: Any) -> None:
        """Ask it to do something with a worker."""
        assert self._process.stdin is not None
        if self._gone:
            return
        with suppress(BrokenPipeError):  # that it is gone is told by the last messages of its workers
            self._process.stdin.write(f"{json.dumps((number, verb, *what))}\n")
            self._process.stdin.flush()

    def end(self) -> None:
        """Kill it and all workers, and wait until they are gone."""
        with self._lock:
            if not self._gone:
                self._kill()
        self._listening.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):  # of a message that it never read
                stream.close()

    def _kill(self) -> None:
        # macOS forbids to kill what has ended.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):  # it ended in the middle of a line
            for line in self._process.stdout:
                number, verb, what = json.loads(line)
                if verb == "said":
                    self._inbox.put((self._workers[number], what))
                else:
                    with self._lock:
                        worker = self._workers.pop(number)
                    self._lose(worker, what, log_of(self._folder, number))
        # Workers must not outlive it: nobody would hear them.
        self._kill()
        with self._lock:
            code, self._gone = self._process.wait(), True
        for worker in self._workers.values():
            self._lose(worker, code, self._log)

    def _lose(self, worker: Worker, code: int, log: Path) -> None:
        worker.ended(code, log)
        self._inbox.put((worker, None))


class Workers:
    """So many workers on the same job; leaving the block ends them."""

    def __init__(self, folder: Path, n: int) -> None:
        self._folder, self._n = folder, n
        # Reentrant, as `wake` must be, which leaves None.
        self._inbox: SimpleQueue[Heard | None] = SimpleQueue()
        self._started = 0
        self._all: list[Worker] = []

    def __enter__(self) -> Self:
        self._nursery = _Nursery(self._folder, self._inbox)
        while len(self._all) < self._n:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._nursery.end()

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._all))

    def next(self, timeout: float) -> Heard | None:
        """Wait for what a worker says next, for so many seconds; None if none says anything, or `wake` ended it."""
        try:
            heard = self._inbox.get(timeout=max(0.0, timeout))
        except Empty:
            return None
        return heard if heard is not None and heard[0] in self._all else None  # not the last words of one replaced

    def wake(self) -> None:
        """End the wait in `next`."""
        self._inbox.put(None)

    def replace(self, worker: Worker) -> None:
        """Start another in place of one that ended."""
        worker.end()
        self._all.remove(worker)
        self._start()

    def _start(self) -> None:
        self._started += 1
        worker = self._nursery.begin(self._started)
        if worker is None:
            self._nursery.end()
            self._nursery = _Nursery(self._folder, self._inbox)
            self._start()
        else:
            self._all.append(worker)
