"""What every ledger can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from services.experiment_tracker.record import History, Known, Mark, Opening, Promotion, Recorded, Writes


class Ledger(Protocol):
    """Synchronous; each call raises LedgerUnavailable where it may succeed later, LedgerRefused where it never will."""

    def find(self, run_id: str) -> Known | None:
        """What is on record of the run."""
        ...

    def open(self, opening: Opening) -> Known:
        """Put a run on record. Opening it twice makes two records: find it first."""
        ...

    def write(self, known: Known, writes: Writes) -> Known:
        """Write all of it; returns what is held then. After a failure part of it may be there: find it again."""
        ...

    def promote(self, promotion: Promotion) -> None:
        """Give a registered version its alias, unless a later promotion gave that away. Repeating it is harmless.

        LedgerRefused where the model has no version of the run."""
        ...

    def aliases(self, model: str) -> Mapping[str, str]:
        """Version by alias; nothing where there is no such model."""
        ...

    def page(self, *, experiment_name: str, size: int, token: str) -> tuple[list[Recorded], str]:
        """Records, newest first, of one experiment or all; and the token of the next page, empty at the end."""
        ...

    def get(self, run_id: str) -> Recorded | None:
        """The record of the run."""
        ...

    def history(self, record: Recorded) -> History:
        """Every metric of the record as (epoch, value), by name."""
        ...

    def place(self) -> Mark | None:
        """How far the event log is on record."""
        ...

    def keep_place(self, mark: Mark) -> None:
        """Remember how far the event log is on record."""
        ...
