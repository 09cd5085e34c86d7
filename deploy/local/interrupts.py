"""Ending on Ctrl-C, SIGTERM and SIGHUP. Knows signals; knows nothing of what is ended."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import psutil
from truscore.process.reaper import kill_all

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible(on_first: Callable[[], None]) -> Iterator[None]:
    """The first signal calls `on_first` at once and raises KeyboardInterrupt; the next one kills every child process,
    so that whatever waits for them goes on."""
    interrupted = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            kill_all(psutil.Process().children(recursive=True))
            return
        interrupted = True
        on_first()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
