"""How long work reports what it is doing: one protocol for runs, comparisons and searches."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """Receives the stages, messages and intermediate results of long work."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Return a context manager that lasts as long as the stage."""

    def message(self, text: str) -> None:
        """Report an event in one sentence."""

    def result(self, result: object) -> None:
        """Report an intermediate result, such as the steps of cleaning or a comparison, while the work goes on."""


class Silent:
    """A `Progress` that shows nothing."""

    def stage(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """Do nothing."""
        return nullcontext()

    def message(self, text: str) -> None:
        """Do nothing."""

    def result(self, result: object) -> None:
        """Do nothing."""
