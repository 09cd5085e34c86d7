"""A store on any S3 server, through minio's client."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import S3Error
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.response import BaseHTTPResponse

from truscore.storage.address import Address, parse_object_uri, parse_uri
from truscore.storage.backoff import UntilDeadline
from truscore.storage.checksums import Proof, proof_of_bytes, proof_of_file
from truscore.storage.conditional_put import put_if
from truscore.storage.errors import DigestMismatch, InvalidUri, StoreUnavailable, TooLarge
from truscore.storage.object_file import object_file
from truscore.storage.s3_errors import translated
from truscore.storage.store import LIST_LIMIT, Entry, Progress, Stored

CHUNK_BYTES = 256 * 1024
CONNECTIONS = 32
PARALLEL_PARTS = 3
_SHA256_KEY = "x-amz-meta-sha256"
_SIGNED_FOR = timedelta(hours=1)


class _Secret(Protocol):
    def get_secret_value(self) -> str: ...


class StoreSettings(Protocol):
    """What names a store among a service's settings; no `buckets` is any bucket."""

    @property
    def s3_endpoint(self) -> str: ...
    @property
    def s3_access_key(self) -> _Secret: ...
    @property
    def s3_secret_key(self) -> _Secret: ...
    @property
    def buckets(self) -> Collection[str]: ...


class S3Store:
    """Objects on an S3 server. `timeout_s` bounds each wait and how long a failing request is repeated.

    With `buckets` an address in any other raises InvalidUri before the server is asked.
    """

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        region: str = "us-east-1",
        timeout_s: float = 30,
        *,
        buckets: Collection[str] = (),
    ) -> None:
        server = urlsplit(endpoint)
        if server.scheme not in {"http", "https"} or not server.netloc:
            raise ValueError(f'S3 endpoint {endpoint!r}: expected "http://host:port" or "https://host:port"')
        self.endpoint = endpoint
        self._timeout_s = timeout_s
        self._buckets = frozenset(buckets)
        self._connections = _connections(timeout_s)
        self._client = Minio(
            endpoint=server.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=server.scheme == "https",
            region=region,
            http_client=self._connections,
        )

    @classmethod
    def of(cls, settings: StoreSettings) -> Self:
        """The store that a service's settings name."""
        return cls(
            settings.s3_endpoint,
            settings.s3_access_key.get_secret_value(),
            settings.s3_secret_key.get_secret_value(),
            buckets=settings.buckets,
        )

    def put(self, uri: str, data: bytes, *, content_type: str = "application/octet-stream") -> Stored:
        return self._put(self._object(uri), io.BytesIO(data), proof_of_bytes(data), content_type, None)

    def put_if(self, uri: str, data: bytes, *, etag: str, content_type: str = "application/octet-stream") -> Stored:
        return self._put_if(uri, io.BytesIO(data), proof_of_bytes(data), etag, content_type)

    def put_file_if(self, uri: str, path: Path, *, etag: str, content_type: str = "application/octet-stream") -> Stored:
        proof = proof_of_file(path)
        with path.open("rb") as file:
            return self._put_if(uri, file, proof, etag, content_type)

    def put_file(
        self,
        uri: str,
        path: Path,
        *,
        content_type: str = "application/octet-stream",
        progress: Progress | None = None,
    ) -> Stored:
        address, proof = self._object(uri), proof_of_file(path)
        with path.open("rb") as file:
            return self._put(address, file, proof, content_type, progress)

    def get(self, uri: str, *, limit_bytes: int, sha256: str | None = None) -> bytes:
        buffer = io.BytesIO()
        self._pull(self._object(uri), buffer.write, sha256=sha256, limit_bytes=limit_bytes, progress=None)
        return buffer.getvalue()

    def get_file(
        self,
        uri: str,
        path: Path,
        *,
        sha256: str | None = None,
        limit_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> Stored:
        address = self._object(uri)
        with object_file(path, uri=uri) as file:
            return self._pull(address, file.write, sha256=sha256, limit_bytes=limit_bytes, progress=progress)

    def stat(self, uri: str) -> Entry | None:
        address = self._object(uri)
        with translated(uri):
            try:
                found = self._client.stat_object(address.bucket, address.key)
            except S3Error as error:
                if error.code in {"NoSuchKey", "NoSuchBucket"}:
                    return None
                raise
        recorded = (found.metadata or {}).get(_SHA256_KEY, "")
        return Entry(uri=uri, size_bytes=found.size or 0, etag=_bare(found.etag), sha256=recorded)

    def list(self, prefix_uri: str, *, limit: int = LIST_LIMIT) -> Iterator[Entry]:
        address = self._place(prefix_uri)
        with translated(prefix_uri):
            found = self._client.list_objects(address.bucket, prefix=address.key, recursive=True)
            files = (entry for entry in found if not entry.is_dir and not (entry.object_name or "").endswith("/"))
            for number, entry in enumerate(files):
                if number == limit:
                    raise TooLarge(prefix_uri, f"holds more than {limit} objects")
                uri = Address(bucket=address.bucket, key=entry.object_name or "").uri
                yield Entry(uri=uri, size_bytes=entry.size or 0, etag=_bare(entry.etag))

    def delete(self, uri: str) -> None:
        address = self._object(uri)
        with translated(uri):
            try:
                self._client.remove_object(address.bucket, address.key)
            except S3Error as error:
                if error.code != "NoSuchKey":
                    raise

    def ready(self) -> None:
        with translated(self.endpoint):
            self._client.list_buckets()

    def _put(
        self, address: Address, data: BinaryIO, proof: Proof, content_type: str, progress: Progress | None
    ) -> Stored:
        with translated(address.uri):
            result = self._client.put_object(
                address.bucket,
                address.key,
                data,
                proof.size_bytes,
                content_type=content_type,
                metadata={_SHA256_KEY: proof.sha256},
                part_size=proof.part_bytes,
                num_parallel_uploads=PARALLEL_PARTS,
                progress=_Meter(progress) if progress else None,
            )
        if _bare(result.etag) != proof.etag:
            # This server's ETag is no digest of the content (encryption, another scheme): read it back instead.
            self._pull(address, _discard, sha256=proof.sha256, limit_bytes=proof.size_bytes, progress=None)
        return Stored(uri=address.uri, sha256=proof.sha256, size_bytes=proof.size_bytes)

    def _put_if(self, uri: str, data: BinaryIO, proof: Proof, etag: str, content_type: str) -> Stored:
        address = self._object(uri)
        with translated(uri):
            url = self._client.presigned_put_object(address.bucket, address.key, expires=_SIGNED_FOR)
            size_bytes = proof.size_bytes
            put_if(self._connections, url, uri, data, size_bytes=size_bytes, etag=etag, content_type=content_type)
        return Stored(uri=uri, sha256=proof.sha256, size_bytes=size_bytes)

    def _pull(
        self,
        address: Address,
        write: Callable[[bytes], Any],
        *,
        sha256: str | None,
        limit_bytes: int | None,
        progress: Progress | None,
    ) -> Stored:
        """Read the object from end to end, going on where a connection broke, until nothing comes for `timeout_s`."""
        digest, done, size, etag = hashlib.sha256(), 0, -1, ""
        give_up_at: float | None = None
        while done != size:
            try:
                with translated(address.uri):
                    reply = self._open(address, offset=done, etag=etag)
                with _closing(reply):
                    if size < 0:
                        size, etag = int(reply.headers["Content-Length"]), reply.headers.get("ETag", "")
                        _check_limit(address, size, limit_bytes)
                    for chunk in reply.stream(CHUNK_BYTES):
                        write(chunk)
                        digest.update(chunk)
                        done, give_up_at = done + len(chunk), None
                        if progress:
                            progress(done, size)
                if done != size:
                    raise ProtocolError(f"{done} of {size} bytes came")
            except HTTPError as error:
                give_up_at = give_up_at or time.monotonic() + self._timeout_s
                if time.monotonic() >= give_up_at:
                    raise StoreUnavailable(address.uri, f"the transfer broke off: {error}") from error
                time.sleep(0.1)
        return _checked(address, digest.hexdigest(), size, sha256)

    def _open(self, address: Address, *, offset: int, etag: str) -> BaseHTTPResponse:
        # If-Match: the second half must be of the same object as the first.
        headers: dict[str, str | list[str] | tuple[str]] = {"If-Match": etag} if offset and etag else {}
        reply = self._client.get_object(address.bucket, address.key, offset=offset, request_headers=headers)
        if offset and reply.status != 206:
            reply.close()
            raise StoreUnavailable(address.uri, "the store cannot continue a broken transfer")
        return reply

    def _object(self, uri: str) -> Address:
        return self._accepted(parse_object_uri(uri))

    def _place(self, uri: str) -> Address:
        return self._accepted(parse_uri(uri))

    def _accepted(self, address: Address) -> Address:
        if self._buckets and address.bucket not in self._buckets:
            accepted = ", ".join(sorted(self._buckets))
            raise InvalidUri(
                address.uri, f"bucket {address.bucket!r} is none of this installation: accepted {accepted}"
            )
        return address


class _Meter:
    """Turns the client's bytes-since-last-time into bytes-so-far."""

    def __init__(self, report: Progress) -> None:
        self._report, self._done, self._total = report, 0, 0

    def set_meta(self, object_name: str, total_length: int) -> None:
        self._total = total_length

    def update(self, length: int) -> None:
        self._done += length
        self._report(self._done, self._total)


class _closing:  # noqa: N801  (reads as contextlib.closing)
    """Gives the connection back after a whole reply, and drops it after a partial one."""

    def __init__(self, reply: BaseHTTPResponse) -> None:
        self._reply = reply

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._reply.release_conn()
        else:
            self._reply.close()


def _connections(timeout_s: float) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        maxsize=CONNECTIONS,
        timeout=urllib3.Timeout(connect=min(5.0, timeout_s), read=timeout_s),
        retries=UntilDeadline(retry_for_s=timeout_s),
        cert_reqs="CERT_REQUIRED",
    )


def _check_limit(address: Address, size_bytes: int, limit_bytes: int | None) -> None:
    if limit_bytes is not None and size_bytes > limit_bytes:
        raise TooLarge(address.uri, f"has {size_bytes} bytes, at most {limit_bytes} are accepted")


def _checked(address: Address, found: str, size_bytes: int, expected: str | None) -> Stored:
    if expected is not None and found != expected:
        raise DigestMismatch(address.uri, f"has SHA-256 {found}, expected {expected}")
    return Stored(uri=address.uri, sha256=found, size_bytes=size_bytes)


def _bare(etag: str | None) -> str:
    return (etag or "").strip('"')


def _discard(_: bytes) -> None:
    return None
