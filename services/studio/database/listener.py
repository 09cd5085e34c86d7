"""What other instances say by NOTIFY, heard on the event loop; after each break of the connection it is begun anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from services.studio.database.link import Link
from services.studio.database.port import DatabaseAway, Hear

log = logging.getLogger("truscore.studio")

AGAIN_S: Final = 1.0
MOST_AGAIN_S: Final = 10.0
ALIVE_S: Final = 10.0  # between two looks at whether the server is there
ANSWER_S: Final = 5.0


@asynccontextmanager
async def listen(connect: Callable[[], Link], channel: str, hear: Hear) -> AsyncIterator[None]:
    """`hear` is called with None after each LISTEN: what was said before it is lost."""
    task = asyncio.create_task(_keep_listening(connect, channel, hear), name=f"listen to {channel}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_listening(connect: Callable[[], Link], channel: str, hear: Hear) -> None:
    again_s = AGAIN_S
    while True:
        try:
            async with _open(connect) as link:
                await asyncio.to_thread(link.execute, f"LISTEN {channel}", answer_s=ANSWER_S)
                again_s = AGAIN_S
                hear(None)
                await _hear(link, hear)
        except DatabaseAway as error:
            log.warning("edits of other instances are not heard of, and this is tried again: %s", error.reason)
        except Exception:
            log.exception("edits of other instances are not heard of, and this is tried again")
        await asyncio.sleep(again_s)
        again_s = min(2 * again_s, MOST_AGAIN_S)


@asynccontextmanager
async def _open(connect: Callable[[], Link]) -> AsyncIterator[Link]:
    opening = asyncio.ensure_future(asyncio.to_thread(connect))
    try:
        link = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_late)
        raise
    try:
        yield link
    finally:
        link.close()


def _close_late(opening: asyncio.Future[Link]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def _hear(link: Link, hear: Hear) -> None:
    """Until the connection breaks: raises DatabaseAway."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    while True:
        readable.clear()
        descriptor = link.fileno()
        loop.add_reader(descriptor, readable.set)
        try:
            async with asyncio.timeout(ALIVE_S):
                await readable.wait()
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(descriptor)
        if not readable.is_set():
            await asyncio.to_thread(link.execute, "SELECT 1", answer_s=ANSWER_S)
        for payload in link.notices():
            hear(payload)
