"""What a command reports: tables for people, or one JSON document for programs."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from os import environ
from typing import Any

from gingham.cli.console import ConsoleProgress, print_text
from gingham.comparison import Comparison
from gingham.tables import Step


class Reporter(ConsoleProgress):
    """Prints the progress and the results of a command.

    Parameters
    ----------
    as_json : bool
        Whether the results are one JSON document on standard output, and nothing else.
    quiet : bool
        Whether stages, progress bars, messages and names of written files are left out.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self._as_json, self._quiet = as_json, quiet
        self._messages: list[str] = []
        self._steps: tuple[Step, ...] = ()
        if quiet:
            environ["TQDM_DISABLE"] = "1"  # for the processes of a search as well

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Show the name of a stage for as long as it lasts."""
        return nullcontext() if self._quiet else super().stage(name)

    def message(self, text: str) -> None:
        """Print a message on standard error; the document contains it, too."""
        self._messages.append(text)
        if not self._quiet:
            super().message(text)

    def result(self, result: object) -> None:
        """Print the steps of cleaning or a comparison; the document contains them, too."""
        if isinstance(result, tuple):
            self._steps = result
        if not self._as_json:
            super().result(result)

    def text(self, text: str) -> None:
        """Print a result for people."""
        if not self._as_json:
            print_text(text)

    def written(self, text: str) -> None:
        """Print what was written, and what to do next."""
        if not (self._as_json or self._quiet):
            print_text(text)

    def document(self, content: Mapping[str, Any]) -> None:
        """Print the results for programs."""
        if self._as_json:
            print(json.dumps(content, indent=2, default=str))  # in ASCII, which every terminal shows

    def whole(self, comparison: Comparison | None, /, **more: Any) -> dict[str, Any]:
        """Return the steps, messages and comparison as JSON values, after `more`."""
        steps = [asdict(step) for step in self._steps]
        results = {} if comparison is None else comparison.to_dict()
        return {**more, "steps": steps, "messages": self._messages, **results}
