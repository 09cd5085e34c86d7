"""What a training process prints, as its pod's own log."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(kw_only=False, slots=True)
class PassedOn:
    """A file that grows, and how much of it was passed on."""

    path: Path
    _bytes: int = 0

    def pass_on(self) -> None:
        """Print what was added since; nothing where there is no file yet."""
        try:
            with self.path.open("rb") as printed:
                printed.seek(self._bytes)
                text = printed.read()
        except FileNotFoundError:
            return
        self._bytes += len(text)
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
