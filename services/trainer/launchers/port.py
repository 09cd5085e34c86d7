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
class Breakdown:
    """Why the place that ran the processes ended them, or lost them."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Exit:
    """How an attempt's processes ended. ``status`` is 0, a positive code, or minus the signal's number."""

    status: int
    printed: str  # the end of what they printed
    failure: Breakdown | None = None  # what the place reports, where that says more than the status


class LaunchedAttempt(Protocol):
    """An attempt's training processes, from their start to their end."""

    @property
    def waiting(self) -> bool:
        """Whether they wait for a place to run in: no record is expected of them yet."""
        ...

    async def wait(self) -> Exit:
        """Return once they have ended and their journal is complete."""
        ...

    def request_stop(self, word: str) -> None:
        """Have them stop within one optimizer step; ``word`` is "cancel", "pause" or "drain". Returns at once.

        "drain" is the service that goes: processes that outlive it go on, and ``wait`` returns all the same.
        """
        ...

    def kill(self) -> None:
        """End them at once, whatever they are doing."""
        ...

    def release(self) -> None:
        """This service looks after them no longer: those that can't outlive it end, the others go on."""
        ...


class Launcher(Protocol):
    """Starts the training processes of attempts.

    Where they are ``remote`` they fetch their inputs themselves, see to requests to stop in the store, and take their
    files there before their journal names them.
    """

    @property
    def remote(self) -> bool: ...

    def ready(self) -> AbstractAsyncContextManager[None]:
        """While inside, whatever makes starts quicker or possible is kept ready."""
        ...

    async def start(self, launch: Launch) -> LaunchedAttempt:
        """Start the attempt's processes, whose folder is prepared; those that run already are gone on with."""
        ...

    async def outlived(self, run_id: str, attempt: int) -> bool:
        """Whether processes of the attempt are there, which an earlier service started."""
        ...

    async def end(self, run_id: str, attempt: int) -> None:
        """End what there still is of an attempt that was given up; harmless where there is nothing."""
        ...

    async def closed(self, run_id: str, attempt: int) -> None:
        """The attempt's end is known to all: what the place would keep of it for good is removed."""
        ...
