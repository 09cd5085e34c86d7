"""What runs say, as messages of the contract.

The sequence of each event is what tells it apart from the others of its type about the same run, whoever says it and
however often: the epoch, the step, the attempt. So whatever is said twice is the same event.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from truscore.bus import BusUnavailable, Envelope, Speaker, Utterance, hardware_sampled
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    ObjectRef,
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingPaused,
    TrainingProgressed,
    TrainingStarted,
)
from truscore.recipes import flat_parameters
from truscore.storage import Stored
from truscore.telemetry import HardwareReading

from services.trainer.journal import EpochDone, FoldProgressed, Progressed, Record, Started
from services.trainer.plan import Order, Plan
from services.trainer.runs.publisher import BrokerAway, Completion, Failure

MESSAGE_CHARS = 8000
# Where an epoch's time went is told in the run's report.
REPORTED_ONLY = frozenset({"loading_s", "validating_s"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcer:
    """Speaks of orders; `cause` is the event that what is said follows from."""

    speaker: Speaker
    sample: Callable[[str], HardwareReading]
    now: Callable[[], datetime]
    git_commit: str
    cause: Envelope | None = None

    def of(self, plan: Plan, *, config: Stored | None = None) -> RunAnnouncer:
        return RunAnnouncer(announcer=self, plan=plan, config=config)

    async def refused(self, order: Order, error: Exception) -> None:
        """No run came of the order: the answer is about the dataset."""
        event = TrainingFailed(
            code="invalid_config", message=str(error)[:MESSAGE_CHARS], retryable=False,
            dataset_id=order.dataset_id, dataset_version=order.version,
        )  # fmt: skip
        sequence = f"{order.request_id}/{sha256(order.wire).hexdigest()}"
        await self.say(event, subject=f"{order.dataset_id}/{order.version}", sequence=sequence)

    async def cancelled(self, run_id: str, *, reason: str, step: int, attempt: int) -> None:
        await self.say(TrainingCancelled(run_id=run_id, reason=reason, step=step, attempt=attempt), subject=run_id)

    async def ordered_again(self, wire: bytes, *, request_id: str) -> None:
        """The stored order once more, for whichever trainer is free."""
        order = DatasetValidated.FromString(wire)
        await self.say(order, subject=f"{order.dataset_id}/{order.version}", sequence=f"resume/{request_id}")

    async def say(self, event: Message, *, subject: str, sequence: str | int = 0) -> None:
        async with _broker_may_be_away():
            await self.speaker.say(event, subject=subject, sequence=sequence, cause=self.cause)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunAnnouncer:
    """Speaks of one run."""

    announcer: Announcer
    plan: Plan
    config: Stored | None

    def translate(self, attempt: int, record: Record) -> Utterance | None:
        """The record as an event; checkpoints and last words are not told as they stand."""
        match record:
            case Started():
                return self._utterance(self._started(attempt, record), sequence=attempt)
            case Progressed():
                return self._utterance(self._progressed(attempt, record), sequence=record.step)
            case FoldProgressed():
                return self._utterance(self._folding(attempt, record), sequence=_place_of(record))
            case EpochDone():
                return self._utterance(self._epoch(attempt, record), sequence=record.epoch)
            case _:
                return None

    async def say_many(self, sayings: Sequence[Utterance]) -> None:
        async with _broker_may_be_away():
            await self.announcer.speaker.say_many(sayings)

    async def completed(self, completion: Completion) -> None:
        order, recipe = self.plan.order, self.plan.recipe
        await self._say(
            TrainingCompleted(
                run_id=self.plan.run_id,
                best_checkpoint=_ref(completion.best_checkpoint),
                metrics=completion.metrics,
                report_uri=completion.report_uri,
                dataset_id=order.dataset_id,
                dataset_version=order.version,
                category=recipe.category,
                option=recipe.option,
                architecture=recipe.architecture,
                config=_ref(completion.config),
                export_formats=order.export_formats,
                epochs=completion.epochs,
                best_epoch=completion.best_epoch,
                weights_sha256=completion.weights_sha256,
                attempts=completion.attempts,
                duration_s=completion.duration_s,
                dataset_digest=order.dataset_digest,
                dataset_index=_ref(order.index),
                split=_ref(completion.split),
                dataset_uri=order.uri,
            )
        )

    async def failed(self, failure: Failure) -> None:
        event = TrainingFailed(
            run_id=self.plan.run_id, code=failure.code, message=failure.message[:MESSAGE_CHARS],
            retryable=failure.retryable, dataset_id=self.plan.order.dataset_id,
            dataset_version=self.plan.order.version, attempt=failure.attempt, epoch=failure.epoch,
        )  # fmt: skip
        # A run that failed before its next attempt can do so again when it is ordered again.
        await self._say(event, sequence=f"{failure.attempt}/{self.plan.order.ordered_at.isoformat()}")

    async def cancelled(self, *, reason: str, step: int, attempt: int) -> None:
        await self.announcer.cancelled(self.plan.run_id, reason=reason, step=step, attempt=attempt)

    async def paused(self, *, step: int, checkpoint: Stored | None, attempt: int) -> None:
        event = TrainingPaused(
            run_id=self.plan.run_id, step=step, checkpoint=_ref(checkpoint) if checkpoint else None, attempt=attempt
        )
        await self._say(event, sequence=attempt)

    async def sampled(self) -> None:
        reading = await asyncio.to_thread(self.announcer.sample, self.plan.run_id)
        await self._say(hardware_sampled(reading), sequence=f"{reading.host} {reading.sampled_at.isoformat()}")

    async def _say(self, event: Message, *, sequence: str | int = 0) -> None:
        await self.announcer.say(event, subject=self.plan.run_id, sequence=sequence)

    def _utterance(self, event: Message, *, sequence: str | int) -> Utterance:
        return Utterance(event=event, subject=self.plan.run_id, sequence=sequence, cause=self.announcer.cause)

    def _started(self, attempt: int, record: Started) -> TrainingStarted:
        order, recipe = self.plan.order, self.plan.recipe
        return TrainingStarted(
            run_id=self.plan.run_id,
            dataset_id=order.dataset_id,
            dataset_version=order.version,
            dataset_digest=order.dataset_digest,
            category=recipe.category,
            option=recipe.option,
            architecture=recipe.architecture,
            config=_ref(self.config) if self.config else None,
            attempt=attempt,
            first_epoch=record.first_epoch,
            total_epochs=record.total_epochs,
            host=record.host,
            device=record.device,
            world_size=record.world_size,
            git_commit=self.announcer.git_commit,
            started_at=_timestamp(self.announcer.now()),
            export_formats=order.export_formats,
            parameters=flat_parameters(recipe),
            steps_per_epoch=record.steps_per_epoch,
            seed=recipe.seed,
        )

    def _progressed(self, attempt: int, record: Progressed) -> TrainingProgressed:
        return TrainingProgressed(run_id=self.plan.run_id, attempt=attempt, **asdict(record))

    def _folding(self, attempt: int, record: FoldProgressed) -> TrainingProgressed:
        told = {name: value for name, value in asdict(record).items() if not name.startswith("fold")}
        return TrainingProgressed(run_id=self.plan.run_id, attempt=attempt, **told)

    def _epoch(self, attempt: int, record: EpochDone) -> EpochCompleted:
        plain = asdict(record) | {"val_loss": math.nan if record.val_loss is None else record.val_loss}
        told = {name: value for name, value in plain.items() if name not in REPORTED_ONLY}
        return EpochCompleted(run_id=self.plan.run_id, attempt=attempt, **told)


def _place_of(record: FoldProgressed) -> str:
    return f"{record.step}/fold-{record.fold}/{record.fold_step}"


def _ref(stored: Stored) -> ObjectRef:
    return ObjectRef(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes)


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


@asynccontextmanager
async def _broker_may_be_away() -> AsyncIterator[None]:
    try:
        yield
    except BusUnavailable as error:
        raise BrokerAway(str(error)) from error
