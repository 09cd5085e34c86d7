"""How the training process is started: under torchrun, each of its processes dying with its parent."""

from __future__ import annotations

import sys
from pathlib import Path


def torchrun_command(run_dir: Path, *, processes: int, module: str = "services.trainer.worker.main") -> list[str]:
    """The command that trains in a folder. Torchrun's workers are sessions of their own, so each watches its parent."""
    dying = [sys.executable, "-m", "truscore.process.die_with_parent", "0"]
    elastic = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "--no-python"]
    # Otherwise each attempt leaves a folder in the machine's temporary one.
    elastic += ["--log-dir", str(run_dir / "torchrun")]
    return [sys.executable, *elastic, *dying, sys.executable, "-m", module, "--run-dir", str(run_dir)]
