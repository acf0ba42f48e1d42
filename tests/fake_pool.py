"""A pool of one worker whose trials have known results, in place of processes."""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

# The metric after each epoch of a trial with some parameters; None to work for ever.
Curve = Callable[[dict[str, Any]], list[float] | None]


class FakeWorker:
    """Answers as `gingham.tuning.trial_runner.run_worker` does."""

    exit_reason = "was not asked to end"

    def __init__(self, curve: Curve) -> None:
        self._curve = curve
        self.inbox: deque[dict[str, Any]] = deque()

    def send(self, message: Any) -> None:
        if isinstance(message, dict):
            self._values = self._curve(message["params"])
            self._epoch = 0
        elif not message:
            self.inbox.append({"result": None})
            return
        if self._values is None:
            return
        if self._epoch < len(self._values):
            self._epoch += 1
            value = self._values[self._epoch - 1]
            self.inbox.append({"epoch": self._epoch, "value": value, "loss": 1.0, "epochs": len(self._values)})
        else:
            self.inbox.append({"result": {"value": max(self._values), "epochs": self._epoch, "seconds": 1.0}})


def fake_pool(curve: Curve) -> type:
    """Return a class in place of `WorkerPool`."""

    class FakePool:
        def __init__(self, folder: Path, n_workers: int) -> None:
            self._worker = FakeWorker(curve)
            assert n_workers == 1, folder

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __iter__(self) -> Iterator[FakeWorker]:
            yield self._worker

        def receive(self, timeout: float) -> tuple[FakeWorker, dict[str, Any]] | None:
            assert timeout < 60
            return (self._worker, self._worker.inbox.popleft()) if self._worker.inbox else None

        def wake(self) -> None:
            pass

    return FakePool
