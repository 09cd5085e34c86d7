"""What follows from the end of a training process. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.trainer.journal import DISK_FULL, Cancelled, Completed, Failed, Paused
from services.trainer.runs.attempt import AttemptOutcome, LastWord

Kind = Literal["completed", "failed", "cancelled", "paused", "preempted", "handed_back", "restart"]
STOPPED: dict[str, Kind] = {"cancel": "cancelled", "pause": "paused", "drain": "handed_back", "preempt": "preempted"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What to do now; `code`, `message` and `retryable` say what failed where something did."""

    kind: Kind
    code: str = ""
    message: str = ""
    retryable: bool = False


def decide(outcome: AttemptOutcome, *, may_restart: bool) -> Decision:
    """The last word of the training process counts; where it died without, the request to stop; else a restart."""
    last_word = outcome.last_word
    if isinstance(last_word, Failed):
        return _failure(last_word.code, last_word.message, retryable=last_word.retryable, may_restart=may_restart)
    if outcome.failure and not outcome.stopped and not outcome.stalled and not _is_final(last_word):
        failure = outcome.failure
        return _failure(failure.code, failure.message, retryable=failure.retryable, may_restart=may_restart)
    kind = _kind(last_word) or STOPPED.get(outcome.stopped)
    if kind == "paused" and outcome.stopped == "preempt":
        kind = "preempted"
    if kind:
        return Decision(kind=kind)
    code, message = _death_message(outcome)
    return _failure(code, message, retryable=True, may_restart=may_restart)


def _is_final(last_word: LastWord | None) -> bool:
    """A drained process was to go on; where its place then failed, that is what ended it."""
    return last_word is not None and not (isinstance(last_word, Paused) and last_word.reason == "drain")


def _kind(last_word: LastWord | None) -> Kind | None:
    match last_word:
        case Completed():
            return "completed"
        case Cancelled():
            return "cancelled"
        case Paused():
            return "handed_back" if last_word.reason == "drain" else "paused"
        case _:
            return None


def _failure(code: str, message: str, *, retryable: bool, may_restart: bool) -> Decision:
    kind: Kind = "restart" if retryable and may_restart else "failed"
    return Decision(kind=kind, code=code, message=message, retryable=retryable)


def _death_message(outcome: AttemptOutcome) -> tuple[str, str]:
    printed = f"; it printed last: {outcome.printed}" if outcome.printed else "; it printed nothing"
    if outcome.stalled:
        return "stalled", "the training process recorded nothing for too long and was ended" + printed
    if outcome.exit_status == DISK_FULL:
        return "disk_full", "the disk of the trainer's work folder is full, the journal could not say so" + printed
    if outcome.exit_status < 0:
        return "process_killed", f"the training process was ended by signal {-outcome.exit_status}" + printed
    return (
        "process_crashed",
        f"the training process ended with status {outcome.exit_status}, its run unfinished" + printed,
    )
