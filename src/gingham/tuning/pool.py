"""Worker processes from the point of view of the search."""

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

from gingham.tuning.trial_runner import worker_log

# A worker and its message; None instead of a message means that the worker has ended.
Message: TypeAlias = tuple["Worker", dict[str, Any] | None]

# Makes glibc's malloc return the memory of a finished trial to the system at once (other allocators ignore it). On
# Ta-Feng this saved a fifth of a worker's own memory.
_MALLOC_SETTINGS = {"MALLOC_MMAP_THRESHOLD_": "1000000"}


class Worker:
    """A worker process, identified by its number in a `ServerProcess`."""

    def __init__(self, number: int, server: "ServerProcess") -> None:
        self.number, self._server = number, server
        self._exit: tuple[int, Path] | None = None

    def send(self, message: Any) -> None:
        """Send a message; it is lost if the worker has ended."""
        self._server.request(self.number, "send", message)

    def kill(self) -> None:
        """Kill the process."""
        self._server.request(self.number, "kill")

    def set_exit(self, code: int, log: Path) -> None:
        """Record that the process ended: its exit code, and the log that may contain the reason."""
        self._exit = code, log

    @property
    def exit_reason(self) -> str:
        """Why the process ended, in a few words that continue a sentence on the worker."""
        assert self._exit is not None
        code, log = self._exit
        if code < 0:
            return f"was killed ({signal.Signals(-code).name})"
        lines = log.read_text(errors="replace").split("\n") if log.exists() else []
        last_line = next((line.strip() for line in reversed(lines) if line.strip()), "without a message")
        return f"ended with code {code} ({last_line})"


class ServerProcess:
    """The process that starts workers (see `gingham.tuning.server`), and the connection to it.

    Parameters
    ----------
    folder : Path
        The job.
    inbox : SimpleQueue
        Receives the messages of all workers.
    """

    def __init__(self, folder: Path, inbox: SimpleQueue[Message | None]) -> None:
        self._folder, self._inbox = folder, inbox
        self._log = folder / "server.log"
        with self._log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gingham.tuning.server", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **_MALLOC_SETTINGS},
                # The search alone handles Ctrl-C, and decides when its workers end.
                start_new_session=True,
            )
        self._workers: dict[int, Worker] = {}
        self._lock, self._ended = Lock(), False
        self._reader = Thread(target=self._read_messages, daemon=True)
        self._reader.start()

    def start_worker(self, number: int) -> Worker | None:
        """Start a worker; return None if the server has ended."""
        with self._lock:
            if self._ended:
                return None
            worker = self._workers[number] = Worker(number, self)
        self.request(number, "start")
        return worker

    def request(self, number: int, action: str, *arguments: Any) -> None:
        """Request an action ("start", "send" or "kill") for a worker."""
        assert self._process.stdin is not None
        if self._ended:
            return
        with suppress(BrokenPipeError):  # the server has ended; each of its workers then gets a last message
            self._process.stdin.write(f"{json.dumps((number, action, *arguments))}\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Kill the server and its workers, and wait until they have ended."""
        with self._lock:
            if not self._ended:
                self._kill()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):  # a request that the server has not read
                stream.close()

    def _kill(self) -> None:
        # macOS raises PermissionError for a process that has ended.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _read_messages(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):  # the server ended in the middle of a line
            for line in self._process.stdout:
                number, event, content = json.loads(line)
                if event == "message":
                    self._inbox.put((self._workers[number], content))
                else:
                    with self._lock:
                        worker = self._workers.pop(number)
                    self._report_exit(worker, content, worker_log(self._folder, number))
        # Workers can't reach the search without the server, so they end with it.
        self._kill()
        with self._lock:
            code, self._ended = self._process.wait(), True
        for worker in self._workers.values():
            self._report_exit(worker, code, self._log)

    def _report_exit(self, worker: Worker, code: int, log: Path) -> None:
        worker.set_exit(code, log)
        self._inbox.put((worker, None))


class WorkerPool:
    """A fixed number of workers on one job. Leaving the `with` block ends them.

    Parameters
    ----------
    folder : Path
        The job, as `gingham.tuning.job.write_job` writes it.
    n_workers : int
        The number of workers.
    """

    def __init__(self, folder: Path, n_workers: int) -> None:
        self._folder, self._n_workers = folder, n_workers
        # SimpleQueue is reentrant, so that a signal handler may call `wake`, which puts None.
        self._inbox: SimpleQueue[Message | None] = SimpleQueue()
        self._n_started = 0
        self._workers: list[Worker] = []

    def __enter__(self) -> Self:
        self._server = ServerProcess(self._folder, self._inbox)
        while len(self._workers) < self._n_workers:
            self._start_worker()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._workers))

    def receive(self, timeout: float) -> Message | None:
        """Return the next message of a worker, or None after `timeout` seconds or a call of `wake`."""
        try:
            message = self._inbox.get(timeout=max(0.0, timeout))
        except Empty:
            return None
        # A worker that was replaced may have left messages.
        return message if message is not None and message[0] in self._workers else None

    def wake(self) -> None:
        """Make `receive` return."""
        self._inbox.put(None)

    def replace(self, worker: Worker) -> None:
        """Kill a worker and start another one."""
        worker.kill()
        self._workers.remove(worker)
        self._start_worker()

    def _start_worker(self) -> None:
        self._n_started += 1
        worker = self._server.start_worker(self._n_started)
        if worker is None:
            self._server.close()
            self._server = ServerProcess(self._folder, self._inbox)
            self._start_worker()
        else:
            self._workers.append(worker)
