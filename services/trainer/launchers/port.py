"""What the service asks of whatever runs training processes.

Wherever they run, their journal appears as ``journal.jsonl`` in the attempt's folder on the service's disk, whole lines
only ever appended: the supervisor and the relay read it there.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.trainer.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """An attempt that is to run."""

    plan: Plan
    attempt: int
    folder: Path  # the attempt's, on the service's disk


@dataclass(frozen=True, kw_only=True, slots=True)
class Exit:
    """How an attempt's processes ended. ``status`` is 0, a positive code, or minus the signal's number."""

    status: int
    printed: str  # the end of what they printed


class LaunchedAttempt(Protocol):
    """An attempt's training processes, from their start to their end."""

    async def wait(self) -> Exit:
        """Return once they have ended and their journal is complete."""
        ...

    def request_stop(self, word: str) -> None:
        """Have them stop within one optimizer step; ``word`` is "cancel", "pause" or "drain". Returns at once."""
        ...

    def kill(self) -> None:
        """End them at once, whatever they are doing."""
        ...


class Launcher(Protocol):
    """Starts the training processes of attempts."""

    def ready(self) -> AbstractAsyncContextManager[None]:
        """While inside, whatever makes starts quicker or possible is kept ready."""
        ...

    async def start(self, launch: Launch) -> LaunchedAttempt:
        """Start the attempt's processes, whose folder is prepared."""
        ...
