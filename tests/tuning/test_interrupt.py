import os
import signal
import threading
from queue import SimpleQueue

import pytest

from gingham.tuning.interrupt import Interrupt


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_waits_for_the_check_and_wakes_who_waits() -> None:
    inbox: SimpleQueue[None] = SimpleQueue()
    threading.Timer(0.2, press).start()
    with Interrupt(lambda: inbox.put(None)) as interrupt:
        interrupt.check()
        inbox.get(timeout=30)
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_is_raised_at_once() -> None:
    with Interrupt(lambda: None):
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_a_program_that_handles_ctrl_c_goes_on_doing_so() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with Interrupt(lambda: None) as interrupt:
            press()
            interrupt.check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_another_thread_changes_nothing() -> None:
    def enter() -> None:
        with Interrupt(lambda: None):
            seen.append(signal.getsignal(signal.SIGINT))

    seen: list[object] = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
