"""What somebody asked of the running process: by the control file, or by SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

WISHES = ("cancel", "pause", "drain")


class Asked:
    """Looks at the control file; one that isn't there costs a system call. SIGTERM counts as "drain"."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._terminated = False

    def __call__(self) -> str:
        wish = self._written()
        return wish or ("drain" if self._terminated else "")

    @contextmanager
    def heeding_sigterm(self) -> Iterator[None]:
        """Within it, SIGTERM stops nothing but is noted."""

        def note(number: int, frame: FrameType | None) -> None:
            self._terminated = True

        before = signal.signal(signal.SIGTERM, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def answered(self, wish: str) -> None:
        """A pause and a drain are over with the process; a cancelled run must stay cancelled."""
        if wish != "cancel":
            self._control.unlink(missing_ok=True)

    def _written(self) -> str:
        try:
            wish = self._control.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
        return wish if wish in WISHES else ""
