"""Ends the processes that are left when the one that started them dies. Knows process ids; knows nothing else.

Runs as a process of its own and reads "+pid" and "-pid" lines. Its standard input closes when its parent ends,
however that came about, SIGKILL included; what is still registered then is ended with all its descendants.
"""

import contextlib
import signal
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psutil import Process

GRACE_S = 15.0


def main() -> None:
    """Collect ids until the parent is gone, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    left: set[int] = set()
    for line in sys.stdin:
        sign, pid = line[0], int(line[1:])
        (left.add if sign == "+" else left.discard)(pid)
    if left:
        end_all(left, grace_s=GRACE_S)


def end_all(pids: Iterable[int], *, grace_s: float) -> None:
    """SIGTERM the processes, wait at most `grace_s`, and SIGKILL what is left of them and their descendants."""
    import psutil

    families = [family_of(pid) for pid in pids]
    for family in families:
        _signal(family[:1], signal.SIGTERM)
    psutil.wait_procs([family[0] for family in families if family], timeout=grace_s)
    kill_all(member for family in families for member in family)


def end_processes(processes: Iterable["Process"], *, grace_s: float) -> None:
    """SIGTERM to each, and SIGKILL after at most `grace_s` to those that are left."""
    import psutil

    terminated = list(processes)
    _signal(terminated, signal.SIGTERM)
    _, left = psutil.wait_procs(terminated, timeout=grace_s)
    kill_all(left)
    psutil.wait_procs(left, timeout=grace_s)


def family_of(pid: int) -> list["Process"]:
    """The process and its descendants, itself first; empty when it is gone."""
    # Imported late: this process idles beside everything that is started, and should weigh little.
    import psutil

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill_all(processes: Iterable["Process"]) -> None:
    """SIGKILL those that still are who they were: an id that went to another process is left alone."""
    _signal(processes, signal.SIGKILL)


def _signal(processes: Iterable["Process"], number: signal.Signals) -> None:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


if __name__ == "__main__":
    main()
