"""The images that a field of a table means: by path, by name without ending, by the folder that holds a card's images,
or by the name that several images of one card begin with.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import PurePosixPath
from urllib.parse import unquote

from truscore.datasets.paths import IMAGE_SUFFIXES, name_of, stem_of, suffix_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.splitting.card_views import card_and_view

_SHORTEST_STEM = 2
_MOST_OF_ONE_CARD = 24


class ImageNames:
    """What the fields of a table can name, in any case of letters."""

    def __init__(self, context: ReaderContext) -> None:
        self._stems: dict[str, list[str]] = defaultdict(list)
        self._cards: dict[str, list[str]] = defaultdict(list)
        self._folders: dict[str, list[str]] = defaultdict(list)
        for path in context.folder.images:
            stem = stem_of(path).casefold()
            self._stems[stem].append(path)
            card, view = card_and_view(stem)
            if view and card:
                self._cards[card].append(path)
            parts = path.casefold().split("/")[:-1]
            for depth, part in enumerate(parts):
                self._folders[part].append(path)
                if depth:
                    self._folders["/".join(parts[: depth + 1])].append(path)

    def names_image(self, field: str) -> bool:
        """Whether a field is the name of an image file, here or missing, or of something that images here are of."""
        name = named_file(field)
        if suffix_of(name_of(name.replace("\\", "/"))) in IMAGE_SUFFIXES:
            return True
        key = name.casefold().strip("/")
        return len(key) >= _SHORTEST_STEM and (key in self._stems or key in self._cards or self._is_card_folder(key))

    def of_card(self, field: str) -> tuple[str, ...]:
        """All images of the card that a field without the ending of an image names; () where it names a file."""
        key = named_file(field).casefold().strip("/")
        if not key or suffix_of(name_of(key)) in IMAGE_SUFFIXES:
            return ()
        stems = self._stems.get(key, ())
        if stems:
            return tuple(stems) if len(stems) == 1 else ()
        return tuple(self._cards.get(key, ()) or (self._folders[key] if self._is_card_folder(key) else ()))

    def _is_card_folder(self, key: str) -> bool:
        """A folder with few images: folders of a part or a class hold many."""
        found = self._folders.get(key, ())
        return 0 < len(found) <= _MOST_OF_ONE_CARD and 2 * len(found) <= sum(map(len, self._stems.values()))


def named_file(written: str) -> str:
    """The path in a field; of an address on the web, the file's name alone."""
    name = written.strip()
    scheme, found, rest = name.partition("://")
    # Not urlsplit, which raises for addresses that are none.
    return PurePosixPath(unquote(re.split("[?#]", rest, maxsplit=1)[0])).name if found and scheme else name
