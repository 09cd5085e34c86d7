"""Orders: datasets that were announced, until a run comes of them. Says which run is whose.

A trainer says which run an order is attached to. Where that was not received, the two are matched by the trace that the
events of one order share, else by dataset, category, option and architecture, oldest to oldest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from math import inf
from typing import TypeVar

from services.monitor.facts import Announced, Attached, Failed, ReceivedOrder, Rejected, Validated, Validating
from services.monitor.run import MAX_TRACES, Run, Timed
from services.monitor.stage import Stage, dataset_of, failure_text, origin_of

CLOCK_SKEW_S = 60.0
MAX_EVENT_IDS = 64
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An order as far as it got by itself."""

    order: ReceivedOrder
    first_event_at: float = inf
    last_event_at: float = 0
    validating: Timed[Validating] | None = None
    validated_at: float = 0
    rejected: Timed[Rejected] | None = None
    refused: Timed[Failed] | None = None
    attached: Timed[Attached] | None = None
    traces: frozenset[str] = frozenset()
    event_ids: frozenset[str] = frozenset()  # of equal orders, whoever they are of

    @property
    def order_id(self) -> str:
        return order_id(self.order)


def order_id(order: ReceivedOrder) -> str:
    parts = [order.dataset_id, order.version, order.request_id, order.digest]
    parts += [order.event_id] if order.event_id else []
    return "order-" + sha256("\0".join(parts).encode()).hexdigest()[:20]


def with_order_fact(waiting: Waiting, fact: Announced | Validated, at: float, trace: str) -> Waiting:
    validated_at = max(waiting.validated_at, at) if isinstance(fact, Validated) else waiting.validated_at
    return replace(_received(waiting, at, trace, fact.order_event_id), validated_at=validated_at)


def with_attachment(waiting: Waiting, fact: Attached, at: float, trace: str) -> Waiting:
    attached = _newer(waiting.attached, Timed(event=fact, at=at))
    return replace(_received(waiting, at, trace, fact.order_event_id), attached=attached)


def with_progress(waiting: Waiting, fact: Validating, at: float, trace: str) -> Waiting:
    validating = _newer(waiting.validating, Timed(event=fact, at=at))
    return replace(_received(waiting, at, trace, fact.order_event_id), validating=validating)


def with_rejection(waiting: Waiting, fact: Rejected, at: float, trace: str) -> Waiting:
    rejected = _newer(waiting.rejected, Timed(event=fact, at=at))
    return replace(_received(waiting, at, trace, fact.order_event_id), rejected=rejected)


def with_refusal(waiting: Waiting, fact: Failed, at: float, trace: str) -> Waiting:
    refused = _newer(waiting.refused, Timed(event=fact, at=at))
    return replace(_received(waiting, at, trace, fact.order_event_id), refused=refused)


def _newer(held: Timed[T] | None, other: Timed[T] | None) -> Timed[T] | None:
    if held is None or other is None:
        return held or other
    return other if other.at > held.at else held


def _received(waiting: Waiting, at: float, trace: str, event_id: str) -> Waiting:
    event_ids = waiting.event_ids | {event_id} if event_id else waiting.event_ids
    traces = waiting.traces | {trace} if trace else waiting.traces
    return replace(
        waiting,
        first_event_at=min(waiting.first_event_at, at),
        last_event_at=max(waiting.last_event_at, at),
        traces=frozenset(sorted(traces)[:MAX_TRACES]),
        event_ids=frozenset(sorted(event_ids)[:MAX_EVENT_IDS]),
    )


def orphan_order(dataset_id: str, version: str, request_id: str, event_id: str = "") -> ReceivedOrder:
    """Stands in for the order that an answer is about while only the answer was received."""
    return ReceivedOrder(
        dataset_id=dataset_id,
        version=version,
        request_id=request_id,
        category="",
        option="",
        architecture="",
        validation_only=False,
        digest="",
        event_id=event_id,
    )


def is_orphan(waiting: Waiting) -> bool:
    return not waiting.order.digest


def answers(orphan: Waiting, waiting: Waiting) -> bool:
    """Whether the orphan, an answer without its order, is about this order."""
    ours, theirs = orphan.order, waiting.order
    if ours.event_id:
        return not is_orphan(waiting) and ours.event_id in waiting.event_ids
    if is_orphan(waiting) or (ours.dataset_id, ours.version) != (theirs.dataset_id, theirs.version):
        return False
    of_the_dataset = orphan.rejected is not None or orphan.validating is not None
    return bool(orphan.traces & waiting.traces) or (of_the_dataset and ours.request_id == theirs.request_id)


def with_orphan(waiting: Waiting, orphan: Waiting) -> Waiting:
    return replace(
        waiting,
        first_event_at=min(waiting.first_event_at, orphan.first_event_at),
        last_event_at=max(waiting.last_event_at, orphan.last_event_at),
        validating=_newer(waiting.validating, orphan.validating),
        rejected=_newer(waiting.rejected, orphan.rejected),
        refused=_newer(waiting.refused, orphan.refused),
        attached=_newer(waiting.attached, orphan.attached),
        traces=frozenset(sorted(waiting.traces | orphan.traces)[:MAX_TRACES]),
        event_ids=frozenset(sorted(waiting.event_ids | orphan.event_ids)[:MAX_EVENT_IDS]),
    )


def stage_of_order(waiting: Waiting) -> Stage:
    """Dataset and version name one unchanging content, so a verdict holds, and a good one holds over a bad one."""
    if waiting.refused:
        return Stage.FAILED
    if waiting.validated_at or waiting.attached:
        return Stage.VALIDATED if waiting.order.validation_only else Stage.QUEUED
    return Stage.REJECTED if waiting.rejected else Stage.VALIDATING


def matched(orders: Iterable[Waiting], runs: Iterable[Run]) -> dict[str, str]:
    """Run id by order id, for the orders that became runs. Several orders may have become one run."""
    runs = sorted(runs, key=lambda run: (run.first_event_at, run.run_id))
    orders = sorted(orders, key=lambda waiting: (waiting.first_event_at, waiting.order_id))
    by_trace = {trace: run.run_id for run in reversed(runs) for trace in run.traces}
    known = {run.run_id for run in runs}
    found = {
        waiting.order_id: waiting.attached.event.run_id
        for waiting in orders
        if waiting.attached and waiting.attached.event.run_id in known
    }
    for waiting in orders:
        if waiting.order_id in found:
            continue
        if traced := sorted(waiting.traces & by_trace.keys()):
            found[waiting.order_id] = by_trace[traced[0]]
    taken = set(found.values())
    free = [run for run in runs if run.run_id not in taken]
    for waiting in orders:
        if waiting.order_id not in found and (run := next((run for run in free if _suits(waiting, run)), None)):
            found[waiting.order_id] = run.run_id
            free.remove(run)
    return found


def _suits(waiting: Waiting, run: Run) -> bool:
    order = waiting.order
    if order.validation_only or dataset_of(run) != (order.dataset_id, order.version):
        return False
    if run.first_event_at < waiting.first_event_at - CLOCK_SKEW_S:
        return False
    origin = origin_of(run)
    if origin is None:
        return True
    wanted = (order.category, order.option, order.architecture or origin.architecture)
    return wanted == (origin.category, origin.option, origin.architecture)


def message_of_order(waiting: Waiting) -> str:
    """Why it came to nothing, where it did."""
    match stage_of_order(waiting):
        case Stage.FAILED if waiting.refused:
            return failure_text(waiting.refused)
        case Stage.REJECTED if waiting.rejected:
            return rejection_text(waiting.rejected.event)
        case _:
            return ""


def rejection_text(rejected: Rejected) -> str:
    if not rejected.findings:
        return f"{rejected.error_count} errors"
    first = rejected.findings[0]
    where = f" ({first.location})" if first.location else ""
    more = f"; {rejected.error_count - 1} more errors" if rejected.error_count > 1 else ""
    return f"{first.rule}: {first.message}{where}{more}"
