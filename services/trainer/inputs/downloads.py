"""A file from an HTTP server: within a size and a time, checked by its digest, there whole or not at all."""

import hashlib
import io
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from truscore.storage.atomic_write import atomic_write

CHUNK_BYTES = 1 << 18
SILENCE_S = 30.0  # longest wait for the next bytes


class NotFetched(Exception):
    """The message names the address and why nothing came of it."""


class _Overdue(TimeoutError):
    """No time is left for all of it."""


def download(
    url: str,
    place: Path,
    *,
    sha256_prefix: str,
    limit_bytes: int,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Put the file at its place. Raises NotFetched, and NoSpace or OSError where the disk won't have it.

    ``timeout_s`` is for all of it; the system's proxy is used, and no redirection leads from https to http.
    """
    deadline = clock() + timeout_s

    def wait_s() -> float:
        if (left_s := deadline - clock()) <= 0:
            raise _Overdue(f"not there whole within {timeout_s:g} s")
        return min(left_s, SILENCE_S)

    digest = hashlib.sha256()
    opener = urllib.request.build_opener(_NoLessSafe(), _Http(wait_s), _Https(wait_s))
    try:
        answer = opener.open(url, timeout=min(timeout_s, SILENCE_S))
    # An address may name a port that there is none of: OverflowError.
    except (OSError, HTTPException, ValueError, OverflowError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise NotFetched(f"{url}: {_reason(error)}") from error
    with answer, atomic_write(place, uri=url) as file:
        for chunk in _chunks(answer, url, limit_bytes=limit_bytes):
            digest.update(chunk)
            file.write(chunk)
        if not digest.hexdigest().startswith(sha256_prefix):
            raise NotFetched(f"{url}: has SHA-256 {digest.hexdigest()}, expected one that begins with {sha256_prefix}")


def _chunks(answer: HTTPResponse, url: str, *, limit_bytes: int) -> Iterator[bytes]:
    length_text = answer.headers.get("Content-Length", "")
    announced = int(length_text) if length_text.isascii() and length_text.isdecimal() else 0
    received = 0
    while True:
        if max(received, announced) > limit_bytes:
            raise NotFetched(f"{url}: {max(received, announced)} bytes, accepted are at most {limit_bytes}")
        try:
            chunk = answer.read1(CHUNK_BYTES)
        except (OSError, HTTPException) as error:
            raise NotFetched(f"{url}: {_reason(error)}, after {received} bytes") from error
        if not chunk:
            break
        received += len(chunk)
        yield chunk
    if received < announced:
        raise NotFetched(f"{url}: ended after {received} of {announced} bytes")


class _Timed(io.RawIOBase):
    """What a server sends. Each read waits as long as is left by then: of headers, trailers and bodies that come on and
    on no part holds us beyond the deadline."""

    def __init__(self, sent: io.RawIOBase, connection: socket.socket, wait_s: Callable[[], float]) -> None:
        self._sent, self._connection, self._wait_s = sent, connection, wait_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(self._wait_s())
        return self._sent.readinto(buffer)

    def close(self) -> None:
        self._sent.close()
        super().close()


class _Answer(HTTPResponse):
    def __init__(self, connection: socket.socket, *, wait_s: Callable[[], float], **options: Any) -> None:
        super().__init__(connection, **options)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), connection, wait_s))


class _Http(urllib.request.HTTPHandler):
    def __init__(self, wait_s: Callable[[], float]) -> None:
        super().__init__()
        self._wait_s = wait_s

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_connection, HTTPConnection, self._wait_s), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, wait_s: Callable[[], float]) -> None:
        super().__init__()
        self._wait_s = wait_s

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_connection, HTTPSConnection, self._wait_s), req)


def _connection(kind: type[HTTPConnection], wait_s: Callable[[], float], host: str, **options: Any) -> HTTPConnection:
    connection = kind(host, **options)
    connection.response_class = partial(_Answer, wait_s=wait_s)  # type: ignore[assignment]  # called, no more
    return connection


class _NoLessSafe(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917  as the library calls it
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.startswith(("https://", f"{req.type}://")):
            parts = urlsplit(newurl)  # its query may be a signature that opens the object to whoever reads the log
            whither = f"{parts.scheme}://{parts.hostname}"
            raise urllib.error.URLError(f"redirected to {whither}, accepted from {req.type} is https")
        try:
            _ = urlsplit(newurl).port
        except ValueError as error:
            raise urllib.error.URLError(f"redirected to a port that there is none of: {error}") from error
        fp.close()  # the library would read the page that stands with it to its end, however long
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, TimeoutError) and not isinstance(reason, _Overdue):
        return "no answer in time"
    return str(reason) or type(error).__name__
