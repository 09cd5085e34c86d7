"""A write on an S3 server that depends on what is there: `If-None-Match` and `If-Match` of PutObject.

minio's client takes no such headers, so that the request is ours, to an address that the client signs. Servers that
hold to it atomically: S3, MinIO, SeaweedFS.
"""

from __future__ import annotations

from typing import BinaryIO

from urllib3 import PoolManager

from truscore.storage.errors import AccessRefused, ObjectChanged, ObjectMissing, StoreError, StoreUnavailable

# 409 is S3's answer to two at once, 404 to an ETag of what is deleted by now.
_CHANGED = frozenset({404, 409, 412})
_REFUSED = frozenset({401, 403})


def put_if(
    connections: PoolManager,
    url: str,
    uri: str,
    data: bytes | BinaryIO,
    *,
    size_bytes: int,
    etag: str,
    content_type: str,
) -> None:
    """Store bytes in place of those with this ETag, "" for none. Raises StoreError and urllib3's HTTPError."""
    condition = {"If-Match": f'"{etag}"'} if etag else {"If-None-Match": "*"}
    # The length is named, or a file would be sent in chunks, which S3 does not take.
    headers = {**condition, "Content-Type": content_type, "Content-Length": str(size_bytes)}
    reply = connections.request("PUT", url, body=data, headers=headers)
    if reply.status == 200:
        return
    answer = f"HTTP {reply.status}: {reply.data[:300].decode(errors='replace')}"
    if b"NoSuchBucket" in reply.data:
        raise ObjectMissing(uri, f"there is no such bucket ({answer})")
    if reply.status in _CHANGED:
        raise ObjectChanged(uri, f"is not what was to be replaced ({answer})")
    if reply.status in _REFUSED:
        raise AccessRefused(uri, f"the store refuses our key ({answer})")
    if reply.status >= 500:
        raise StoreUnavailable(uri, f"the store cannot serve us now ({answer})")
    raise StoreError(uri, f"the store refuses the request ({answer})")
