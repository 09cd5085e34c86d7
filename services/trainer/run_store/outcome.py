"""How a run ended, as the store remembers it: what makes the same order twice the same run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from truscore.storage import Store

from services.trainer.run_store.json_objects import read_json, write_json
from services.trainer.run_store.keys import RunKeys


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalEvent:
    """The event that a run ended with, whole, so that it can be published again as the same event."""

    type: str  # full message name
    sequence: str  # what its id was derived from, beside the run
    time: str  # ISO 8601, when it was published first
    body: str  # the message, base64


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOutcome:
    """The final event of a run, written after it was published and confirmed."""

    outcome: Literal["completed", "failed", "cancelled"]
    ended_at: str  # ISO 8601
    attempt: int  # 0 where none was started
    retryable: bool = False
    code: str = ""
    event: FinalEvent | None = None  # None in notes of releases that did not keep it

    def answers(self, ordered_at: datetime) -> bool:
        """Whether an order needs no further answer.

        A failure that may pass answers the orders up to it: a repeat of the same request is not a new try, but the
        same request after the failure is.
        """
        return not self.retryable or ordered_at <= datetime.fromisoformat(self.ended_at)


def read_outcome(store: Store, keys: RunKeys) -> RunOutcome | None:
    note = read_json(store, keys.end)
    if note is None:
        return None
    event = note.get("event")
    return RunOutcome(**(note | {"event": FinalEvent(**event) if event else None}))


def write_outcome(store: Store, keys: RunKeys, run_outcome: RunOutcome) -> None:
    write_json(store, keys.end, asdict(run_outcome))
