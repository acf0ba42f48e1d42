"""A `Progress` that keeps what it receives."""

from contextlib import AbstractContextManager

from gingham.progress import Silent


class Recorder(Silent):
    """Keeps the stages, messages and results, each in the order of their arrival, and the order of all of them."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.messages: list[str] = []
        self.results: list[object] = []
        self.events: list[object] = []

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Keep the name of a stage."""
        self.stages.append(name)
        self.events.append(name)
        return super().stage(name)

    def message(self, text: str) -> None:
        """Keep a message."""
        self.messages.append(text)
        self.events.append(text)

    def result(self, result: object) -> None:
        """Keep an intermediate result."""
        self.results.append(result)
        self.events.append(result)
