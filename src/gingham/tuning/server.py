"""The process that starts workers: ``python -m gingham.tuning.server FOLDER``.

It imports once what a worker needs. Workers are forked from it and share the memory of the imported modules. All
messages between the search and the workers pass through this process: as lines of JSON on its standard input and
output.
"""

import gc
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from gingham.store import remove_abandoned
from gingham.tuning.job import import_model_modules
from gingham.tuning.trial_runner import run_worker

# On macOS, libraries may fail in a forked process, so a worker is a new interpreter there.
_CONTEXT = get_context("fork") if sys.platform == "linux" else get_context("spawn")


class WorkerServer:
    """The workers of one job, by number.

    Parameters
    ----------
    folder : Path
        The job.
    send_event : callable
        Sends an event to the search. It takes a worker's number, "message" or "exit", and the message or exit code.
    """

    def __init__(self, folder: Path, send_event: Callable[[int, str, Any], None]) -> None:
        self._folder, self._send_event = folder, send_event
        self._workers: dict[int, tuple[BaseProcess, Connection]] = {}

    @property
    def connections(self) -> dict[Connection, int]:
        """The connections to the living workers, with the workers' numbers."""
        return {connection: number for number, (_, connection) in self._workers.items()}

    def start(self, number: int) -> None:
        """Start a worker."""
        server_end, worker_end = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=run_worker, args=(self._folder, number, worker_end), daemon=True)
        process.start()
        worker_end.close()  # otherwise this process would not notice when the worker closes its end
        self._workers[number] = process, server_end

    def send(self, number: int, message: Any) -> None:
        """Send a message of the search to a worker; it is lost if the worker has ended."""
        if number in self._workers:
            try:
                self._workers[number][1].send(message)
            except OSError:
                self._remove(number)

    def forward(self, number: int) -> None:
        """Send a worker's next message, or its exit code if it has ended, to the search."""
        try:
            message = self._workers[number][1].recv()
        except (EOFError, OSError):
            self._remove(number)
        else:
            self._send_event(number, "message", message)

    def kill(self, number: int) -> None:
        """Kill a worker."""
        if number in self._workers:
            self._workers[number][0].kill()
            self._remove(number)

    def close(self) -> None:
        """Kill all workers."""
        for process, _ in self._workers.values():
            process.kill()
            process.join()

    def _remove(self, number: int) -> None:
        process, connection = self._workers.pop(number)
        connection.close()
        process.join()
        self._send_event(number, "exit", process.exitcode)


def main(folder: Path) -> None:
    """Serve the search until it ends. If it was killed, also remove the job."""
    import_model_modules(folder)

    def send_event(*event: Any) -> None:
        print(json.dumps(event), flush=True)

    server = WorkerServer(folder, send_event)
    # A garbage collection writes to every object that it visits, which would copy the shared memory.
    gc.freeze()
    # Without a buffer: `wait` doesn't see lines that wait in one.
    requests = FileIO(sys.stdin.fileno(), closefd=False)
    with suppress(BrokenPipeError):  # an event for a search that has ended
        while _handle_next(server, requests):
            pass
    server.close()
    # A search that is alive ends this process before it closes the connection.
    remove_abandoned(folder)


def _handle_next(server: WorkerServer, requests: FileIO) -> bool:
    """Handle the next messages of workers and requests of the search; return False if the search has ended."""
    actions: dict[str, Callable[..., None]] = {"start": server.start, "send": server.send, "kill": server.kill}
    connections = server.connections
    for ready in wait([requests.fileno(), *connections]):
        if isinstance(ready, Connection):
            server.forward(connections[ready])
        elif line := requests.readline():
            number, action, *arguments = json.loads(line)
            actions[action](number, *arguments)
            break  # the action may have closed a connection
        else:
            return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]))
