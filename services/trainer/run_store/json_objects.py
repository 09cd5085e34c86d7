"""Small JSON notes in the object store: written whole, read whole, absent or well-formed."""

from __future__ import annotations

import json
from typing import Any

from truscore.storage import ObjectMissing, Store, Stored

NOTE_LIMIT_BYTES = 1 << 20


def write_json(store: Store, uri: str, note: dict[str, Any]) -> Stored:
    """Store the note; the same note gives the same bytes."""
    return store.put(uri, json.dumps(note, sort_keys=True, indent=1).encode(), content_type="application/json")


def read_json(store: Store, uri: str) -> dict[str, Any] | None:
    """The note, or None where there is none."""
    try:
        note = json.loads(store.get(uri, limit_bytes=NOTE_LIMIT_BYTES))
    except ObjectMissing:
        return None
    if not isinstance(note, dict):
        raise TypeError(f"{uri}: expected a JSON object, found {type(note).__name__}")
    return note
