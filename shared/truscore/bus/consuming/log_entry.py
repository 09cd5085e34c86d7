"""Which event lies at a place of the log: readers that kept one ask whether it is still the same log."""

import asyncio
from datetime import UTC, datetime
from typing import Final

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from truscore.bus.broker import AWAY
from truscore.bus.codec import decode
from truscore.bus.consuming.delivery import wire_of
from truscore.bus.consuming.log_reader import OFFSET_ARGUMENT
from truscore.bus.errors import BusUnavailable, Undecodable, UnknownMessage
from truscore.bus.topology import LOG, row_routed

CONNECT_S: Final = 10.0
# Of a log that ends before the place nothing is delivered.
DELIVERED_S: Final = 10.0


async def event_id_at(amqp_url: str, offset: int) -> str | None:
    """The id of the event at the offset; None where there is no event, or none any more. BusUnavailable."""
    try:
        connection = await aio_pika.connect(amqp_url, timeout=CONNECT_S)
        async with connection:
            found = await _delivered(await connection.channel(), offset)
    except AWAY as error:
        raise BusUnavailable(f"the event log was not read at offset {offset}: {error!r}") from error
    if found is None:
        return None
    try:
        _, envelope = decode(wire_of(found), row_routed(found.routing_key or ""), received=datetime.now(tz=UTC))
    except (Undecodable, UnknownMessage):
        return None
    return envelope.event_id


async def _delivered(channel: aio_pika.abc.AbstractChannel, offset: int) -> AbstractIncomingMessage | None:
    """The entry at the offset; None where the log begins behind it or ends before it."""
    await channel.set_qos(prefetch_count=1)
    queue = await channel.get_queue(LOG, ensure=False)
    answer: asyncio.Future[AbstractIncomingMessage | None] = asyncio.get_running_loop().create_future()

    async def receive(message: AbstractIncomingMessage) -> None:
        at = int(str(message.headers[OFFSET_ARGUMENT]))
        if at >= offset and not answer.done():
            answer.set_result(message if at == offset else None)
        await message.ack()

    await queue.consume(receive, arguments={OFFSET_ARGUMENT: offset}, timeout=CONNECT_S)
    try:
        async with asyncio.timeout(DELIVERED_S):
            return await answer
    except TimeoutError:
        return None
