"""What the child is asked and what it answers, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeJob:
    """Decode `file`, and write a preview, a thumbnail and its tiles."""

    file: str
    path: str  # in the dataset
    preview: str
    thumbnail: str
    pyramid: str
    most_bytes: int
    most_pixels: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """The record as `drafts.marks` has it; or, with `fault`, why there is none. `full_disk`: for want of room alone."""

    record: str = ""
    fault: str = ""
    full_disk: bool = False


def job_from_line(line: bytes | str) -> DecodeJob:
    return DecodeJob(**json.loads(line))


def decoded_to_line(decoded: Decoded) -> str:
    return json.dumps(asdict(decoded)) + "\n"
