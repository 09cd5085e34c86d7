"""A service as it is, that says what its memory is made of: ``python -m tests.measuring.measured_service NAME SOCKET``.

Who connects to the socket and sends a line is answered by one of JSON: counts after all garbage was collected.
"""

import ctypes
import gc
import importlib
import json
import os
import socket
import sys
import threading
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

GLIBC_FIELDS = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"
)  # fmt: skip


class _Mallinfo(ctypes.Structure):
    # https://man7.org/linux/man-pages/man3/mallinfo.3.html
    _fields_ = [(name, ctypes.c_size_t) for name in GLIBC_FIELDS]


def account(*, trim: bool = False) -> dict[str, Any]:
    """Of this process alone, in bytes and counts. ``trim`` gives free memory back to the system first."""
    for _ in range(3):
        gc.collect()
    glibc = ctypes.CDLL("libc.so.6")
    if trim:
        glibc.malloc_trim(0)
    process = psutil.Process()
    held = process.memory_full_info()
    mallinfo = glibc.mallinfo2
    mallinfo.restype = _Mallinfo
    heap = mallinfo()
    return {
        "rss": held.rss,
        "pss": held.pss,
        "heap_used": heap.uordblks + heap.hblkhd,
        "heap_free": heap.fordblks,
        "blocks": sys.getallocatedblocks(),
        "objects": len(gc.get_objects()),
        "traced": tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0,
        "threads": process.num_threads(),
        "files": process.num_fds(),
        "modules": len(sys.modules),
    }


def types(most: int = 400) -> dict[str, int]:
    """How many objects there are of each type that the collector knows."""
    counted = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    return dict(counted.most_common(most))


def answer(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("rw") as lines:
                asked = lines.readline().strip()
                lines.write(json.dumps(_answer(asked)) + "\n")


def _answer(asked: str) -> Any:
    match asked:
        case "types":
            return types()
        case "trace":
            tracemalloc.start(12)
            return {}
        case "lines":
            gc.collect()
            stats = tracemalloc.take_snapshot().statistics("traceback")
            return [{"bytes": each.size, "count": each.count, "at": each.traceback.format()} for each in stats[:400]]
        case "trim":
            return account(trim=True)
        case _:
            return account()


def main() -> None:
    name, path = sys.argv[1:]
    if os.environ.get("TRUSCORE_TOY_GATES"):
        from services.trainer import app
        from tests.connected.search.toy_trainer import toy_command

        padding = ["--padding", os.environ.get("TRUSCORE_TOY_PADDING", "0")]
        app.worker_command = lambda folder, processes: [*toy_command(folder, processes=processes), *padding]
    threading.Thread(target=answer, args=(Path(path),), daemon=True).start()
    del sys.argv[1:]  # the service's own arguments: none
    importlib.import_module(f"services.{name}.app").main()


if __name__ == "__main__":
    main()
