"""What a file or buffer must look like once stored: its SHA-256, and the ETag a server computes over received parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PART_BYTES = 16 * 1024 * 1024
PARTS_LIMIT = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """`etag` is what S3 names an upload in parts of `part_bytes`; servers may name it otherwise, then we read back."""

    sha256: str
    size_bytes: int
    etag: str
    part_bytes: int


def part_bytes_for(size_bytes: int) -> int:
    """The part size that keeps an upload within S3's limit on the number of parts."""
    part = PART_BYTES
    while part * PARTS_LIMIT < size_bytes:
        part *= 2
    return part


def proof_of_bytes(data: bytes) -> Proof:
    part_bytes = part_bytes_for(len(data))
    view = memoryview(data)
    return _proof((view[at : at + part_bytes] for at in range(0, len(data), part_bytes)), part_bytes)


def proof_of_file(path: Path) -> Proof:
    part_bytes = part_bytes_for(path.stat().st_size)
    return _proof(_parts(path, part_bytes), part_bytes)


def _parts(path: Path, part_bytes: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(part_bytes):
            yield part


def _proof(parts: Iterable[bytes | memoryview], part_bytes: int) -> Proof:
    whole = hashlib.sha256()
    part_digests: list[bytes] = []
    size = 0
    for part in parts:
        whole.update(part)
        part_digests.append(hashlib.md5(part, usedforsecurity=False).digest())
        size += len(part)
    return Proof(sha256=whole.hexdigest(), size_bytes=size, etag=_etag(part_digests), part_bytes=part_bytes)


def _etag(part_digests: list[bytes]) -> str:
    if len(part_digests) <= 1:
        only = part_digests[0] if part_digests else hashlib.md5(b"", usedforsecurity=False).digest()
        return only.hex()
    joined = hashlib.md5(b"".join(part_digests), usedforsecurity=False).hexdigest()
    return f"{joined}-{len(part_digests)}"
