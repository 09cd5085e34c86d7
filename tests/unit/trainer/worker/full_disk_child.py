"""Trains in a folder on a disk that has as many bytes left as it is told, in a mount namespace of its own.

``python -m tests.unit.trainer.worker.full_disk_child FOLDER FREE_BYTES``: afterwards FOLDER holds what was left there.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from services.trainer.worker.main import main
from tests.small_disk import small_disk


def train(folder: Path, free_bytes: int) -> int:
    """The exit status of the training process."""
    with tempfile.TemporaryDirectory() as place, small_disk(Path(place), 64 << 20) as disk:
        shutil.copytree(folder, disk.folder, dirs_exist_ok=True)
        disk.fill(leave_bytes=free_bytes)
        status = main(["--run-dir", str(disk.folder)])
        shutil.copytree(disk.folder, folder, dirs_exist_ok=True)
    return status


if __name__ == "__main__":
    sys.exit(train(Path(sys.argv[1]), int(sys.argv[2])))
