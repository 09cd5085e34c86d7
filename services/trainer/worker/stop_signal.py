"""Requests to stop the running process: by the control file, or by SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

STOP_REQUESTS = ("cancel", "pause", "drain")


class StopSignal:
    """Looks at the control file; one that isn't there costs a system call. SIGTERM counts as "drain"."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._terminated = False

    def __call__(self) -> str:
        stop = self._written()
        return stop or ("drain" if self._terminated else "")

    @contextmanager
    def handling_sigterm(self) -> Iterator[None]:
        """Within it, SIGTERM stops nothing but is noted."""

        def note(number: int, frame: FrameType | None) -> None:
            self._terminated = True

        before = signal.signal(signal.SIGTERM, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def acknowledge(self, stop: str) -> None:
        """A pause and a drain are over with the process; a cancelled run must stay cancelled."""
        if stop != "cancel":
            self._control.unlink(missing_ok=True)

    def _written(self) -> str:
        try:
            stop = self._control.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
        return stop if stop in STOP_REQUESTS else ""
