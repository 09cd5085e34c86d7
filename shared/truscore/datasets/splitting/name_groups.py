"""Which images show one object, by their names: views of a card, exposures, lights, augmented copies."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from truscore.datasets.folder_words import CONTAINER_FOLDERS
from truscore.datasets.paths import stem_of
from truscore.datasets.splitting.card_views import ends_with_corner, groups_by_view

LIGHTS = ("up", "down", "left", "right", "top", "bottom")
_LIGHT = re.compile(rf"(?P<card>.+)[_\- ](?P<light>{'|'.join(LIGHTS)})", re.IGNORECASE)
# The magnetic-tile set: one tile, one run of rising exposures and frame numbers.
_EXPOSURE = re.compile(r"exp(?P<exposure>\d+)_num_(?P<frame>\d+)")
_FRAMES_APART = 400
# The source's own name has a number: "corner_aug_1" to "corner_aug_900" are not copies of one corner.
_COPY = re.compile(
    r"(?P<source>.*\d[^\W_]*?)(?:[_-](?:aug(?:mented)?|[hv]?flip(?:ped)?|rot(?:ated)?))+[_-]?\d*", re.IGNORECASE
)
_PAIR = re.compile(r"(?P<source>\d{4,})_(?:test|temp)")  # DeepPCB: a board and its template
_ROBOFLOW_STEM = re.compile(r"(?P<source>.+)\.rf\.[0-9A-Za-z]{16,}")
_PLAIN_FOLDERS = CONTAINER_FOLDERS | {"", "lights"}


def source_of(path: str) -> str:
    """The source that augmented copies of an image share, by its name: Roboflow's `NAME.rf.HASH`."""
    match = _ROBOFLOW_STEM.fullmatch(stem_of(path))
    return match["source"] if match else ""


def groups_by_name(paths: Iterable[str]) -> dict[str, str]:
    """The group of each image that shares its source with another one; images on their own are left out, but for
    those that an exporter of augmented copies has named."""
    listed = list(paths)
    groups, views = dict(_named(listed)), groups_by_view(listed)
    sizes, cards = Counter(groups.values()), Counter(views.values())
    exported = {path: source for path in listed if (source := source_of(path))}
    copies = Counter(exported.values())
    found = {path: name for path, name in groups.items() if sizes[name] > 1} | exported
    for path, card in views.items():
        known = found.get(path, "")
        # All views of a card, where what else is known of the name joins but some of them.
        if cards[card] > (copies[known] if path in exported else sizes[known]):
            found[path] = card
    return found


def lights_by_card(paths: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Images of one thing under several lights (NAME_Up, NAME_Left, ...), by the thing's name in lower case.

    The folder names the thing where it holds nothing else: prefixes of files are spelt less carefully.
    """
    by_folder: dict[PurePosixPath, dict[str, str]] = defaultdict(dict)
    for path in paths:
        if (match := _LIGHT.fullmatch(stem_of(path))) and not ends_with_corner(path):
            by_folder[PurePosixPath(path).parent][path] = match["card"].lower()
    found: dict[str, list[str]] = defaultdict(list)
    for folder, cards in by_folder.items():
        own = len(set(cards.values())) == 1 and folder.name.lower() not in _PLAIN_FOLDERS
        for path, card in cards.items():
            found[folder.name.lower() if own else card].append(path)
    return {card: tuple(sorted(paths)) for card, paths in found.items() if len(paths) > 1}


def light_named_by(path: str) -> str:
    """The light that an image's name ends with, in lower case; "" for none."""
    match = None if ends_with_corner(path) else _LIGHT.fullmatch(stem_of(path))
    return match["light"].lower() if match else ""


def _named(paths: list[str]) -> Iterator[tuple[str, str]]:
    stems = {path: stem_of(path) for path in paths}
    yield from _copies(stems)
    yield from _exposures(stems)
    cards = lights_by_card(paths)
    for card, lights in cards.items():
        yield from ((path, f"card {card}") for path in lights)
    for path, stem in stems.items():
        if stem.lower() in cards:
            yield path, f"card {stem.lower()}"
        elif match := _PAIR.fullmatch(stem):
            yield path, f"board {match['source']}"


def _copies(stems: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Augmented copies and the image they were made from, where it lies in the set too."""
    sources = {match["source"]: path for path, stem in stems.items() if (match := _COPY.fullmatch(stem))}
    for path, stem in stems.items():
        if match := _COPY.fullmatch(stem):
            yield path, f"source {match['source']}"
        elif stem in sources:
            yield path, f"source {stem}"


def _exposures(stems: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """A tile ends where the exposure falls back or the frame number jumps; folders of defects do not divide tiles."""
    shots = sorted(
        (int(match["frame"]), int(match["exposure"]), path)
        for path, stem in stems.items()
        if (match := _EXPOSURE.fullmatch(stem))
    )
    tile, before = "", (-_FRAMES_APART, 0)
    for frame, exposure, path in shots:
        same_shot = (frame, exposure) == before
        if not same_shot and (frame - before[0] >= _FRAMES_APART or exposure <= before[1]):
            tile = f"tile {frame}"
        before = (frame, exposure)
        yield path, tile
