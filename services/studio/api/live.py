"""One WebSocket for each tab: it names the runs that it shows, and is sent their views as they change."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from services.studio.api.requests import session_of
from services.studio.parts import studio_of
from services.studio.watching.hub import Hub, Seat, TooManyRuns

MOST_RUNS: Final = 20
SEND_S: Final = 20.0


async def live(socket: WebSocket) -> None:
    """The browser sends {"watch": [run, ...]}, each time all that it wants; it gets {"run": view}."""
    session_of(socket)
    await socket.accept()
    hub = studio_of(socket).hub
    sending: asyncio.Task[None] | None = None
    try:
        while True:
            wanted = _wanted(await socket.receive_text())
            if sending is not None:
                sending.cancel()
            sending = asyncio.create_task(_send(socket, hub, wanted))
    except WebSocketDisconnect:
        pass
    except ValueError as error:
        with suppress(RuntimeError):
            await socket.close(1008, str(error)[:100])
    finally:
        if sending is not None:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


def _wanted(text: str) -> list[str]:
    """Raises ValueError."""
    message: Any = json.loads(text)
    runs = message.get("watch") if isinstance(message, dict) else None
    if not isinstance(runs, list) or len(runs) > MOST_RUNS or not all(isinstance(run, str) for run in runs):
        raise ValueError(f'accepted: {{"watch": up to {MOST_RUNS} run ids}}')
    return list(dict.fromkeys(runs))


async def _send(socket: WebSocket, hub: Hub, runs: list[str]) -> None:
    try:
        async with AsyncExitStack() as seats:
            taken = [await seats.enter_async_context(hub.seat(run)) for run in runs]
            await asyncio.gather(*(_forward(socket, seat) for seat in taken))
    except TooManyRuns as error:
        await socket.send_json({"error": str(error)})


async def _forward(socket: WebSocket, seat: Seat) -> None:
    while True:
        view = await seat.get()
        async with asyncio.timeout(SEND_S):
            await socket.send_json({"run": view})
