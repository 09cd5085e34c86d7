"""Progress of the work on one order. Pure, but for the clock that it is given."""

from collections.abc import Callable
from dataclasses import dataclass

STAGES = ("listing", "fetching", "reading", "judging", "reporting", "storing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A stage of the work; `done` of `total` files or images, both 0 in stages that count nothing."""

    stage: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedProgress:
    """Progress with its times, in seconds; `eta_s` is 0 where it is not known."""

    progress: Progress
    elapsed_s: float
    eta_s: float


class ProgressThrottle:
    """Times progress and throttles it: each stage's start and end pass, and in between one report per interval."""

    def __init__(self, *, every_s: float, clock: Callable[[], float]) -> None:
        self._every_s, self._clock = every_s, clock
        self._began = self._stage_began = self._admitted_at = clock()
        self._stage = ""

    def admit(self, progress: Progress) -> TimedProgress | None:
        """The progress with its times; None where it is throttled."""
        now = self._clock()
        if progress.stage != self._stage:
            self._stage, self._stage_began = progress.stage, now
        elif now - self._admitted_at < self._every_s and not 0 < progress.total <= progress.done:
            return None
        self._admitted_at = now
        return TimedProgress(progress=progress, elapsed_s=now - self._began, eta_s=self._eta_s(progress, now))

    def _eta_s(self, progress: Progress, now: float) -> float:
        if not 0 < progress.done <= progress.total:
            return 0.0
        return (now - self._stage_began) / progress.done * (progress.total - progress.done)
