"""The engine that proves a file, begun as soon as the file's answers are kept: it runs while metrics are measured."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from truscore.catalog.export_formats import FORMATS

from services.exporter.child.engine_pictures import RUNTIME, write_proof
from services.exporter.child.export_target import Picture
from services.exporter.engine_process import ENGINE


class EarlyEngine:
    """For a child that makes one file. What it leaves is what a later engine would leave; where it leaves nothing, a
    later one is run."""

    def __init__(self, folder: Path, pictures: Sequence[str | Picture]) -> None:
        self._folder = folder
        self._pictures = pictures
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, format: str, file_name: str) -> None:
        """Nothing is started for files that no engine without torch runs."""
        if FORMATS[format].runtime == RUNTIME:
            write_proof(self._folder, {format: file_name}, self._pictures)
            # In this process's group and below it: bounded with it, and ended with it.
            self._process = subprocess.Popen(
                [sys.executable, str(ENGINE), str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def wait(self) -> None:
        if self._process is not None:
            self._process.wait()
