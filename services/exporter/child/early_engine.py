"""The engine that proves a file, begun as soon as the file's answers are kept: it runs while metrics are measured."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from truscore.catalog.export_formats import FORMATS

from services.exporter.child.engine_pictures import RUNTIME, write_proof
from services.exporter.child.export_target import Picture
from services.exporter.engine.files import GO, LOAD, PROOF
from services.exporter.engine_process import ENGINE


class EarlyEngine:
    """For a child that makes one file. What it leaves is what a later engine would leave; where it leaves nothing, a
    later one is run."""

    def __init__(self, folder: Path, pictures: Sequence[str | Picture]) -> None:
        self._folder = folder
        self._pictures = pictures
        self._process: subprocess.Popen[bytes] | None = None
        self._started = False
        self._loading = False

    def prepare(self, format: str, file_name: str) -> None:
        """Has the engine import what it needs and decode the pictures, beside what is done here. Nothing is begun for
        files that no engine without torch runs."""
        if FORMATS[format].runtime == RUNTIME and self._process is None:
            write_proof(self._folder, {format: file_name}, self._pictures)
            # In this process's group and below it: bounded with it, and ended with it.
            self._process = subprocess.Popen(
                [sys.executable, str(ENGINE), str(self._folder), "--wait"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def load(self) -> None:
        """The file is there: have it loaded, beside what is done here."""
        self._say(LOAD)
        self._loading = self._process is not None

    def wait_loaded(self) -> None:
        """Until it is, or the engine has died: a later engine is run then. What is measured next is measured alone."""
        if self._loading and self._process is not None and self._process.stdout is not None:
            self._process.stdout.readline()
        self._loading = False

    def start(self, format: str, file_name: str) -> None:
        """The file is there, and its maker's answers."""
        self.prepare(format, file_name)
        self._started = self._process is not None
        self._say(GO)

    def wait(self) -> None:
        """For its result or, where it was not started, for its end: there is nothing to prove then."""
        if self._process is not None:
            self._process.communicate()
            if not self._started:
                (self._folder / PROOF).unlink()

    def _say(self, line: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it died: a later engine is run
                self._process.stdin.write(line)
                self._process.stdin.flush()
