"""Whether the ledger can be written, and when a person should know that it can't. Pure; the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

RULE = "mlflow.unavailable"
SEVERITY = "warning"
MAX_REASON_CHARS = 500
# The monitor derives the ids of its alerts in the same way.
_NAMESPACE = UUID("6f4b7a52-6a2e-5d0c-9a55-3a9d2f0c7e11")


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """The alert as it is to be raised or cleared now; `before` is when it last changed, and tells episodes apart."""

    alert_id: str
    raised: bool
    subject: str
    message: str
    at: float
    before: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Failing:
    """A kind of call that has failed each time since a moment."""

    since: float
    reason: str


class Availability:
    """Remembers, for each kind of call that is made again and again, since when it has failed without exception."""

    def __init__(self, *, subject: str, after_s: float) -> None:
        self.subject = subject
        self.alert_id = str(uuid5(_NAMESPACE, f"{RULE}\0{subject}"))
        self._after_s = after_s
        self._failing: dict[str, Failing] = {}
        self._answered = False
        self._stands = False
        self._changed_at = 0.0

    def failed(self, kind: str, reason: str, at: float) -> None:
        """A call of this kind was not answered, or could not be carried out."""
        known = self._failing.get(kind)
        self._failing[kind] = Failing(since=known.since if known else at, reason=reason[:MAX_REASON_CHARS])

    def answered(self, kind: str) -> None:
        """A call of this kind was answered, were it with a refusal."""
        self._failing.pop(kind, None)
        self._answered = True

    def note_alert(self, alert_id: str, *, raised: bool, at: float) -> None:
        """An alert was published, now or in an earlier life of this service; alerts of others are no concern."""
        if alert_id == self.alert_id and at >= self._changed_at:
            self._stands, self._changed_at = raised, at

    def due(self, now: float) -> Alert | None:
        """What is to be published now, if anything."""
        first = min(list(self._failing.values()), key=lambda failing: failing.since, default=None)
        if first is not None and not self._stands and now - first.since >= self._after_s:
            message = f"{self.subject} has not recorded anything for {now - first.since:.0f} s: {first.reason}"
            return self._alert(raised=True, message=message, at=now)
        if first is None and self._answered and self._stands:
            return self._alert(raised=False, message="", at=now)
        return None

    def _alert(self, *, raised: bool, message: str, at: float) -> Alert:
        return Alert(
            alert_id=self.alert_id, raised=raised, subject=self.subject, message=message, at=at, before=self._changed_at
        )
