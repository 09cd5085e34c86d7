"""The end of a process whose libraries have threads that outlive it."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn


def exit_without_finalizing(status: int) -> NoReturn:
    """End the process once its exit handlers have run and its output is written; the interpreter is not taken down.

    A C++ thread that wants the interpreter's lock while that is taken down is ended by unwinding its stack, which
    aborts the process where a frame may not throw (Python before 3.14: gh-87135). Threads of torch's process groups
    do: of 38 pairs of processes that had trained well two died so (SIGABRT), and their run would have with them.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
