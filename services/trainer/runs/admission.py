"""An order in hand: which run it is attached to, and what is said of that run. The training itself is next door."""

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
    if wish := await asyncio.to_thread(case.wishes.strongest):
        await asyncio.to_thread(_keep_first_order, case)
        await _stop_before_start(case, wish.word, wish.reason)
        return
    await asyncio.to_thread(case.house.store.put, case.keys.order, case.plan.order.wire)
    async with case.attaching("queued"):
        await _train(case)


async def _train(case: Case) -> None:
    try:
        bench = await asyncio.to_thread(case.house.workspace.lay_out, case.plan)
    except CannotPrepare as reason:
        await _fail_before_start(case, reason)
        return
    await Training(case, bench).perform()


async def _is_answered(case: Case) -> bool:
    """Whether the run is over. Then its end is published once more: this order may be of somebody who missed it."""
    ending = await asyncio.to_thread(read_ending, case.house.store, case.keys)
    if ending is None or not ending.answers(case.plan.order.ordered_at):
        return False
    case.log.info("the order was answered before", outcome=ending.outcome)
    await case.attach(ending.outcome)
    if event := ending.event:
        await case.insist(lambda: case.voice.republish(case.plan.run_id, event))
    return True


async def _is_led_elsewhere(case: Case) -> bool:
    """Whether another trainer answers the order, as it has the run in hand.

    The delivery it was started for is unacknowledged until the run ends, so nothing is lost by acknowledging this
    one. A redelivery is no repeat: the broker takes its holder for gone, and the marker fences it off if it isn't.
    """
    if case.plan.order.redelivered:
        return False
    attached = False
    while await _is_alive_elsewhere(case):
        if attached:
            # Alive after the order was attached: whatever the run comes to is published later than that.
            return True
        case.log.info("another trainer has the run in hand")
        await case.attach("running")
        attached = True
    return await _is_answered(case)


async def _is_alive_elsewhere(case: Case) -> bool:
    """Watch the latest attempt for a sign of life from now on."""
    before = await asyncio.to_thread(case.attempts.latest)
    if not is_open(before):
        return False
    for _ in range(2 * BEATS_TO_WATCH):
        await asyncio.sleep(case.house.limits.beat_s / 2)
        after = await asyncio.to_thread(case.attempts.latest)
        if not is_open(after):
            return False
        if after != before:
            return True
    return False


def _keep_first_order(case: Case) -> None:
    """What a resume orders again. A paused run goes on with the dataset that it began with."""
    if case.house.store.stat(case.keys.order) is None:
        case.house.store.put(case.keys.order, case.plan.order.wire)


async def _stop_before_start(case: Case, word: str, reason: str) -> None:
    latest, pointer = await asyncio.to_thread(_past, case)
    attempt, step = latest.number if latest else 0, pointer.step if pointer else 0
    voice = case.voice.of(case.plan)
    await case.attach("paused" if word == "pause" else "cancelled")
    if word == "pause":
        checkpoint = pointer.stored if pointer else None
        await case.insist(lambda: voice.paused(step=step, checkpoint=checkpoint, attempt=attempt))
        return
    await case.end(lambda: voice.cancelled(reason=reason, step=step, attempt=attempt), "cancelled", attempt=attempt)


async def _fail_before_start(case: Case, reason: CannotPrepare) -> None:
    case.log.warning("the run cannot be started", code=reason.code, message=str(reason))
    latest, pointer = await asyncio.to_thread(_past, case)
    failure = Failure(
        code=reason.code, message=str(reason), retryable=reason.retryable,
        attempt=latest.number if latest else 0, epoch=pointer.epoch if pointer else 0,
    )  # fmt: skip
    await case.end(
        lambda: case.voice.of(case.plan).failed(failure), "failed", attempt=failure.attempt, code=failure.code,
        retryable=failure.retryable,
    )  # fmt: skip


def _past(case: Case) -> tuple[Attempt | None, Pointer | None]:
    return case.attempts.latest(), read_pointer(case.house.store, case.keys, LATEST)
