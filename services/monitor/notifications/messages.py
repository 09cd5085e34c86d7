"""What a notification says: one message about all alerts of a group. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f4b7a52-6a2e-5d0c-9a55-3a9d2f0c7e11")
# Slack cuts a text at 40,000 characters, Teams refuses a card above 28 kB; fifty lines of 300 stay below both.
MAX_LISTED = 50
MAX_LINE_CHARS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """An alert that was raised or cleared; `event_id` is the event's, `at` in seconds since 1970 (UTC)."""

    event_id: str
    state: str
    alert_id: str
    rule: str
    severity: str
    subject: str
    message: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Changes that are sent as one message; `dropped` counts those that no longer fitted the queue."""

    changes: Sequence[Change]
    dropped: int = 0

    @property
    def delivery_id(self) -> str:
        """The same at each attempt, so that a receiver can tell a repeat."""
        return str(uuid5(_NAMESPACE, "\0".join(change.event_id for change in self.changes)))


def headline(group: Group) -> str:
    """In one line, without control characters."""
    raised = [change for change in group.changes if change.state == "raised"]
    counts = [f"{len(raised)} raised"] if raised else []
    if len(raised) < len(group.changes):
        counts.append(f"{len(group.changes) - len(raised)} cleared")
    rules = sorted({change.rule for change in raised or group.changes})
    return _plain(f"TruScore alerts: {', '.join(counts)} ({', '.join(rules)})")


def lines(group: Group) -> list[str]:
    """A line for each change, grouped by rule."""
    ordered = sorted(group.changes, key=lambda change: (change.rule, change.at))
    said = [_line(change) for change in ordered[:MAX_LISTED]]
    left = len(ordered) - MAX_LISTED
    said += [f"and {left} more"] if left > 0 else []
    return said + ([f"{group.dropped} older ones were dropped while nothing could be sent"] if group.dropped else [])


def webhook_body(group: Group) -> bytes:
    """JSON with every change, as docs/operations.md describes it."""
    alerts = [
        {
            "state": change.state,
            "alert_id": change.alert_id,
            "rule": change.rule,
            "severity": change.severity,
            "subject": change.subject,
            "message": change.message,
            "at": _time(change.at),
        }
        for change in group.changes
    ]
    return _json({"delivery_id": group.delivery_id, "alerts": alerts, "dropped": group.dropped})


def slack_body(group: Group) -> bytes:
    """Of an incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""
    text = "\n".join([headline(group), *lines(group)])
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _json({"text": escaped})


def teams_body(group: Group) -> bytes:
    """An Adaptive Card, as the workflow "Post to a channel when a webhook request is received" takes it."""
    texts = [{"type": "TextBlock", "text": line, "wrap": True} for line in lines(group)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "TextBlock", "text": headline(group), "weight": "Bolder", "wrap": True}, *texts],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return _json({"type": "message", "attachments": [attachment]})


def _line(change: Change) -> str:
    what = f"{change.state.upper()} {change.severity} {change.rule}: {change.subject}: {change.message}"
    return f"{_plain(what)[:MAX_LINE_CHARS]} ({_time(change.at)})"


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode()
