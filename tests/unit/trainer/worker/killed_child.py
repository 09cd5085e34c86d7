"""A training process that is killed in the second fold of its run, each time there. Its folder is the argument."""

import os
import signal
import sys
from pathlib import Path

from services.trainer.journal import FoldProgressed, records_of
from services.trainer.worker.devices import deterministic
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.main import perform
from services.trainer.worker.run_dir import RunDir
from services.trainer.worker.stop_signal import StopSignal


class Killed(StopSignal):
    """Looks before every step; what kills doesn't run beside what it kills, and can't come too late."""

    def __init__(self, run_dir: RunDir) -> None:
        super().__init__(run_dir.control)
        self._journal = run_dir.journal

    def __call__(self) -> str:
        if any(isinstance(record, FoldProgressed) and record.fold == 2 for record in records_of(self._journal)):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__()


if __name__ == "__main__":
    folder = RunDir(path=Path(sys.argv[1]))
    with deterministic():
        perform(folder, group=WorkerGroup(), stop_signal=Killed(folder))
