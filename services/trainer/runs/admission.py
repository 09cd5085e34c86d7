"""An order in hand: whether it needs an answer, and which. The training itself is next door."""

from __future__ import annotations

import asyncio

from services.trainer.inputs.workspace import CannotPrepare
from services.trainer.run_store.attempts import Attempt, is_open
from services.trainer.run_store.outcome import read_ending
from services.trainer.run_store.uploads import LATEST, Pointer, read_pointer
from services.trainer.runs.context import Case
from services.trainer.runs.orchestrator import Training
from services.trainer.runs.publisher import Failure

BEATS_TO_WATCH = 3


async def perform(case: Case) -> None:
    """Return once the order is answered. Raises HandedBack, and whatever a fault raises."""
    if await _is_answered(case) or await _is_led_elsewhere(case):
        return
    await asyncio.to_thread(case.house.store.put, case.keys.order, case.plan.order.wire)
    if wish := await asyncio.to_thread(case.wishes.strongest):
        await _stop_before_start(case, wish.word, wish.reason)
        return
    try:
        bench = await asyncio.to_thread(case.house.workspace.lay_out, case.plan)
    except CannotPrepare as reason:
        await _fail_before_start(case, reason)
        return
    await Training(case, bench).perform()


async def _is_answered(case: Case) -> bool:
    ending = await asyncio.to_thread(read_ending, case.house.store, case.keys)
    if ending is None or not ending.answers(case.plan.order.ordered_at):
        return False
    case.log.info("the order was answered before", outcome=ending.outcome)
    return True


async def _is_led_elsewhere(case: Case) -> bool:
    """Whether another trainer has the run in hand, so that this order is a mere repeat.

    The delivery it was started for is unacknowledged until the run ends, so nothing is lost by acknowledging this
    one. A redelivery is no repeat: the broker takes its holder for gone, and the marker fences it off if it isn't.
    """
    before = await asyncio.to_thread(case.attempts.latest)
    if not is_open(before) or case.plan.order.redelivered:
        return False
    for _ in range(2 * BEATS_TO_WATCH):
        await asyncio.sleep(case.house.limits.beat_s / 2)
        after = await asyncio.to_thread(case.attempts.latest)
        if not is_open(after):
            return False
        if after != before:
            case.log.info("another trainer has the run in hand")
            return True
    return False


async def _stop_before_start(case: Case, word: str, reason: str) -> None:
    latest, pointer = await asyncio.to_thread(_past, case)
    attempt, step = latest.number if latest else 0, pointer.step if pointer else 0
    voice = case.voice.of(case.plan)
    if word == "pause":
        checkpoint = pointer.stored if pointer else None
        await case.insist(lambda: voice.paused(step=step, checkpoint=checkpoint, attempt=attempt))
        return
    await case.insist(lambda: voice.cancelled(reason=reason, step=step, attempt=attempt))
    await case.end("cancelled", attempt=attempt)


async def _fail_before_start(case: Case, reason: CannotPrepare) -> None:
    case.log.warning("the run cannot be started", code=reason.code, message=str(reason))
    latest, pointer = await asyncio.to_thread(_past, case)
    failure = Failure(
        code=reason.code, message=str(reason), retryable=reason.retryable,
        attempt=latest.number if latest else 0, epoch=pointer.epoch if pointer else 0,
    )  # fmt: skip
    await case.insist(lambda: case.voice.of(case.plan).failed(failure))
    await case.end("failed", attempt=failure.attempt, code=failure.code, retryable=failure.retryable)


def _past(case: Case) -> tuple[Attempt | None, Pointer | None]:
    return case.attempts.latest(), read_pointer(case.house.store, case.keys, LATEST)
