"""A training process that waits for its order: ``python -m services.trainer.worker.standby FD``.

It imports what training needs, says so on the socket FD, and trains in the folder that it is then sent, as
``services.trainer.worker.main`` would. It ends with whoever holds the other end.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module

from truscore.process.exit import exit_without_finalizing

WORKER = "services.trainer.worker.main"
LOWEST_PRIORITY = 19
LINE_LIMIT_BYTES = 64 << 10


def main(arguments: Sequence[str]) -> int:
    """Exit status: that of the training process; 0 where no order came."""
    with socket.socket(fileno=int(arguments[0])) as link:
        at_lowest_priority(lambda: import_module(WORKER))
        link.sendall(b"ready\n")
        order = _line(link)
        if not order:
            return 0
        # Whoever is not told so starts another process in the folder: nothing may be done there before.
        link.sendall(b"taken\n")
    run_dir: str = json.loads(order)["run_dir"]
    worker = import_module(WORKER)
    sys.argv = [str(worker.__file__), "--run-dir", run_dir]
    status: int = worker.main(sys.argv[1:])
    return status


def at_lowest_priority(action: Callable[[], object]) -> None:
    """Do it in a thread that gives way to whatever trains meanwhile.

    A process may lower its own priority but not raise it again; on Linux each thread has one of its own, and threads
    that torch makes later take that of the thread which makes them.
    """
    failures: list[BaseException] = []

    def act() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
        try:
            action()
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits
            failures.append(error)

    thread = threading.Thread(target=act, name="prepare")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _line(link: socket.socket) -> bytes:
    """Up to the end of the line; empty where the other end was closed before."""
    received = b""
    while not received.endswith(b"\n"):
        part = link.recv(LINE_LIMIT_BYTES)
        if not part or len(received) > LINE_LIMIT_BYTES:
            return b""
        received += part
    return received


if __name__ == "__main__":
    exit_without_finalizing(main(sys.argv[1:]))
