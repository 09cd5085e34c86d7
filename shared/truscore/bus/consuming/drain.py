"""How a service lets go of an order when it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from truscore.bus.errors import HandBack

Outcome = TypeVar("Outcome")


async def finish_or_hand_back(draining: asyncio.Event, work: Awaitable[Outcome]) -> Outcome:
    """What the work gives. Once the service drains, the work is cancelled and HandBack raised, unless it is done."""
    task, end = asyncio.ensure_future(work), asyncio.ensure_future(draining.wait())
    try:
        await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise HandBack
    finally:
        end.cancel()
        task.cancel()
        await asyncio.gather(task, end, return_exceptions=True)
