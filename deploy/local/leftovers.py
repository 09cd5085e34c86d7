"""Processes that a stack left behind when it was killed. Knows how to find and end them; knows nothing of what they do.

Each process of a stack carries the stack's folder in its environment, and hands it on to what it starts itself.
"""

import os
from pathlib import Path

import psutil
from truscore.process.reaper import end_processes

MARK = "TRUSCORE_STACK_FOLDER"
GRACE_S = 15.0


def leftovers(folder: Path) -> list[psutil.Process]:
    """The processes that belong to a stack in this folder, without this one."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _belongs(process, folder)]


def end_leftovers(folder: Path, *, grace_s: float = GRACE_S) -> int:
    """End what a stack in this folder left behind; returns how many processes there were."""
    left = leftovers(folder)
    end_processes(left, grace_s=grace_s)
    return len(left)


def _belongs(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(folder) and _sees_our_files(process)
    except (psutil.Error, OSError):  # another user's, or gone meanwhile
        return False


def _sees_our_files(process: psutil.Process) -> bool:
    """In a container whose processes are seen here a folder of that name is another one."""
    root = Path("/proc") / str(process.pid) / "root"
    return not root.exists() or root.samefile("/")
