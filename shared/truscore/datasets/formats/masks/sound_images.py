"""Images that a table beside the masks calls sound: DAGM 2007's Labels.txt, a row of fields for each image."""

from __future__ import annotations

import posixpath

from truscore.datasets.paths import name_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.stated_parts import lines_of

_FIELDS = 5  # number, whether it is defective, the image, the same again, its mask or 0


def listed_as_sound(context: ReaderContext) -> set[str]:
    """The paths of such images: a sound one has no mask, and none was forgotten."""
    found = set()
    for path in context.folder.with_suffix(".txt"):
        if name_of(path).lower() == "labels.txt":
            home = posixpath.dirname(posixpath.dirname(path))
            rows = (line.split("\t") for line in lines_of(context, path))
            found |= {posixpath.join(home, row[2]) for row in rows if len(row) == _FIELDS and row[1] == row[4] == "0"}
    return found
