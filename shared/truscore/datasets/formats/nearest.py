"""Where no format is recognised: the two that a folder comes nearest to, where each failed, and what would mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from truscore.datasets.formats.class_folders.levels import are_faces_of_cards
from truscore.datasets.formats.json_attempts import json_attempts, line_attempts
from truscore.datasets.formats.json_lines import SUFFIXES
from truscore.datasets.formats.table_attempts import row_attempts, table_attempts
from truscore.datasets.formats.xml_attempts import xml_attempts
from truscore.datasets.paths import name_of, suffix_of
from truscore.datasets.reading.attempt import Attempt
from truscore.datasets.reading.context import ReaderContext

_FILES_OF_A_KIND = 5
_KINDS_SHOWN = 6
_PROBES = {
    ".json": json_attempts,
    ".xml": xml_attempts,
    ".txt": row_attempts,
    ".csv": table_attempts,
    **dict.fromkeys(SUFFIXES, line_attempts),
}


def nearest_formats(context: ReaderContext, *, most: int = 2) -> list[Attempt]:
    """The best attempt of each of the nearest formats, the nearest first. Reads a few annotation files of each kind."""
    best: dict[str, Attempt] = {}
    for attempt in (*_attempts(context), *_layouts(context)):
        known = best.get(attempt.format)
        if known is None or attempt.fits > known.fits:
            best[attempt.format] = attempt
    return sorted(best.values(), key=lambda attempt: -attempt.fits)[:most]


def kinds_seen(context: ReaderContext) -> str:
    """How many files there are of which ending, the most frequent first."""
    files = context.folder.files
    kinds = Counter(suffix_of(path)[:20] or "without ending" for path in files)
    shown = [f"{count} {kind}" for kind, count in kinds.most_common(_KINDS_SHOWN)]
    more = ["…"] if len(kinds) > _KINDS_SHOWN else []
    return f"{len(files)} files ({', '.join(shown + more)}), {len(context.folder.images)} of them named as images"


def _attempts(context: ReaderContext) -> Iterator[Attempt]:
    for suffix, probe in _PROBES.items():
        for path in islice(context.folder.with_suffix(suffix), _FILES_OF_A_KIND):
            yield from probe(context, path)


def _layouts(context: ReaderContext) -> Iterator[Attempt]:
    """What images without annotation files could be."""
    images = context.folder.images
    if not images:
        return
    faces = are_faces_of_cards(images)
    yield Attempt(
        format="folder",
        file=images[0],
        fits=0.2,
        failed=(
            "the same names lie in both folders, so that they are the two faces of a card, and no classes"
            if faces
            else "lies in no folder that names a class"
        ),
        change=(
            "list the folders as `classes` in truscore.json if the face is what is learnt, else add a table of grades"
            if faces
            else f"move each image into a folder called like its class or grade, such as psa9/{name_of(images[0])}"
        ),
    )
    yield Attempt(
        format="masks",
        file=images[0],
        fits=0.1,
        failed="has no mask",
        change="lay a mask of the same name into a folder masks beside the images",
    )
