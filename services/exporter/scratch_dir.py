"""The folder that artefacts are made in; several exporters may share it."""

import os
import shutil
import socket
from pathlib import Path

import psutil


def cleared(folder: Path) -> Path:
    """Our own folder within it, empty. What exporters of this host that are gone left behind is removed."""
    host, own_number = socket.gethostname(), os.getpid()
    for left in folder.glob(f"{host}.*"):
        number = left.name.removeprefix(f"{host}.")
        # A container gives each start the same number: what carries ours is from the one before.
        if number.isdecimal() and (int(number) == own_number or not psutil.pid_exists(int(number))):
            shutil.rmtree(left)
    own = folder / f"{host}.{own_number}"
    own.mkdir(parents=True)
    return own.resolve()
