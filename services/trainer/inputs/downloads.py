"""A file from an HTTP server: within a size and a time, checked by its digest, there whole or not at all."""

import hashlib
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from truscore.storage.object_file import object_file
from urllib3 import exceptions

CHUNK_BYTES = 1 << 18
SILENCE_S = 30.0  # longest wait for the next bytes
MOST_REDIRECTIONS = 10


class NotFetched(Exception):
    """The message names the address and why nothing came of it."""


def download(url: str, place: Path, *, sha256_prefix: str, limit_bytes: int, timeout_s: float) -> None:
    """Put the file at its place. Raises NotFetched, and NoSpace or OSError where the disk won't have it.

    ``timeout_s`` is for all of it; the system's proxy is used, and no redirection leads from https to http.
    """
    digest = hashlib.sha256()
    with _Deadline(timeout_s) as deadline:
        try:
            response = _open(url, deadline)
        except _FAILURES as error:
            raise NotFetched(f"{url}: {deadline.reason(error)}") from error
        with response, object_file(place, uri=url) as file:
            for chunk in _chunks(response, url, deadline, limit_bytes=limit_bytes):
                digest.update(chunk)
                file.write(chunk)
            if not digest.hexdigest().startswith(sha256_prefix):
                raise NotFetched(
                    f"{url}: has SHA-256 {digest.hexdigest()}, expected one that begins with {sha256_prefix}"
                )


class _ResponseRefused(ValueError):
    """An answer that is not followed or read."""


# OverflowError: an address may name a port that there is none of. OSError: what sockets raise below urllib3.
_FAILURES = (exceptions.HTTPError, OSError, ValueError, OverflowError)


class _Deadline:
    """Ends the open connection once the time is over. urllib3's own timeouts are for one wait each: headers, trailers
    and bodies that come on and on would hold us for ever."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._ends_at = time.monotonic() + timeout_s
        self._over, self._done = Event(), Event()
        self._connection: Any = None  # the last one opened
        self._thread = Thread(target=self._end, name="download deadline", daemon=True)

    def __enter__(self) -> "_Deadline":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def wait_s(self) -> float:
        """The longest wait from now for one answer of a server."""
        return max(min(self._ends_at - time.monotonic(), SILENCE_S), 0.001)

    def connect(self, kind: type[Any], **options: Any) -> Any:
        """A connection of urllib3 that the deadline ends."""
        self._connection = kind(**options)
        return self._connection

    def check(self) -> None:
        if self._over.is_set():
            raise _ResponseRefused

    def reason(self, error: Exception) -> str:
        """Why nothing came of it, in words for whoever reads the refusal."""
        return f"not there whole within {self.timeout_s:g} s" if self._over.is_set() else _reason(error)

    def _end(self) -> None:
        if self._done.wait(self.timeout_s):
            return
        self._over.set()
        while True:  # a connection may be on its way just now, or a redirection open the next
            if sock := getattr(self._connection, "sock", None):
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            if self._done.wait(0.05):
                return


def _open(url: str, deadline: _Deadline) -> urllib3.BaseHTTPResponse:
    for _ in range(MOST_REDIRECTIONS + 1):
        manager = _manager(url)
        pool = manager.connection_from_url(url)
        pool.ConnectionCls = partial(deadline.connect, pool.ConnectionCls)  # type: ignore[assignment]  # called, no more
        # Redirections are followed here: urllib3 would read the page that stands with one to its end, however long.
        response = manager.request(
            "GET", url, redirect=False, retries=False, preload_content=False, decode_content=False,
            enforce_content_length=False, timeout=urllib3.Timeout(deadline.wait_s()),
        )  # fmt: skip
        if response.status == 200:
            return response
        response.close()
        location = response.get_redirect_location()
        if not location:
            raise _ResponseRefused(f"HTTP {response.status} {response.reason}")
        url = _redirected(url, location)
    raise _ResponseRefused(f"redirected more than {MOST_REDIRECTIONS} times")


def _manager(url: str) -> urllib3.PoolManager:
    """Through the system's proxy (http_proxy, https_proxy, all_proxy), where it has one and no_proxy excludes nothing
    of the address."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return urllib3.PoolManager()
    login = urlsplit(proxy)
    headers = (
        urllib3.make_headers(proxy_basic_auth=f"{login.username}:{login.password or ''}") if login.username else None
    )
    return urllib3.ProxyManager(proxy, proxy_headers=headers)


def _redirected(url: str, location: str) -> str:
    """Raises _ResponseRefused where the way leads from https to less, or nowhere."""
    target, scheme = urljoin(url, location), urlsplit(url).scheme
    parts = urlsplit(target)
    if parts.scheme not in {"https", scheme}:
        # Without its query: that may be a signature that opens the object to whoever reads the log.
        raise _ResponseRefused(f"redirected to {parts.scheme}://{parts.hostname}, accepted from {scheme} is https")
    try:
        _ = parts.port
    except ValueError as error:
        raise _ResponseRefused(f"redirected to a port that there is none of: {error}") from error
    return target


def _chunks(response: urllib3.BaseHTTPResponse, url: str, deadline: _Deadline, *, limit_bytes: int) -> Iterator[bytes]:
    length_text = response.headers.get("Content-Length", "")
    announced = int(length_text) if length_text.isascii() and length_text.isdecimal() else 0
    received = 0
    while True:
        if max(received, announced) > limit_bytes:
            raise NotFetched(f"{url}: {max(received, announced)} bytes, accepted are at most {limit_bytes}")
        try:
            chunk = response.read1(CHUNK_BYTES)
            deadline.check()  # a connection that was ended reads as the end of the file
        except _FAILURES as error:
            raise NotFetched(f"{url}: {deadline.reason(error)}, after {received} bytes") from error
        if not chunk:
            break
        received += len(chunk)
        yield chunk
    if received < announced:
        raise NotFetched(f"{url}: ended after {received} of {announced} bytes")


def _reason(error: BaseException) -> str:
    if isinstance(error, exceptions.ProxyError):
        return f"the proxy: {_reason(error.original_error)}"
    if isinstance(error, exceptions.NewConnectionError | exceptions.ProtocolError) and error.__cause__:
        return _reason(error.__cause__)
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
