"""One entry of a stream as it was delivered, read when it is asked for."""

from collections.abc import Mapping
from typing import Any

from aiormq.abc import AbstractChannel

from truscore.bus.codec import Wire
from truscore.bus.deliveries.properties import wire_of_frames


class Delivery:
    """One entry of a stream."""

    __slots__ = ("_body", "_header", "_wire", "channel", "routing_key", "tag")

    def __init__(self, channel: AbstractChannel, tag: int, routing_key: str, header: bytes, body: bytes) -> None:
        #: That it came by.
        self.channel = channel
        self.tag = tag
        self.routing_key = routing_key
        self._header = header
        self._body = body
        self._wire: Wire | None = None

    @property
    def wire(self) -> Wire:
        """As the codec reads it."""
        if self._wire is None:
            self._wire = wire_of_frames(self._header, self._body)
        return self._wire

    @property
    def headers(self) -> Mapping[str, Any]:
        return self.wire.headers

    @property
    def is_gone(self) -> bool:
        """Whether its channel was closed: then it comes again on the next."""
        return bool(self.channel.is_closed)

    async def confirm(self) -> None:
        """This entry and all before it on its channel."""
        await self.channel.basic_ack(self.tag, multiple=True)
