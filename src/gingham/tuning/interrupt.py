"""Ctrl-C during a search, which ends the search between two writes to its database."""

import signal
import threading
from collections.abc import Callable
from typing import Self


class Interrupt:
    """Within the `with` block, Ctrl-C sets a flag, and `check` raises KeyboardInterrupt if the flag is set.

    An exception in the middle of a transaction would leave the database locked. A second Ctrl-C raises
    KeyboardInterrupt at once, in case the search doesn't react. In other threads than the main thread, and in programs
    with a signal handler of their own, Ctrl-C works as before.

    Parameters
    ----------
    wake : callable
        Ends the search's wait for messages. A signal handler calls it, so it must be reentrant.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake, self._pressed = wake, False
        self._enabled = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )

    def __enter__(self) -> Self:
        if self._enabled:
            signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
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
