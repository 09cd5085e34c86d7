"""What a pod's exit code says to the Job's pod failure policy (and sysexits.h to whoever reads it)."""

from __future__ import annotations

from typing import Final

from services.trainer.journal import Cancelled, Completed, Failed, Paused, Record

UNUSABLE: Final = 64  # EX_USAGE: no such run, or settings that do not hold
TRAINING_FAILED: Final = 65  # EX_DATAERR: the journal ends in a failure, which says the rest
FENCED: Final = 70  # EX_SOFTWARE: a newer attempt has begun
DRAINED: Final = 75  # EX_TEMPFAIL: ended on SIGTERM after a checkpoint; another pod goes on
FINAL: Final = frozenset({UNUSABLE, TRAINING_FAILED, FENCED})
CRASHED: Final = 1


def exit_code(last_word: Record | None, status: int) -> int:
    """The code for the end of a training process: ``status`` is its own, or minus the signal that ended it."""
    match last_word:
        case Completed() | Cancelled():
            return 0
        case Paused():
            return DRAINED if last_word.reason == "drain" else 0
        case Failed():
            return TRAINING_FAILED
    code = 128 - status if status < 0 else status
    # One that ended well without a last word, or by a code that means something else here.
    return CRASHED if code in {0, DRAINED, *FINAL} else code
