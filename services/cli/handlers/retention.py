"""Deletions as events: what was ordered before anything is deleted, what is gone after."""

from collections.abc import Iterable
from dataclasses import dataclass

from truscore.bus import OutgoingEvent
from truscore.events.v1.control_pb2 import ObjectsDeleted, RetentionOrdered

from services.cli.handlers.publish import publish, said
from services.cli.retention import Item, Plan

MOST_NAMED = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Deleted:
    """An item that is gone, with how many objects and bytes it had."""

    item: Item
    objects: int
    size_bytes: int


def order_deletion(amqp_url: str, plan: Plan, *, policy: str, requested_by: str, request_id: str) -> None:
    """Says RetentionOrdered."""
    event = RetentionOrdered(
        plan=plan.digest,
        policy=policy,
        uris=[item.uri for item in plan.deleted[:MOST_NAMED]],
        item_count=len(plan.deleted),
        requested_by=requested_by,
        request_id=request_id,
    )
    publish(amqp_url, event, subject="retention", sequence=request_id)


def tell_deleted(amqp_url: str, deleted: Iterable[Deleted], *, request_id: str) -> None:
    """Says ObjectsDeleted of each."""
    events = [
        OutgoingEvent(
            event=ObjectsDeleted(
                uri=each.item.uri,
                kind=each.item.kind,
                object_count=each.objects,
                size_bytes=each.size_bytes,
                request_id=request_id,
            ),
            subject=each.item.uri,
            sequence=request_id,
        )
        for each in deleted
    ]
    said(amqp_url, lambda to: to.publish_many(events), failed="deleted, but the broker was not told")
