"""The socket under aiormq, and what is taken out of its bytes before aiormq reads them.

aiormq makes three frames of a delivery and a task for it, in Python, each frame by three reads: 100 µs of a core. A
monitor reads a million of them before it answers. Here the deliveries of a stream's consumer are cut out of the bytes
as they arrive, by their consumer tag; everything else, and everything of other consumers, goes on to aiormq as it came.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final, SupportsIndex

from aiormq import TransportFactory
from aiormq.abc import AbstractChannel
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from truscore.bus.deliveries.delivery import Delivery

FRAME: Final = Struct(">BHI")  # kind, channel, size of the payload
BODY_SIZE: Final = Struct(">Q")
BODY_SIZE_AT: Final = 4
METHOD, HEADER = 1, 2
END: Final = 0xCE
DELIVER: Final = bytes((0, 60, 0, 60))
TAG: Final = Struct(">Q")
HEARTBEAT: Final = bytes((8, 0, 0, 0, 0, 0, 0, END))
HEARTBEAT_S: Final = 1.0
LIMIT: Final = 2**16  # asyncio's own

Receive = Callable[[Delivery], None]


@dataclass(kw_only=True, slots=True)
class _Unfinished:
    """A delivery whose header or body has not arrived yet."""

    channel: AbstractChannel
    receive: Receive
    tag: int
    routing_key: str
    header: bytes = b""
    missing: int = 0  # bytes of the body
    body: list[bytes] = field(default_factory=list)

    def delivered(self) -> Delivery:
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        return Delivery(self.channel, self.tag, self.routing_key, self.header, body)


class DeliveryReader(asyncio.StreamReader):
    """The bytes of one connection without the deliveries that somebody takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        super().__init__(limit=LIMIT, loop=loop)
        self._clock = clock
        self._takers: dict[bytes, tuple[AbstractChannel, Receive]] = {}
        self._unfinished: dict[int, _Unfinished] = {}
        self._rest = b""
        self._seen_at: float | None = None

    def take(self, channel: AbstractChannel, consumer_tag: str, receive: Receive) -> None:
        """Have what is delivered to the tag, from now on; no two consumers of a connection may have the same."""
        self._takers[consumer_tag.encode()] = channel, receive

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """As the socket gives them. Whole frames go on, those of deliveries that are taken do not."""
        data = self._rest + bytes(data)
        at, kept, taken, end = 0, 0, False, len(data)
        while end - at >= FRAME.size:
            kind, channel, size = FRAME.unpack_from(data, at)
            last = at + FRAME.size + size
            if last >= end:
                break
            if data[last] == END and self._takes(kind, channel, data[at + FRAME.size : last]):
                if kept < at:
                    super().feed_data(data[kept:at])
                kept, taken = last + 1, True
            at = last + 1
        self._rest = data[at:]
        if kept < at:
            super().feed_data(data[kept:at])
        if taken:
            self._show_life()

    def feed_eof(self) -> None:
        """What came before it and is no whole frame is for aiormq to be told of."""
        if self._rest:
            super().feed_data(self._rest)
            self._rest = b""
        super().feed_eof()

    def _show_life(self) -> None:
        """A broker that sends something sends no heartbeats, and by these aiormq judges whether it is still there."""
        now = self._clock()
        if self._seen_at is None or now - self._seen_at >= HEARTBEAT_S:
            self._seen_at = now
            super().feed_data(HEARTBEAT)

    def _takes(self, kind: int, channel: int, payload: bytes) -> bool:
        if kind == METHOD:
            self._unfinished.pop(channel, None)
            return payload.startswith(DELIVER) and self._begins(channel, payload)
        unfinished = self._unfinished.get(channel)
        if unfinished is None:
            return False
        if kind == HEADER:
            unfinished.header = payload
            (unfinished.missing,) = BODY_SIZE.unpack_from(payload, BODY_SIZE_AT)
        else:
            unfinished.body.append(payload)
            unfinished.missing -= len(payload)
        if unfinished.missing <= 0:
            del self._unfinished[channel]
            unfinished.receive(unfinished.delivered())
        return True

    def _begins(self, channel: int, payload: bytes) -> bool:
        """Whether the consumer's deliveries are taken: tag, number, whether it comes again, exchange, routing key."""
        begin = len(DELIVER) + 1
        end = begin + payload[begin - 1]
        taker = self._takers.get(payload[begin:end])
        if taker is None:
            return False
        (tag,) = TAG.unpack_from(payload, end)
        exchange_at = end + TAG.size + 1
        key_at = exchange_at + 1 + payload[exchange_at]
        key = payload[key_at + 1 : key_at + 1 + payload[key_at]].decode("utf-8", "replace")
        self._unfinished[channel] = _Unfinished(channel=taker[0], receive=taker[1], tag=tag, routing_key=key)
        return True


class Transport(TransportFactory):
    """Opens aiormq's sockets, with TLS where the address says so. `reader` is the newest connection's."""

    def __init__(self) -> None:
        self.reader: DeliveryReader | None = None

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As `asyncio.open_connection`. AMQPConnectionError."""
        provider, loop = kwargs.pop("ssl_context_provider"), asyncio.get_running_loop()
        tls = await provider.get_context() if url.scheme == "amqps" else None
        reader = DeliveryReader(loop, loop.time)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, host=url.host or "", port=url.port or 0, ssl=tls, **kwargs
            )
        except OSError as error:
            raise AMQPConnectionError(*error.args) from error
        self.reader = reader
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
