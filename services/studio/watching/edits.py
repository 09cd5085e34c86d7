"""Who has which image open, and is told that others have edited it, at this instance of the studio or another."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from services.studio.drafts.edits import edit_from_text

# The newest revision that was heard of; None where the page has to look for itself.
Place = asyncio.Queue[int | None]


class EditHub:
    """On the event loop. `hear` is given what instances say of edits."""

    def __init__(self) -> None:
        self._places: dict[int, set[Place]] = defaultdict(set)

    @contextmanager
    def place(self, image_id: int) -> Iterator[Place]:
        """A queue of one: of several edits the last is told."""
        place: Place = asyncio.Queue(maxsize=1)
        self._places[image_id].add(place)
        try:
            yield place
        finally:
            self._places[image_id].discard(place)
            if not self._places[image_id]:
                del self._places[image_id]

    def hear(self, payload: str | None) -> None:
        """None: something may have been missed, and every page looks once."""
        if payload is None:
            for places in self._places.values():
                _offer(places, None)
            return
        edit = edit_from_text(payload)
        if edit.image_id in self._places:
            _offer(self._places[edit.image_id], edit.revision)


def _offer(places: set[Place], revision: int | None) -> None:
    for place in places:
        if place.full():
            place.get_nowait()
        place.put_nowait(revision)
