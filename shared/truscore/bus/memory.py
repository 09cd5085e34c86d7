"""A publisher without a broker: it keeps what was published. For tests of handlers; held to the real one's tests."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from google.protobuf.message import Message

from truscore.bus.codec import encode
from truscore.bus.envelope import Envelope
from truscore.bus.publisher import OutgoingEvent, address


class MemoryPublisher:
    """Publisher that remembers, in order, each event with its envelope; a repeat is remembered again."""

    def __init__(self, *, service: str, clock: Callable[[], datetime] = lambda: datetime.now(tz=UTC)) -> None:
        self.published: list[tuple[Message, Envelope]] = []
        self._source = f"truscore/{service}"
        self._clock = clock

    async def publish(
        self,
        event: Message,
        *,
        subject: str,
        sequence: str | int = 0,
        correlation_id: str | None = None,
        cause: Envelope | None = None,
        time: datetime | None = None,
    ) -> str:
        """Remember one event and return its id. UnknownMessage, ValueError (too large)."""
        outgoing = OutgoingEvent(
            event=event, subject=subject, sequence=sequence, correlation_id=correlation_id, cause=cause, time=time
        )
        envelope = address(outgoing, source=self._source, now=self._clock())
        encode(event, envelope)  # refuses what the wire would refuse
        kept = type(event)()
        kept.CopyFrom(event)
        self.published.append((kept, envelope))
        return envelope.event_id

    async def publish_many(self, events: Iterable[OutgoingEvent]) -> None:
        """Remember many, in order."""
        for each in events:
            await self.publish(
                each.event,
                subject=each.subject,
                sequence=each.sequence,
                correlation_id=each.correlation_id,
                cause=each.cause,
                time=each.time,
            )
