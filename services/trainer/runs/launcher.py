"""How training processes are started: one directly, several under torchrun, each of them dying with its parent."""

from __future__ import annotations

import sys
from pathlib import Path

WORKER = "services.trainer.worker.main"
STANDBY = "services.trainer.worker.standby"


def worker_command(run_dir: Path, *, processes: int) -> list[str]:
    """The command that trains in a folder."""
    worker = [sys.executable, "-m", WORKER, "--run-dir", str(run_dir)]
    # One process has nobody to meet: torchrun would import torch a second time and hold a rendezvous, 3.6 s of a start.
    if processes == 1:
        return worker
    # Torchrun's workers are sessions of their own, so each watches its parent.
    dying = [sys.executable, "-m", "truscore.process.die_with_parent", "0"]
    elastic = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "--no-python"]
    # Otherwise each attempt leaves a folder in the machine's temporary one.
    elastic += ["--log-dir", str(run_dir / "torchrun")]
    return [sys.executable, *elastic, *dying, *worker]


def standby_command(link: int) -> list[str]:
    """The command of a process that waits for the folder it is to train in; ``link`` is its end of a socket."""
    return [sys.executable, "-m", STANDBY, str(link)]
