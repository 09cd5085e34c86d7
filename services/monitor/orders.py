"""Orders: datasets that were announced, until a run comes of them. Says which run is whose.

A run names no order, so the two are matched: by the trace that the events of one order share, else by dataset,
category, option and architecture, oldest to oldest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from math import inf

from services.monitor.facts import Announced, Failed, Order, Rejected, Validated, Validating
from services.monitor.run import MAX_TRACES, Run, Timed
from services.monitor.stage import Stage, dataset_of, failure_text, origin_of

CLOCK_SKEW_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An order as far as it got by itself."""

    order: Order
    first_heard_at: float = inf
    last_heard_at: float = 0
    validating: Timed[Validating] | None = None
    validated_at: float = 0
    rejected: Timed[Rejected] | None = None
    refused: Timed[Failed] | None = None
    traces: frozenset[str] = frozenset()

    @property
    def order_id(self) -> str:
        return order_id(self.order)


def order_id(order: Order) -> str:
    parts = (order.dataset_id, order.version, order.request_id, order.digest)
    return "order-" + sha256("\0".join(parts).encode()).hexdigest()[:20]


def with_order_fact(waiting: Waiting, fact: Announced | Validated, at: float, trace: str) -> Waiting:
    validated_at = max(waiting.validated_at, at) if isinstance(fact, Validated) else waiting.validated_at
    return replace(_heard(waiting, at, trace), validated_at=validated_at)


def with_progress(waiting: Waiting, fact: Validating, at: float, trace: str) -> Waiting:
    newer = waiting.validating is None or at > waiting.validating.at
    validating = Timed(said=fact, at=at) if newer else waiting.validating
    return replace(_heard(waiting, at, trace), validating=validating)


def with_rejection(waiting: Waiting, fact: Rejected, at: float, trace: str) -> Waiting:
    newer = waiting.rejected is None or at > waiting.rejected.at
    rejected = Timed(said=fact, at=at) if newer else waiting.rejected
    return replace(_heard(waiting, at, trace), rejected=rejected)


def with_refusal(waiting: Waiting, fact: Failed, at: float, trace: str) -> Waiting:
    newer = waiting.refused is None or at > waiting.refused.at
    return replace(_heard(waiting, at, trace), refused=Timed(said=fact, at=at) if newer else waiting.refused)


def _heard(waiting: Waiting, at: float, trace: str) -> Waiting:
    traces = waiting.traces | {trace} if trace else waiting.traces
    return replace(
        waiting,
        first_heard_at=min(waiting.first_heard_at, at),
        last_heard_at=max(waiting.last_heard_at, at),
        traces=frozenset(sorted(traces)[:MAX_TRACES]),
    )


def stray_order(dataset_id: str, version: str, request_id: str) -> Order:
    """Stands in for the order that an answer is about while only the answer was heard."""
    return Order(
        dataset_id=dataset_id,
        version=version,
        request_id=request_id,
        category="",
        option="",
        architecture="",
        validation_only=False,
        digest="",
    )


def is_stray(waiting: Waiting) -> bool:
    return not waiting.order.digest


def answers(stray: Waiting, waiting: Waiting) -> bool:
    """Whether the stray answer is about this order."""
    ours, theirs = stray.order, waiting.order
    if is_stray(waiting) or (ours.dataset_id, ours.version) != (theirs.dataset_id, theirs.version):
        return False
    of_the_dataset = stray.rejected is not None or stray.validating is not None
    return bool(stray.traces & waiting.traces) or (of_the_dataset and ours.request_id == theirs.request_id)


def with_stray(waiting: Waiting, stray: Waiting) -> Waiting:
    return replace(
        waiting,
        first_heard_at=min(waiting.first_heard_at, stray.first_heard_at),
        last_heard_at=max(waiting.last_heard_at, stray.last_heard_at),
        validating=waiting.validating or stray.validating,
        rejected=waiting.rejected or stray.rejected,
        refused=waiting.refused or stray.refused,
        traces=frozenset(sorted(waiting.traces | stray.traces)[:MAX_TRACES]),
    )


def stage_of_order(waiting: Waiting) -> Stage:
    """Dataset and version name one unchanging content, so a verdict holds, and a good one holds over a bad one."""
    if waiting.refused:
        return Stage.FAILED
    if waiting.validated_at:
        return Stage.VALIDATED if waiting.order.validation_only else Stage.QUEUED
    return Stage.REJECTED if waiting.rejected else Stage.VALIDATING


def matched(orders: Iterable[Waiting], runs: Iterable[Run]) -> dict[str, str]:
    """Run id by order id, for the orders that became runs. Several orders may have become one run."""
    runs = sorted(runs, key=lambda run: (run.first_heard_at, run.run_id))
    orders = sorted(orders, key=lambda waiting: (waiting.first_heard_at, waiting.order_id))
    by_trace = {trace: run.run_id for run in reversed(runs) for trace in run.traces}
    found: dict[str, str] = {}
    for waiting in orders:
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
    if run.first_heard_at < waiting.first_heard_at - CLOCK_SKEW_S:
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
            return rejection_text(waiting.rejected.said)
        case _:
            return ""


def rejection_text(rejected: Rejected) -> str:
    if not rejected.findings:
        return f"{rejected.error_count} errors"
    first = rejected.findings[0]
    where = f" ({first.location})" if first.location else ""
    more = f"; {rejected.error_count - 1} more errors" if rejected.error_count > 1 else ""
    return f"{first.rule}: {first.message}{where}{more}"
