"""Processes that die with their parent (Linux): `python -m truscore.process.die_with_parent PID COMMAND...`.

The kernel's parent-death signal survives exec, so a process that is killed outright leaves nothing behind that would go
on writing, and workers in sessions of their own end with whoever started them. PID 0 is whoever started us.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
INIT = 1


def main(arguments: list[str]) -> None:
    named_parent, command = int(arguments[0]), arguments[1:]
    end_with_parent(named_parent)
    os.execvp(command[0], command)  # noqa: S606  no shell: the arguments are ours


def end_with_parent(named_parent: int = 0) -> None:
    """Have the kernel kill this process when its parent ends; at once where the parent is not the one named any more.

    Raises OSError where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    parent = os.getppid()
    if parent != named_parent if named_parent else parent == INIT:  # it died before the signal was set
        os.kill(os.getpid(), signal.SIGKILL)


def end_with_stdin() -> None:
    """End this process when its standard input closes: nobody waits for it any more. Returns at once."""
    threading.Thread(target=_end_at_eof, daemon=True).start()


def _end_at_eof() -> None:
    os.read(0, 1)  # not through sys.stdin: a thread that holds its lock aborts the interpreter at its end
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
