import os
import signal
import threading
from queue import SimpleQueue

import pytest

from gingham.tuning.interrupt import Interrupt


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_the_wait_and_is_raised_by_the_next_check() -> None:
    inbox: SimpleQueue[None] = SimpleQueue()
    threading.Timer(0.2, press_ctrl_c).start()
    with Interrupt(lambda: inbox.put(None)) as interrupt:
        interrupt.check()
        inbox.get(timeout=30)
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_is_raised_at_once() -> None:
    with Interrupt(lambda: None):
        press_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            press_ctrl_c()


def test_a_signal_handler_of_the_program_is_kept() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        with Interrupt(lambda: None) as interrupt:
            press_ctrl_c()
            interrupt.check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert received == [signal.SIGINT]


def test_another_thread_changes_nothing() -> None:
    def enter() -> None:
        with Interrupt(lambda: None):
            handlers.append(signal.getsignal(signal.SIGINT))

    handlers: list[object] = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
