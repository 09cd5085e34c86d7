"""Runs a command that dies with its parent (Linux): `python -m services.trainer.runs.die_with_parent PID COMMAND...`.

The kernel's parent-death signal survives exec, so a trainer that is killed outright leaves no training process behind
that would go on writing, and torchrun's workers (sessions of their own) end with torchrun. PID 0 is whoever
started us.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
INIT = 1


def main(arguments: list[str]) -> None:
    named_parent, command = int(arguments[0]), arguments[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    parent = os.getppid()
    if parent != named_parent if named_parent else parent == INIT:  # it died before the signal was set
        os.kill(os.getpid(), signal.SIGKILL)
    os.execvp(command[0], command)  # noqa: S606  no shell: the arguments are ours


if __name__ == "__main__":
    main(sys.argv[1:])
