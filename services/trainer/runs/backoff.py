"""Trying again while a server is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from truscore.storage import NoSpace, StoreError

PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
T = TypeVar("T")
log = structlog.get_logger(__name__)


async def patiently(
    action: Callable[[], Awaitable[T]], *, away: Callable[[Exception], bool], doing: str, deadline_s: float
) -> T:
    """What the action returns at last. The last error where it failed for `deadline_s`, any other error at once."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    turn = 0
    while True:
        try:
            return await action()
        except Exception as error:
            pause_s = PAUSES_S[min(turn, len(PAUSES_S) - 1)]
            if not away(error) or loop.time() + pause_s > deadline:
                raise
            log.warning("a server is away; trying again", doing=doing, pause_s=pause_s, error=str(error))
        await asyncio.sleep(pause_s)
        turn += 1


def store_away(error: Exception) -> bool:
    """Whether the store may answer later. A full disk is no such thing: it is ours."""
    return isinstance(error, StoreError) and error.retryable and not isinstance(error, NoSpace)
