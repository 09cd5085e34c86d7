"""Segments in the store: where they lie, and their bytes. Pure.

`studio/segments/GENERATION/NUMBER.jsonl.gz`: one changed row a line, below a line that says whether the generation has
all rows with this segment. Numbers rise from 1 without a gap; a segment is never written over.
`studio/files/…` are the images, by their content.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from services.studio.backup.changed_rows import Change, change_from_json, change_to_json

MOST_BYTES: Final = 256 << 20  # of a segment's lines
_GENERATION: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_PREFIX: Final = "studio/segments"


class InvalidSegment(ValueError):
    """An object that is no segment of ours."""


def new_generation(at_s: float) -> str:
    """A name; later ones sort behind."""
    return f"{datetime.fromtimestamp(at_s, UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def is_generation(name: str) -> bool:
    return _GENERATION.fullmatch(name) is not None


def prefix(bucket: str, generation: str = "") -> str:
    return f"s3://{bucket}/{_PREFIX}/{generation}{'/' if generation else ''}"


def uri_of(bucket: str, generation: str, number: int) -> str:
    return f"{prefix(bucket, generation)}{number:010d}.jsonl.gz"


def file_uri(bucket: str, kind: str, sha256: str) -> str:
    """`kind`: "images", "previews" or "thumbnails"."""
    return f"s3://{bucket}/studio/files/{kind}/{sha256[:2]}/{sha256}"


def segment_to_bytes(changes: Iterable[Change], *, is_complete: bool) -> bytes:
    lines = [json.dumps({"format": 1, "complete": is_complete}), *map(change_to_json, changes)]
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), compresslevel=6, mtime=0)


def segment_from_bytes(data: bytes) -> tuple[bool, list[Change]]:
    """Whether the generation is complete with it, and its changes. Raises InvalidSegment."""
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            text = packed.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes")
        first, *lines = text.decode().splitlines()
        head = json.loads(first)
        if head["format"] != 1:
            raise ValueError(f"format {head['format']!r}; accepted is 1, as this release writes it")
        return bool(head["complete"]), [change_from_json(line, seq=number) for number, line in enumerate(lines)]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InvalidSegment(f"it is no segment of drafts: {error}") from error
