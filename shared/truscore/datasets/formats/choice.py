"""Which of the formats that are recognised in a folder explains it best; where two do alike, none can be trusted.

Files that annotate go before what the layout of folders may mean, unless they are about hardly any of the images.
Among such files the format wins whose reading accounts for more of the folder. Two that are about the same images and
do not mark as much on them contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from truscore.datasets.formats.format import Format
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.declaration import DECLARATION_FILE
from truscore.datasets.reading.summary import ReadingSummary

_HARDLY_ANY = 0.1  # of the images that the other reading has
_SAME_IMAGES = 0.9
_NUMBERED_CLASS = re.compile(r"class_\d+")
_NEAR = 0.1  # shares of files explained that are no further apart decide nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """`name` is "" where nothing is recognised. `question` says what has to be declared before its reading can be
    trusted. `others` are formats whose annotations lie there too."""

    name: str
    others: tuple[str, ...] = ()
    question: str = ""


def choose_format(context: ReaderContext, formats: Sequence[Format]) -> Choice:
    """The format to read the folder in. Decodes no image; parses annotations only where formats compete."""
    recognised = [row for row in formats if row.recognise(context.without_log())]
    annotating = [row for row in recognised if row.annotates]
    layouts = [row for row in recognised if not row.annotates]
    if len(recognised) < 2:
        return Choice(name=recognised[0].name if recognised else "")
    readings = _readings(context, annotating)
    by_layout = _readings(context, layouts)
    if not readings:
        return _best(_with_files(by_layout), context) if by_layout else Choice(name=recognised[0].name)
    chosen = _best(readings, context)
    best = next((reading for reading in readings if reading.name == chosen.name), readings[0])
    if by_layout and not chosen.question:
        layout = max(by_layout, key=lambda reading: reading.explained)
        if 0 < best.summary.annotated < _HARDLY_ANY * layout.summary.annotated:
            return _ambiguous(best, layout)
    return chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reading:
    name: str
    title: str
    summary: ReadingSummary
    explained: float


def _readings(context: ReaderContext, formats: Sequence[Format]) -> list[_Reading]:
    """What each format would read. Files that name only images that are not there count: their reading says so."""
    found = []
    for row in formats:
        summary = row.read(context.for_dry_run()).summary
        if summary is not None:
            explained = summary.explained(len(context.folder.files))
            found.append(_Reading(name=row.name, title=row.title, summary=summary, explained=explained))
    return found


def _with_files(readings: Sequence[_Reading]) -> Sequence[_Reading]:
    """Of layouts that are about the same images those that take masks or lists too, however few: others drop them."""
    fuller = [reading for reading in readings if reading.summary.files - reading.summary.images]
    return [
        reading
        for reading in readings
        if reading in fuller or not any(reading.summary.images <= other.summary.images for other in fuller)
    ]


def _best(readings: Sequence[_Reading], context: ReaderContext) -> Choice:
    """The first that nothing explains more than; a rival about the same images that says something else is asked of."""
    most = max(reading.explained for reading in readings)
    best = next(reading for reading in readings if reading.explained >= most - _NEAR)
    for rival in readings:
        if rival is not best and _contradict(best, rival):
            return _ambiguous(best, rival)
    others = tuple(reading.name for reading in readings if reading is not best)
    return Choice(name=best.name, others=others)


def _contradict(one: _Reading, other: _Reading) -> bool:
    """Whether both are about the same images, explain as much of the folder, and read something else from it."""
    here, there = one.summary, other.summary
    shared = len(here.images & there.images)
    if shared < _SAME_IMAGES * max(len(here.images), len(there.images)):
        return False
    if abs(one.explained - other.explained) > _NEAR:
        return False
    return here.marks != there.marks or not (_named(here) <= _named(there) or _named(there) <= _named(here))


def _named(summary: ReadingSummary) -> set[str]:
    """Classes that have names of their own: label files without a list of names only number them.

    One format may declare classes that are in no use, which another then leaves out.
    """
    return {name for name in summary.classes if not _NUMBERED_CLASS.fullmatch(name)}


def _ambiguous(one: _Reading, other: _Reading) -> Choice:
    readings = "; ".join(f"as {reading.name}, {reading.summary}" for reading in (one, other))
    declared = " or ".join(f'{{"format": "{reading.name}"}}' for reading in (one, other))
    return Choice(
        name=one.name,
        others=(other.name,),
        question=f"name the format that is meant, in the order or in {DECLARATION_FILE} ({declared}): {readings}",
    )
