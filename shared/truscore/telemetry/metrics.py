"""The page that Prometheus reads. Knows HTTP; knows nothing of what is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server


@asynccontextmanager
async def serve_metrics(host: str, port: int, *, registry: CollectorRegistry = REGISTRY) -> AsyncIterator[int]:
    """Serve `/metrics` from a thread while inside; gives the bound port (`port` 0 takes any free one)."""
    server, thread = start_http_server(port, addr=host, registry=registry)
    try:
        yield server.server_port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()
