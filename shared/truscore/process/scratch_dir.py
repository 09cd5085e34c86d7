"""A folder to work in that processes of one host share: each has one of its own there, and clears up after the dead."""

import os
import shutil
import socket
from pathlib import Path

import psutil


def claim_scratch_dir(folder: Path) -> Path:
    """An empty folder of our own within `folder`; what processes of this host that are gone have left is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname()
    own = folder / f"{host}.{os.getpid()}"
    for other in folder.glob(f"{host}.*"):
        number = other.name.removeprefix(f"{host}.")
        # In a container a service has the same number after each restart: what carries ours is from before.
        if number.isdecimal() and (other == own or not psutil.pid_exists(int(number))):
            shutil.rmtree(other, ignore_errors=True)
    own.mkdir()
    return own.resolve()
