"""One WebSocket for each tab: it names what it shows, runs or an image, and is told as they change."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from services.studio.api.requests import session_of
from services.studio.parts import Studio, studio_of
from services.studio.watching.edits import Place
from services.studio.watching.hub import Seat, TooManyRuns

MOST_RUNS: Final = 20
SEND_S: Final = 20.0


async def live(socket: WebSocket) -> None:
    """The browser sends {"watch": [run, ...], "image": id}, each time all that it wants. It gets {"run": view} and, of
    the image's document, {"edit": {"image_id": id, "revision": number}}, or null for a revision to be asked for."""
    session_of(socket)
    await socket.accept()
    studio = studio_of(socket)
    sending: asyncio.Task[None] | None = None
    try:
        while True:
            wanted = _wanted(await socket.receive_text())
            if sending is not None:
                sending.cancel()
            sending = asyncio.create_task(_send(socket, studio, wanted))
    except WebSocketDisconnect:
        pass
    except ValueError as error:
        with suppress(RuntimeError):
            await socket.close(1008, str(error)[:100])
    finally:
        if sending is not None:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    runs: list[str]
    image_id: int | None


def _wanted(text: str) -> _Wanted:
    """Raises ValueError."""
    message: Any = json.loads(text)
    runs, image_id = (message.get("watch"), message.get("image")) if isinstance(message, dict) else (None, None)
    if not isinstance(runs, list) or len(runs) > MOST_RUNS or not all(isinstance(run, str) for run in runs):
        raise ValueError(f'accepted: {{"watch": up to {MOST_RUNS} run ids}}')
    if image_id is not None and type(image_id) is not int:
        raise ValueError('accepted: {"watch": run ids, "image": the id of one or null}')
    return _Wanted(runs=list(dict.fromkeys(runs)), image_id=image_id)


async def _send(socket: WebSocket, studio: Studio, wanted: _Wanted) -> None:
    try:
        async with AsyncExitStack() as seats:
            taken = [await seats.enter_async_context(studio.hub.seat(run)) for run in wanted.runs]
            watching = [_forward(socket, seat) for seat in taken]
            if wanted.image_id is not None:
                place = seats.enter_context(studio.edits.place(wanted.image_id))
                watching.append(_forward_edits(socket, wanted.image_id, place))
            await asyncio.gather(*watching)
    except TooManyRuns as error:
        await socket.send_json({"error": str(error)})


async def _forward_edits(socket: WebSocket, image_id: int, place: Place) -> None:
    revision = None  # what was saved while nobody told this page
    while True:
        async with asyncio.timeout(SEND_S):
            await socket.send_json({"edit": {"image_id": image_id, "revision": revision}})
        revision = await place.get()


async def _forward(socket: WebSocket, seat: Seat) -> None:
    while True:
        view = await seat.get()
        async with asyncio.timeout(SEND_S):
            await socket.send_json({"run": view})
