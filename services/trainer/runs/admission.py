"""An order in hand: which run it is attached to, and what is published of it. The training itself is next door."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from services.trainer.inputs.workspace import CannotPrepare
from services.trainer.run_store.attempts import Attempt, is_open
from services.trainer.run_store.outcome import read_outcome
from services.trainer.run_store.uploads import LATEST, Pointer, read_pointer
from services.trainer.runs.context import HandedBack, RunContext
from services.trainer.runs.orchestrator import Orchestrator
from services.trainer.runs.places import wait_for_place
from services.trainer.runs.publisher import Failure

BEATS_TO_WATCH = 3
HEAD_START_BEATS = 2


async def perform(context: RunContext) -> None:
    """Return once the order is answered. Raises HandedBack, and whatever a fault raises."""
    await _let_priority_copy_go_first(context)
    if await _is_answered(context) or await _is_led_elsewhere(context):
        return
    if stop_request := await asyncio.to_thread(context.stop_requests.strongest):
        await asyncio.to_thread(_keep_first_order, context)
        await _stop_before_start(context, stop_request.word, stop_request.reason)
        return
    await asyncio.to_thread(context.deps.store.put, context.keys.order, context.plan.order.wire)
    async with context.attaching("queued"):
        try:
            await _train_in_turn(context)
        finally:
            context.deps.slots.release(context.claim)


async def _let_priority_copy_go_first(context: RunContext) -> None:
    """An order with a priority is delivered twice. Where two idle trainers have one each, one of them begins."""
    order = context.plan.order
    if order.priority and not order.prioritized and not order.redelivered:
        with suppress(TimeoutError):
            async with asyncio.timeout(HEAD_START_BEATS * context.deps.limits.beat_s):
                await context.stop.changed.wait()


async def _train_in_turn(context: RunContext) -> None:
    waited = await wait_for_place(context)
    if context.stop.word == "drain":
        raise HandedBack
    if context.stop.word in ("cancel", "pause"):
        await context.conclude()
        await _stop_before_start(context, context.stop.word, context.stop.reason)
        return
    # Meanwhile another trainer may have met the order.
    if waited and (await _is_answered(context) or await _is_led_elsewhere(context)):
        return
    await _train(context)


async def _train(context: RunContext) -> None:
    try:
        prepared = await asyncio.to_thread(context.deps.workspace.lay_out, context.plan)
    except CannotPrepare as reason:
        await _fail_before_start(context, reason)
        return
    await Orchestrator(context, prepared).perform()


async def _is_answered(context: RunContext) -> bool:
    """Whether the run is over. Then its end is published once more: this order may be of somebody who missed it."""
    run_outcome = await asyncio.to_thread(read_outcome, context.deps.store, context.keys)
    if run_outcome is None or not run_outcome.answers(context.plan.order.ordered_at):
        return False
    context.log.info("the order was answered before", outcome=run_outcome.outcome)
    await context.attach(run_outcome.outcome)
    if event := run_outcome.event:
        await context.publish(lambda: context.publisher.republish(context.plan.run_id, event))
    return True


async def _is_led_elsewhere(context: RunContext) -> bool:
    """Whether another trainer answers the order, as it has the run in hand.

    The delivery it was started for is unacknowledged until the run ends, so nothing is lost by acknowledging this
    one. A redelivery is no repeat: the broker takes its holder for gone, and the marker fences it off if it isn't.
    """
    if context.plan.order.redelivered:
        return False
    attached = False
    while await _is_alive_elsewhere(context):
        if attached:
            # Alive after the order was attached: whatever the run comes to is published later than that.
            return True
        context.log.info("another trainer has the run in hand")
        await context.attach("running")
        attached = True
    return await _is_answered(context)


async def _is_alive_elsewhere(context: RunContext) -> bool:
    """Watch the latest attempt for a sign of life from now on."""
    before = await asyncio.to_thread(context.attempts.latest)
    if not is_open(before):
        return False
    for _ in range(2 * BEATS_TO_WATCH):
        await asyncio.sleep(context.deps.limits.beat_s / 2)
        after = await asyncio.to_thread(context.attempts.latest)
        if not is_open(after):
            return False
        if after != before:
            return True
    return False


def _keep_first_order(context: RunContext) -> None:
    """What a resume orders again. A paused run goes on with the dataset that it began with."""
    if context.deps.store.stat(context.keys.order) is None:
        context.deps.store.put(context.keys.order, context.plan.order.wire)


async def _stop_before_start(context: RunContext, word: str, reason: str) -> None:
    latest, pointer = await asyncio.to_thread(_past, context)
    attempt, step = latest.number if latest else 0, pointer.step if pointer else 0
    publisher = context.publisher.for_run(context.plan)
    await context.attach("paused" if word == "pause" else "cancelled")
    if word == "pause":
        checkpoint = pointer.stored if pointer else None
        await context.publish(lambda: publisher.paused(step=step, checkpoint=checkpoint, attempt=attempt))
        return
    await context.end(
        lambda: publisher.cancelled(reason=reason, step=step, attempt=attempt), "cancelled", attempt=attempt
    )


async def _fail_before_start(context: RunContext, reason: CannotPrepare) -> None:
    context.log.warning("the run cannot be started", code=reason.code, message=str(reason))
    latest, pointer = await asyncio.to_thread(_past, context)
    failure = Failure(
        code=reason.code, message=str(reason), retryable=reason.retryable,
        attempt=latest.number if latest else 0, epoch=pointer.epoch if pointer else 0,
    )  # fmt: skip
    await context.end(
        lambda: context.publisher.for_run(context.plan).failed(failure), "failed", attempt=failure.attempt,
        code=failure.code, retryable=failure.retryable,
    )  # fmt: skip


def _past(context: RunContext) -> tuple[Attempt | None, Pointer | None]:
    return context.attempts.latest(), read_pointer(context.deps.store, context.keys, LATEST)
