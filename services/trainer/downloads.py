"""A file from an HTTP server: within a size and a time, checked by its digest, there whole or not at all."""

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Protocol

from truscore.storage.landing import landing

CHUNK_BYTES = 1 << 18
SILENCE_S = 30.0  # longest wait for the next bytes


class NotFetched(Exception):
    """The message names the address and why nothing came of it."""


class Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


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
    digest = hashlib.sha256()
    opener = urllib.request.build_opener(_NoLessSafe())
    try:
        answer = opener.open(url, timeout=min(timeout_s, SILENCE_S))
    except (OSError, HTTPException, ValueError) as error:
        raise NotFetched(f"{url}: {_reason(error)}") from error
    with answer, landing(place, uri=url) as file:
        for chunk in _chunks(answer, url, limit_bytes=limit_bytes):
            if clock() > deadline:
                raise NotFetched(f"{url}: not there whole after {timeout_s:g} s")
            digest.update(chunk)
            file.write(chunk)
        if not digest.hexdigest().startswith(sha256_prefix):
            raise NotFetched(f"{url}: has SHA-256 {digest.hexdigest()}, expected one that begins with {sha256_prefix}")


def _chunks(answer: HTTPResponse, url: str, *, limit_bytes: int) -> Iterator[bytes]:
    said = answer.headers.get("Content-Length", "")
    announced = int(said) if said.isascii() and said.isdecimal() else 0
    received = 0
    while True:
        if max(received, announced) > limit_bytes:
            raise NotFetched(f"{url}: {max(received, announced)} bytes, accepted are at most {limit_bytes}")
        # One read of the socket: a server that sends byte by byte must not hold us beyond the deadline.
        try:
            chunk = answer.read1(CHUNK_BYTES)
        except (OSError, HTTPException) as error:
            raise NotFetched(f"{url}: {_reason(error)} after {received} bytes") from error
        if not chunk:
            break
        received += len(chunk)
        yield chunk
    if received < announced:
        raise NotFetched(f"{url}: ended after {received} of {announced} bytes")


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
            raise urllib.error.URLError(f"redirected to {newurl}, accepted from {req.type} is https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return "no answer in time"
    return str(getattr(error, "reason", "")) or str(error) or type(error).__name__
