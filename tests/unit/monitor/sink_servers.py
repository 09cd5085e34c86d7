"""Servers that notifications are sent to in tests: HTTP and SMTP on this machine, each of a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Received:
    """A request over HTTP: header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class HttpServer:
    """Answers each request with the next of `answers`, the last again and again; an empty one hangs."""

    answers: list[bytes]
    port: int = 0
    received: asyncio.Queue[Received] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received.put_nowait(Received(path=head[0].split()[1], headers=headers, body=body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer:
            writer.write(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        else:
            await reader.read()  # until the client leaves
        writer.close()


@dataclass(slots=True)
class MailServer:
    """Takes mail (RFC 5321), or refuses its recipient while `refusals` are left."""

    refusals: list[bytes] = field(default_factory=list)
    port: int = 0
    received: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 localhost ready\r\n")
        while line := await reader.readline():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                mail = await reader.readuntil(b"\r\n.\r\n")
                self.received.put_nowait(mail.decode())
                writer.write(b"250 taken\r\n")
            elif verb == b"RCPT" and self.refusals:
                writer.write(self.refusals.pop(0) + b"\r\n")
            else:
                writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 localhost\r\n")
            if verb == b"QUIT":
                break
        writer.close()


@asynccontextmanager
async def http_server(*answers: bytes) -> AsyncIterator[HttpServer]:
    server = HttpServer(list(answers))
    async with _listening(server):
        yield server


@asynccontextmanager
async def mail_server(*refusals: bytes) -> AsyncIterator[MailServer]:
    server = MailServer(list(refusals))
    async with _listening(server):
        yield server


@asynccontextmanager
async def _listening(server: HttpServer | MailServer) -> AsyncIterator[None]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        listening.close()
