"""Events of a run, in plain values; the handlers put it into messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from truscore.metrics.comparison import Comparison
from truscore.storage import Stored

from services.trainer.journal import Record
from services.trainer.plan import Plan, TrainingOrder
from services.trainer.run_store.outcome import FinalEvent

# Where the run of an order stands when the order is taken.
OrderState = Literal["queued", "running", "paused", "completed", "failed", "cancelled", "refused"]


class BrokerUnavailable(Exception):
    """What was published is not confirmed; it may be published again later."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """A run that reached its end."""

    best_checkpoint: Stored
    metrics: Mapping[str, float]
    report_uri: str
    config: Stored
    split: Stored
    epochs: int
    best_epoch: int
    weights_sha256: str
    attempts: int
    duration_s: float
    comparison: Comparison | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A run that ended without a model."""

    code: str
    message: str
    retryable: bool
    attempt: int
    epoch: int


class RunEventPublisher(Protocol):
    """Publishes events of one run. Each method returns once the broker has it; else it raises BrokerUnavailable."""

    def translate(self, attempt: int, record: Record) -> Any | None:
        """The record as `publish_many` takes it; None where it is not for the world."""
        ...

    async def publish_many(self, messages: Sequence[Any]) -> None: ...

    async def completed(self, completion: Completion) -> FinalEvent: ...

    async def failed(self, failure: Failure) -> FinalEvent: ...

    async def cancelled(self, *, reason: str, step: int, attempt: int) -> FinalEvent: ...

    async def paused(self, *, step: int, checkpoint: Stored | None, attempt: int, preempted_by: str = "") -> None: ...

    def reporting_hardware(self, *, every_s: float) -> AbstractAsyncContextManager[None]:
        """While inside, publish how the machine is doing every so many seconds; a sample that the broker does not take
        is not published again."""
        ...


class EventPublisher(Protocol):
    """Publishes events about orders, and gives each run a publisher of its own."""

    def for_run(self, plan: Plan, *, config: Stored | None = None) -> RunEventPublisher: ...

    async def attached(self, order: TrainingOrder, run_id: str, state: OrderState) -> None:
        """The order has its run; an order that was refused has none, and an empty id."""
        ...

    async def refused(self, order: TrainingOrder, error: Exception) -> None: ...

    async def cancelled(self, run_id: str, *, reason: str, step: int, attempt: int) -> FinalEvent: ...

    async def paused(self, run_id: str) -> None:
        """A run that was not started is not going to be until it is resumed."""
        ...

    async def republish(self, run_id: str, event: FinalEvent) -> None:
        """The same event once more: its id, its time, its bytes."""
        ...

    async def ordered_again(self, wire: bytes, *, request_id: str) -> None: ...
