"""The studio's HTTP door: an ASGI application on a port, for as long as the service lives."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

STOP_S: Final = 5
MOST_CONNECTIONS: Final = 512
MOST_MESSAGE_BYTES: Final = 64 * 1024


class _Server(uvicorn.Server):
    """Signals are the service's: `truscore.bus.serve` ends everything in its order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve_http(application: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve while inside; gives the bound port (`port` 0 takes any free one). OSError where it can't be bound."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        ws="websockets-sansio",
        ws_max_size=MOST_MESSAGE_BYTES,
        timeout_graceful_shutdown=STOP_S,
    )
    server = _Server(config)
    listening = _bound(host, port)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        await serving


def _bound(host: str, port: int) -> socket.socket:
    """uvicorn's own way ends the process where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"the studio cannot listen on {host}:{port}: {error.strerror}") from error
    return listening
