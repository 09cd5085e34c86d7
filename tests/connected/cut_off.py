"""A broker's address whose connections end after a given number of the broker's frames, as when it dies just then."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pamqp import commands, frame

HEADER: Final = 7  # of a frame: type, channel, size; the payload and an octet of end follow (AMQP 0-9-1, 2.3.5)


class CutOff:
    """Stands before the broker of `amqp_url`."""

    def __init__(self, amqp_url: str) -> None:
        self._parts = urlsplit(amqp_url)
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.ends: list[int] = []  # how many frames each of the next connections hands on before it is closed
        self.falls_silent: list[int] = []  # the same of connections that are not closed then; these come first
        self.is_silent = False  # from now on nothing arrives on either side, and nothing is closed or refused
        self.made = 0

    async def begin(self) -> str:
        """The address that stands for the broker's."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{port}"))

    def cut(self, *, after: int = 0) -> None:
        """All connections as they are now, once so many more frames of the broker have come."""
        for link in tuple(self._links):
            link.end_after(after)

    def consumers(self) -> int:
        """How many the broker has said there are, on all connections as they are now."""
        return sum(link.consumers for link in self._links)

    def cancel_consumers(self) -> int:
        """Say of each consumer, as a broker does whose queues go, that it is one no more. Gives how many there were."""
        return sum(link.cancel_consumers() for link in self._links)

    async def end(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        bound = self.falls_silent or self.ends
        link = _Link(self, writer, closes=not self.falls_silent, left=bound.pop(0) if bound else None)
        self._links.add(link)
        there, back = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        tasks = {asyncio.create_task(self._forward(reader, back)), asyncio.create_task(link.hand_on(there))}
        self._tasks |= tasks
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            back.close()
            writer.close()
            self._links.discard(link)
            self._tasks -= tasks

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if not self.is_silent:
                    writer.write(data)
                    await writer.drain()


class _Link:
    """What one client gets of the broker."""

    def __init__(self, of: CutOff, writer: asyncio.StreamWriter, *, left: int | None, closes: bool) -> None:
        self._of = of
        self._writer = writer
        self._left = left
        self._closes = closes
        self._consumers: list[tuple[int, str]] = []  # channel and tag

    def end_after(self, frames: int) -> None:
        self._left = frames
        self._closes = True
        if frames == 0:
            self._writer.close()

    @property
    def consumers(self) -> int:
        return len(self._consumers)

    def cancel_consumers(self) -> int:
        for channel, tag in self._consumers:
            self._writer.write(frame.marshal(commands.Basic.Cancel(consumer_tag=tag, nowait=True), channel))
        return len(self._consumers)

    async def hand_on(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while self._left != 0:
                header = await reader.readexactly(HEADER)
                whole = header + await reader.readexactly(int.from_bytes(header[3:]) + 1)
                self._note(whole)
                if self._left != 0 and not self._of.is_silent:
                    self._writer.write(whole)
                    self._left = None if self._left is None else self._left - 1
            if not self._closes:
                await asyncio.Event().wait()

    def _note(self, whole: bytes) -> None:
        _, channel, found = frame.unmarshal(whole)
        if isinstance(found, commands.Basic.ConsumeOk):
            self._consumers.append((channel, str(found.consumer_tag)))
