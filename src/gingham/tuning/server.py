"""The process that workers come from: ``python -m gingham.tuning.server FOLDER``.

It imports what a worker needs, once; workers are forked from it and share that memory. What the search and they tell
each other passes through it: it reads lines of JSON from standard input and writes them to standard output.
"""

import gc
import json
import sys
from collections.abc import Callable
from io import FileIO
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from gingham.tuning.trial_runner import work

# macOS can fork a process but not what its libraries do in it, so a worker starts afresh there.
_CONTEXT = get_context("fork") if sys.platform == "linux" else get_context("spawn")


class Nursery:
    """Workers on one job, by number.

    Parameters
    ----------
    folder : Path
        The job.
    say : callable
        Told a worker's number, "said" or "ended", and what it said or its exit code.
    """

    def __init__(self, folder: Path, say: Callable[[int, str, Any], None]) -> None:
        self._folder, self._say = folder, say
        self._all: dict[int, tuple[BaseProcess, Connection]] = {}

    @property
    def lines(self) -> dict[Connection, int]:
        """The numbers of the workers that live, by where they are heard."""
        return {line: number for number, (_, line) in self._all.items()}

    def begin(self, number: int) -> None:
        """Start a worker."""
        ours, theirs = _CONTEXT.Pipe()
        worker = _CONTEXT.Process(target=work, args=(self._folder, number, theirs), daemon=True)
        worker.start()
        theirs.close()  # so that its end is seen here
        self._all[number] = worker, ours

    def tell(self, number: int, message: Any) -> None:
        """Pass on what the search says; what nobody hears any more is lost."""
        if number in self._all:
            try:
                self._all[number][1].send(message)
            except OSError:
                self._ended(number)

    def hear(self, number: int) -> None:
        """Pass on what a worker says, or that it ended."""
        try:
            message = self._all[number][1].recv()
        except (EOFError, OSError):
            self._ended(number)
        else:
            self._say(number, "said", message)

    def end(self, number: int) -> None:
        """Kill a worker."""
        if number in self._all:
            self._all[number][0].kill()
            self._ended(number)

    def _ended(self, number: int) -> None:
        worker, line = self._all.pop(number)
        line.close()
        worker.join()
        self._say(number, "ended", worker.exitcode)


def main(folder: Path) -> None:
    """Do what standard input says, until it ends: whoever asked is gone then, and the workers go too."""

    def say(*line: Any) -> None:
        print(json.dumps(line), flush=True)

    nursery = Nursery(folder, say)
    # Collecting garbage writes to every object it looks at, and memory that is written to is no longer shared.
    gc.freeze()
    # Not buffered: a line that waits in a buffer would not be waited for.
    requests = FileIO(sys.stdin.fileno(), closefd=False)
    do: dict[str, Callable[..., None]] = {"begin": nursery.begin, "tell": nursery.tell, "end": nursery.end}
    while True:
        lines = nursery.lines
        for ready in wait([requests.fileno(), *lines]):
            if isinstance(ready, Connection):
                nursery.hear(lines[ready])
            elif line := requests.readline():
                number, verb, *what = json.loads(line)
                do[verb](number, *what)
                break  # a worker that was heard may be gone now
            else:
                return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
