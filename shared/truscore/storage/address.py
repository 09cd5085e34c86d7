"""Object addresses: "s3://bucket/key", and which of them are accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from truscore.storage.errors import InvalidUri

SCHEME = "s3://"
KEY_LIMIT_BYTES = 1024
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A place in an object store; an empty key means the whole bucket."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


def parse_uri(uri: str) -> Address:
    """Split "s3://bucket/key"; the key may be empty or a prefix ending in "/". Raises InvalidUri."""
    if not uri.startswith(SCHEME):
        raise InvalidUri(uri, f'expected an address that begins with "{SCHEME}"')
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise InvalidUri(uri, f"bucket {bucket!r} is not 3 to 63 lower-case letters, digits, dots and hyphens")
    if fault := _fault_in(key):
        raise InvalidUri(uri, fault)
    return Address(bucket=bucket, key=key)


def parse_object_uri(uri: str) -> Address:
    """As parse_uri, for one object: the key must not be empty nor end in "/"."""
    address = parse_uri(uri)
    if not address.key or address.key.endswith("/"):
        raise InvalidUri(uri, "expected the address of one object, not of a bucket or prefix")
    return address


def _fault_in(key: str) -> str:
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "the key is not valid Unicode"
    if length > KEY_LIMIT_BYTES:
        return f"the key has {length} bytes, at most {KEY_LIMIT_BYTES} are accepted"
    if _CONTROL.search(key):
        return "the key holds control characters"
    segments = key.removesuffix("/").split("/") if key else []
    bad = next((part for part in segments if part in {"", ".", ".."}), None)
    return "" if bad is None else f"the key holds the path segment {bad!r}"
