"""A standby process without torch: it keeps the contract of the socket, and trains as small_child does.

What it is to do wrong is in ``--misbehave``.
"""

import json
import os
import runpy
import signal
import socket
import sys
from pathlib import Path


def main() -> None:
    fd, gates, misbehave = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    (gates / "standby-pid").write_text(str(os.getpid()))
    if misbehave == "fail at start":
        sys.exit("no torch here")
    if misbehave == "print":
        sys.stdout.write("x" * (1 << 17))
        sys.stdout.flush()
    with socket.socket(fileno=fd) as link:
        link.sendall(b"ready\n")
        order = link.makefile("rb").readline()
        if not order:
            return
        if misbehave == "die before taking":
            os.kill(os.getpid(), signal.SIGKILL)
        link.sendall(b"taken\n")
    if misbehave == "die after taking" and not (gates / "died").exists():
        (gates / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    child = Path(__file__).with_name("small_child.py")
    sys.argv = [str(child), "--run-dir", json.loads(order)["run_dir"], "--gates", str(gates)]
    runpy.run_path(str(child), run_name="__main__")


if __name__ == "__main__":
    main()
