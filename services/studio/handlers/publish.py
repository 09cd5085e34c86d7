"""Requests of people, published on the bus."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence

from truscore.bus import Publisher
from truscore.events.v1.control_pb2 import ActionRecorded, DeadLettersReplay
from truscore.ordering.messages import ready_of, request_of
from truscore.validation.order import DatasetOrder


class Requests:
    """Says them in the name of the studio."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def announce(self, order: DatasetOrder, *, requested_by: str) -> str:
        """DatasetReady; returns the event's id once the broker has it. Raises BusUnavailable and Unroutable."""
        ready = ready_of(order, requested_by=requested_by)
        sequence = hashlib.sha256(ready.SerializeToString(deterministic=True)).hexdigest()
        return await self._publisher.publish(ready, subject=f"{order.dataset_id}/{order.version}", sequence=sequence)

    async def steer(self, verb: str, run_id: str, *, reason: str, requested_by: str) -> None:
        """RunPause, RunResume or RunCancel."""
        request_id = uuid.uuid4().hex
        event = request_of(verb, run_id, reason=reason, requested_by=requested_by, request_id=request_id)
        await self._publisher.publish(event, subject=run_id, sequence=request_id)

    async def record(self, action: str, subject: str, *, requested_by: str, detail: str = "") -> None:
        """ActionRecorded, of what no other event tells of."""
        request_id = uuid.uuid4().hex
        event = ActionRecorded(
            action=action, subject=subject, detail=detail, requested_by=requested_by, request_id=request_id
        )
        await self._publisher.publish(event, subject=subject, sequence=request_id)

    async def replay(self, service: str, event_ids: Sequence[str], *, requested_by: str) -> None:
        """DeadLettersReplay."""
        request_id = uuid.uuid4().hex
        event = DeadLettersReplay(
            service=service,
            event_ids=event_ids,
            letter_count=len(event_ids),
            requested_by=requested_by,
            request_id=request_id,
        )
        await self._publisher.publish(event, subject=service, sequence=request_id)
