"""Waiting for a place to train in, with an ear for requests to stop meanwhile."""

from __future__ import annotations

import asyncio

from truscore.storage import StoreError

from services.trainer.runs.context import RunContext


async def wait_for_place(context: RunContext) -> bool:
    """Return once the run has a place, or is requested to stop; whether it had to wait."""
    claim, slots = context.claim, context.deps.slots
    slots.claim(claim)
    if claim.granted.is_set():
        return False
    context.log.info("waiting for a place", priority=claim.priority)
    while not claim.granted.is_set() and not context.stop.word:
        await _look_again(context)
    return True


async def _look_again(context: RunContext) -> None:
    """Wait for one of the two; a request that did not reach this process by the broker lies in the store."""
    context.stop.changed.clear()
    events = [asyncio.create_task(event.wait()) for event in (context.claim.granted, context.stop.changed)]
    try:
        done, _ = await asyncio.wait(events, timeout=context.deps.limits.beat_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for event in events:
            event.cancel()
    if done:
        return
    try:
        stop_request = await asyncio.to_thread(context.stop_requests.strongest)
    except StoreError as error:
        context.log.warning("could not look into the store", error=str(error))
        return
    if stop_request:
        context.stop.request(stop_request.word, reason=stop_request.reason)
