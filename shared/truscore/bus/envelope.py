"""What is written on an event beside its body, and how an event's id is derived."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

# Fixed for ever: event ids of the log are derived from it.
NAMESPACE: Final = UUID("6f3c1f0e-6a53-5d0b-9d5a-1d8a3c7b2e41")


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """What a handler is given of a message beside its content."""

    event_id: str
    type: str
    source: str
    subject: str
    time: datetime
    correlation_id: str
    traceparent: str | None
    delivery: int  # from 1; counts retries, hand-backs and redeliveries
    # AMQP user who published it, which the broker validated; empty where the message names none, as retries do.
    user: str = ""


def event_id(*, source: str, subject: str, type_name: str, sequence: str | int) -> str:
    """Id of an event: published twice, it is the same event."""
    # Length prefixes keep ("a/b", "c") and ("a", "b/c") apart.
    name = "".join(f"{len(part)}:{part}" for part in (source, subject, type_name, str(sequence)))
    return str(uuid5(NAMESPACE, name))
