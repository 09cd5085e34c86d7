"""The folder that datasets are read in. Several validators may share it."""

import os
import shutil
import socket
from pathlib import Path

import psutil


def claim_scratch_dir(folder: Path) -> Path:
    """A folder of our own within `folder`; what validators that are gone have left there is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname()
    own = folder / f"{host}.{os.getpid()}"
    for other in folder.glob(f"{host}.*"):
        number = other.name.rpartition(".")[2]
        # In a container a service has the same number after each restart: what carries ours is from before.
        if number.isdecimal() and (other == own or not psutil.pid_exists(int(number))):
            shutil.rmtree(other, ignore_errors=True)
    own.mkdir()
    return own.resolve()
