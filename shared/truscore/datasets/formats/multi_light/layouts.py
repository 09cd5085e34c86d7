"""Photometric stereo as folders have it: which images are views of one object, and which files tell of its lights.

Three layouts. DiLiGenT's: a folder for each object with light_directions.txt. Numbered: lights.txt above images
NAME.0.tga, NAME.1.tga, ... of one or more objects. Named: four images NAME_Up, NAME_Down, NAME_Left, NAME_Right.
Told from names only.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from truscore.datasets.index.class_order import natural_key
from truscore.datasets.paths import IMAGE_SUFFIXES, name_of, stem_of, suffix_of
from truscore.datasets.reading.folder import Folder
from truscore.datasets.splitting.name_groups import light_named_by, lights_by_card

DIRECTIONS, INTENSITIES, SHARED, NAMES = "light_directions.txt", "light_intensities.txt", "lights.txt", "filenames.txt"
ROOT_OBJECT = "."  # the dataset's own folder: what that is called differs from disk to disk
_NUMBERED = re.compile(r"(?P<name>.+)\.(?P<number>\d{1,9})")
_NORMALS = ("normals", "normal_gt", "normals_gt", "normal")
_MAPS = frozenset({"mask", *_NORMALS})
_LEAST_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class MapFiles:
    """Pictures of what is known of an object, "" where there is none. `unread` are those that are in no such format."""

    mask: str = ""
    normals: str = ""
    unread: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()  # the same again in another format


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """One object: its images, in the order of its lights where no list names them."""

    name: str
    home: str  # the folder, with "/" at the end, "" for the root
    images: tuple[str, ...]
    directions: str = ""  # the list of lights; "" where lights are only named
    intensities: str = ""
    listing: str = ""  # the list of images; "" where there is none
    numbered: bool = False  # whether the images' own numbers tell which light each belongs to
    named: Mapping[str, str] = field(default_factory=dict)  # light by image
    maps: MapFiles = field(default_factory=MapFiles)


def light_lists(folder: Folder) -> list[str]:
    """Files that list the lights an object was photographed under."""
    return [path for path in folder.with_suffix(".txt") if name_of(path).lower() in {DIRECTIONS, INTENSITIES, SHARED}]


def objects_in(folder: Folder) -> list[Views]:
    """Every object that has lights, by name."""
    return sorted(_Layouts(folder).objects(), key=lambda views: views.name)


class _Layouts:
    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._texts = {path.lower(): path for path in folder.with_suffix(".txt")}
        self._in: dict[str, list[str]] = defaultdict(list)
        for path in (*folder.images, *folder.with_suffix(".npy", ".mat")):
            self._in[_home(path)].append(path)
        lists = [path for path in light_lists(folder) if name_of(path).lower() != INTENSITIES]
        self._lists = {
            _home(path): path for path in sorted(lists, key=lambda path: name_of(path).lower() == DIRECTIONS)
        }

    def objects(self) -> Iterator[Views]:
        if not self._lists:
            yield from self._named()
            return
        shared = {home for home, path in self._lists.items() if name_of(path).lower() == SHARED}
        below: dict[str, list[str]] = defaultdict(list)
        for path in self._folder.images:
            if (home := self._list_above(path)) is not None:
                below[home].append(path)
        for home in self._lists:
            numbered = list(self._numbered(home, below[home])) if home in shared else []
            yield from numbered or [self._alone(home)]

    def _list_above(self, path: str) -> str | None:
        home = _home(path)
        while home not in self._lists:
            if not home:
                return None
            home = _home(home[:-1])
        return home

    def _numbered(self, home: str, paths: list[str]) -> Iterator[Views]:
        found: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        for path in paths:
            if match := _NUMBERED.fullmatch(stem_of(path)):
                found[_home(path), match["name"]].append((int(match["number"]), path))
        beside: dict[tuple[str, str], list[str]] = defaultdict(list)
        for inner in {inner for inner, _ in found}:
            for path in self._in[inner]:
                name, _, what = stem_of(path).lower().rpartition(".")
                if what in _MAPS:
                    beside[inner, name].append(path)
        for (inner, name), members in found.items():
            yield Views(
                name=f"{inner}{name}",
                home=inner,
                images=tuple(path for _, path in sorted(members)),
                directions=self._lists[home],
                listing=self._texts.get(f"{home}{name}.txt".lower(), ""),
                numbered=True,
                maps=_maps(beside[inner, name.lower()]),
            )

    def _alone(self, home: str) -> Views:
        """The object of a list's own folder; its images lie there or in `images`."""
        maps = _maps(_unprefixed(self._in[home]))
        taken = {maps.mask, maps.normals, *maps.unread, *maps.beside}
        own = [path for path in self._in[home] if path not in taken and suffix_of(path) in IMAGE_SUFFIXES]
        inner = [path for path in self._in[f"{home}images/"] if suffix_of(path) in IMAGE_SUFFIXES]
        listing = self._texts.get(f"{home}{NAMES}".lower(), "")
        return Views(
            name=home.rstrip("/") or ROOT_OBJECT,
            home=home,
            images=tuple(sorted((*own, *inner) if listing else own or inner, key=natural_key)),
            directions=self._lists[home],
            intensities=self._texts.get(f"{home}{INTENSITIES}".lower(), ""),
            listing=listing,
            maps=maps,
        )

    def _named(self) -> Iterator[Views]:
        cards = {
            card: paths
            for card, paths in lights_by_card(self._folder.images).items()
            if len({light_named_by(path) for path in paths}) >= _LEAST_NAMED
        }
        if 2 * sum(map(len, cards.values())) < len(self._folder.images):
            return
        tenants: dict[str, set[str]] = defaultdict(set)
        for card, paths in cards.items():
            for path in paths:
                tenants[_home(path)].add(card)
        for card, paths in cards.items():
            home = _home(paths[0])
            alone = tenants[home] == {card} and home
            named = {path: light_named_by(path) for path in paths}
            maps = _maps(_unprefixed(self._in[home])) if alone else MapFiles()
            yield Views(name=card, home=home, images=paths, named=named, maps=maps)


def _unprefixed(paths: list[str]) -> list[str]:
    return [path for path in paths if stem_of(path).lower() in _MAPS]


def _maps(paths: list[str]) -> MapFiles:
    """The mask and the normal map among files of one folder that are called so."""
    masks: list[str] = []
    normals: dict[str, str] = {}
    for path in paths:
        what = stem_of(path).lower().rpartition(".")[2]
        if what != "mask":
            normals.setdefault(suffix_of(path), path)
        elif suffix_of(path) not in {".npy", ".mat"}:
            masks.append(path)
    unread = normals.pop(".mat", "")
    # Numbers before pictures: eight bits hold a direction to half a degree.
    best = normals.pop(".npy", "") or next((normals.pop(key) for key in sorted(normals)), "")
    beside = (*sorted(masks)[1:], *normals.values())
    return MapFiles(
        mask=min(masks, default=""), normals=best, unread=(unread,) if unread else (), beside=beside
    )  # fmt: skip


def _home(path: str) -> str:
    head, slash, _ = path.rpartition("/")
    return head + slash
