"""JSON that anybody may have written: an object that has a key twice is refused, since only one of the two is kept."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """The value. ValueError in words that need no more: not JSON, nested too deeply, or a key twice in an object."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RepeatedKey:
        raise
    except RecursionError as error:
        raise ValueError("not JSON: nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error


class RepeatedKey(ValueError):
    """An object has a key twice: what the first of them held would vanish."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for at, key in enumerate(keys) if key in keys[:at])
        raise RepeatedKey(f"the key {twice[:60]!r} is there twice in one object, beside {', '.join(keys)[:80]!r}")
    return found
