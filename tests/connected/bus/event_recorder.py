"""What was received, awaited with a deadline, for tests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
from google.protobuf.message import Message
from truscore.bus import EXCHANGE, Envelope

DEADLINE_S = 30.0


class EventRecorder:
    """A handler that remembers, and first does what a test gave it to do."""

    def __init__(self, then: Callable[[Any, Envelope], Awaitable[None]] | None = None) -> None:
        self.received: list[tuple[Any, Envelope]] = []
        self._news = asyncio.Condition()
        self._then = then

    async def __call__(self, event: Any, envelope: Envelope, _offset: int = 0) -> None:
        async with self._news:
            self.received.append((event, envelope))
            self._news.notify_all()
        if self._then is not None:
            await self._then(event, envelope)

    async def first(self, count: int) -> list[tuple[Any, Envelope]]:
        """The first `count` received, once there are as many."""
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: len(self.received) >= count)
        return self.received[:count]

    async def ids(self, count: int) -> set[str]:
        """Ids received, once there are `count` different ones."""
        async with asyncio.timeout(2 * DEADLINE_S), self._news:
            await self._news.wait_for(lambda: len({published.event_id for _, published in self.received}) >= count)
        return {published.event_id for _, published in self.received}


async def until(check: Callable[[], Awaitable[bool]], deadline_s: float = DEADLINE_S) -> None:
    """Ask again and again until it holds; TimeoutError where it never does."""
    async with asyncio.timeout(deadline_s):
        while not await check():  # noqa: ASYNC110  the broker tells nobody when a queue is empty
            await asyncio.sleep(0.02)


async def publish_plainly(amqp_url: str, routing_key: str, body: bytes | Message, **properties: Any) -> None:
    """What a client without our library does."""
    content = body if isinstance(body, bytes) else body.SerializeToString()
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange(EXCHANGE)
        await exchange.publish(aio_pika.Message(content, delivery_mode=2, **properties), routing_key, mandatory=True)
