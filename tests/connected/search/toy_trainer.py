"""A trainer as it is, but that its training processes train a number: `python -m tests.connected.search.toy_trainer`.

Their gates are in the folder that TRUSCORE_TOY_GATES names.
"""

import os
import sys
from pathlib import Path

from services.trainer import app
from tests.unit.trainer.service.stand import CHILD

GATES = "TRUSCORE_TOY_GATES"


def toy_command(run_dir: Path, *, processes: int) -> list[str]:
    """The command that trains in a folder."""
    return [sys.executable, str(CHILD), "--run-dir", str(run_dir), "--gates", os.environ[GATES], "--epochs", "2"]


if __name__ == "__main__":
    app.worker_command = toy_command
    app.main()
