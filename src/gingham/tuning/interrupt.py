"""Ctrl-C, heard only where the search can bear it."""

import signal
import threading
from collections.abc import Callable
from typing import Self


class Interrupt:
    """Within the block, Ctrl-C is a flag that `check` raises.

    An exception in the middle of a transaction would leave the database locked against what the search has yet to
    write: SQLAlchemy's sessions cannot be left at any point. A second Ctrl-C is raised at once, for whoever waits in
    vain. Where Ctrl-C is not Python's own (another thread, a program that handles or ignores it), nothing is changed.

    Parameters
    ----------
    wake : callable
        Ends whatever the search waits for. It is called by a signal handler, so it must be reentrant.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake, self._pressed = wake, False
        self._ours = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )

    def __enter__(self) -> Self:
        if self._ours:
            signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._pressed:
            raise KeyboardInterrupt

    def _press(self, *_: object) -> None:
        if self._pressed:
            raise KeyboardInterrupt
        self._pressed = True
        self._wake()
