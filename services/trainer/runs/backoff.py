"""Which faults of the store may pass, and how long a trainer waits between tries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay, wait_chain, wait_fixed
from truscore.storage import NoSpace, StoreError

WAITS = wait_chain(*(wait_fixed(pause_s) for pause_s in (0.5, 1.0, 2.0, 5.0, 10.0)))  # the last one again and again
T = TypeVar("T")
log = structlog.get_logger(__name__)


async def retrying_store(action: Callable[[], Awaitable[T]], *, doing: str, deadline_s: float) -> T:
    """What the action returns at last. The last error where it failed for `deadline_s`, any other error at once."""

    def warn(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("the store is away; trying again", doing=doing, pause_s=state.upcoming_sleep, error=str(error))

    retrying = AsyncRetrying(
        retry=retry_if_exception(store_away), wait=WAITS, stop=stop_before_delay(deadline_s), before_sleep=warn,
        reraise=True,
    )  # fmt: skip

    # Not left to tenacity, which takes a lambda or a partial for a plain function and never awaits what it gives.
    async def attempt() -> T:
        return await action()

    return await retrying(attempt)


def store_away(error: BaseException) -> bool:
    """Whether the store may answer later. A full disk is no such thing: it is ours."""
    return isinstance(error, StoreError) and error.retryable and not isinstance(error, NoSpace)
