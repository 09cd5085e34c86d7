"""Images of a split that were decoded for one model, for the next that is evaluated on them."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Decoded:
    """What was made of image files, by their place in the split, as long as there is room for it."""

    def __init__(self, most_bytes: int) -> None:
        self._left_bytes = most_bytes
        self._kept: dict[int, Any] = {}

    def get(self, place: int, make: Callable[[], T], *, size_bytes: Callable[[T], int]) -> T:
        """`make` is called where nothing is kept, which is the same for one place each time."""
        if place in self._kept:
            found: T = self._kept[place]
            return found
        made = make()
        if (size := size_bytes(made)) <= self._left_bytes:
            self._left_bytes -= size
            self._kept[place] = made
        return made

    def take(self, other: "Decoded") -> None:
        """What another one kept, in the place of what is kept here: of the same images, within the same bound."""
        self._left_bytes, self._kept = other._left_bytes, other._kept
