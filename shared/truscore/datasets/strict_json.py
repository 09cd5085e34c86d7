"""JSON that anybody may have written: an object that has a key twice is refused, since only one of the two is kept.

Values of JSON that are of another type than expected are refused, too: Python would make a text of anything.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


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


def text_of(value: Any) -> str:
    """The text itself. These raise TypeError."""
    return value if isinstance(value, str) else _refuse(value, "a text")


def whole_of(value: Any) -> int:
    return value if type(value) is int else _refuse(value, "a whole number")


def number_of(value: Any) -> float:
    """A number as a float."""
    return float(value) if type(value) in {float, int} else _refuse(value, "a number")


def flag_of(value: Any) -> bool:
    return value if isinstance(value, bool) else _refuse(value, "true or false")


def items_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else _refuse(value, "a list")


def _refuse(value: Any, expected: str) -> NoReturn:
    raise TypeError(f"{value!r:.60} is a {type(value).__name__}, expected {expected}")
