"""Deliveries of a stream as they come off the wire: what FastStream, aio-pika and aiormq do for each costs more than
reading.

Connection, channel and queue are aio-pika's, which bring the consumer back after a lost connection.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from aio_pika.abc import AbstractRobustConnection, AbstractRobustQueue
from aio_pika.robust_queue import RobustQueue

from truscore.bus import declarations
from truscore.bus.connection import Channel
from truscore.bus.deliveries import Delivery

TIMEOUT_S: Final = 30

Receive = Callable[[Delivery], None]


@dataclass(kw_only=True, slots=True)
class StreamConsumer:
    """A consumer on a channel of its own, back after a lost connection with `arguments` as they are then."""

    queue: declarations.Queue
    receive: Receive
    prefetch: int
    arguments: dict[str, Any]
    consumed: AbstractRobustQueue | None = field(default=None, init=False)
    tag: str | None = field(default=None, init=False)

    async def begin(self, connection: AbstractRobustConnection, *, passive: bool) -> None:
        """`passive` where the queue is another user's to declare."""
        channel = await connection.channel()
        channel.QUEUE_CLASS = _DirectQueue
        await channel.set_qos(prefetch_count=self.prefetch)
        self.consumed = await channel.declare_queue(
            self.queue.name,
            durable=True,
            arguments=None if passive else self.queue.arguments,
            passive=passive,
            timeout=TIMEOUT_S,
        )
        receive: Any = self.receive
        self.tag = await self.consumed.consume(receive, arguments=self.arguments, timeout=TIMEOUT_S)


async def _never(message: object) -> None:
    raise AssertionError(f"{message!r} was not taken out of the connection's bytes")


class _DirectQueue(RobustQueue):
    """Hands over what is in the bytes of the connection; `callback` is called with a Delivery, and not awaited."""

    async def consume(  # noqa: PLR0917  aio-pika's own parameters
        self,
        callback: Callable[[Any], Awaitable[Any]],
        no_ack: bool = False,
        exclusive: bool = False,
        arguments: Any = None,
        consumer_tag: str | None = None,
        timeout: float | None = None,
        robust: bool = True,
    ) -> str:
        channel = await self.channel.get_underlay_channel()
        tag = consumer_tag or f"stream.{uuid4().hex}"
        receive: Any = callback
        assert isinstance(self.channel, Channel)
        # Before it is asked for: the first entries may come with the answer.
        self.channel.take_deliveries(channel, tag, receive)
        await channel.basic_consume(
            self.name,
            _never,
            no_ack=no_ack,
            exclusive=exclusive,
            arguments=arguments,
            consumer_tag=tag,
            timeout=timeout,
        )
        if robust:
            self._consumers[tag] = {
                "callback": callback, "no_ack": no_ack, "exclusive": exclusive, "arguments": arguments,
            }  # fmt: skip
        return tag
