"""Long lists in pages, newest first; a page token says after which entry to go on, so new entries don't shift pages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from math import isfinite
from typing import TypeVar

from services.monitor.board import Entry, id_of

DEFAULT_SIZE = 100
MAX_SIZE = 1000
MAX_TOKEN_CHARS = 1000

Place = tuple[float, str]
T = TypeVar("T")


class InvalidToken(ValueError):
    """A page token that was not handed out by us."""


def page(entries: Iterable[Entry], *, size: int, token: str) -> tuple[list[Entry], str]:
    """One page of runs and orders."""
    return page_of(entries, _place_of, size=size, token=token)


def page_of(entries: Iterable[T], place_of: Callable[[T], Place], *, size: int, token: str) -> tuple[list[T], str]:
    """One page and the token of the next, empty at the end. InvalidToken where the token is none of ours.

    `place_of` says when an entry began, in seconds since 1970, and its id.
    """
    after = _place(token) if token else None
    size = min(size or DEFAULT_SIZE, MAX_SIZE)
    newest_first = sorted(entries, key=place_of, reverse=True)
    rest = [entry for entry in newest_first if after is None or place_of(entry) < after]
    shown = rest[:size]
    return shown, _token(place_of(shown[-1])) if len(rest) > size else ""


def _place_of(entry: Entry) -> Place:
    return entry.first_event_at, id_of(entry)


def _token(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(token: str) -> Place:
    try:
        at, key = json.loads(base64.urlsafe_b64decode(token[:MAX_TOKEN_CHARS].encode("ascii")))
        if isinstance(at, int | float) and isfinite(at) and isinstance(key, str):
            return float(at), key
    except (binascii.Error, UnicodeError, ValueError, TypeError, RecursionError):
        pass
    raise InvalidToken(f"page_token {token[:80]!r} was not handed out here; leave it empty to start over")
