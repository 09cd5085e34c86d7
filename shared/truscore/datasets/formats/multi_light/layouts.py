"""Photometric stereo as folders have it: which images are views of one object, and which files list its lights.

Three layouts. DiLiGenT's: a folder for each object with light_directions.txt. Numbered: lights.txt above images
NAME.0.tga, NAME.1.tga, ... of one or more objects. Named: four images NAME_Up, NAME_Down, NAME_Left, NAME_Right.
Found by names; where the names of lights could be those of crops, by a look at some pictures.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from truscore.datasets.formats.multi_light.depth_map import PITCH
from truscore.datasets.formats.multi_light.near_lights import NEAR
from truscore.datasets.formats.multi_light.scenes import lit_cards
from truscore.datasets.index.class_order import natural_key
from truscore.datasets.limits import Limits
from truscore.datasets.paths import IMAGE_SUFFIXES, name_of, stem_of, suffix_of
from truscore.datasets.reading.folder import Folder
from truscore.datasets.splitting.name_groups import light_named_by

DIRECTIONS, INTENSITIES, SHARED = "light_directions.txt", "light_intensities.txt", "lights.txt"
NAMES = ("filenames.txt", "names.txt")  # the second in the sets of PS-FCN and SDPS-Net
RTI = ".lp"  # reflectance transformation imaging: images and their lights in one list
ROOT_OBJECT = "."  # the dataset's own folder: what that is called differs from disk to disk
_LISTS = frozenset({DIRECTIONS, INTENSITIES, SHARED, NEAR})
_NUMBERED = re.compile(r"(?P<name>.+)\.(?P<number>\d{1,9})")
_NORMALS = ("normals", "normal_gt", "normals_gt", "normal")
_OF_NUMBERS = (".npy", ".mat", ".exr")
_DEPTH = "depth"
REFLECTANCE = ("albedo", "roughness", "f0")  # as numbers only: a picture that is called so may be a view
_MAPS = frozenset({"mask", _DEPTH, *_NORMALS, *REFLECTANCE})
_LEAST_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class MapFiles:
    """Files of what is known of an object, "" where there is none."""

    mask: str = ""
    normals: str = ""
    depth: str = ""
    pitch: str = ""  # how long a pixel is; "" where no depth is told
    albedo: str = ""
    roughness: str = ""
    f0: str = ""
    beside: tuple[str, ...] = ()  # the same again in another format

    @property
    def files(self) -> tuple[str, ...]:
        reflectance = (self.albedo, self.roughness, self.f0)
        return tuple(filter(None, (self.mask, self.normals, self.depth, *reflectance, *self.beside)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """One object: its images, in the order of its lights where no list names them."""

    name: str
    folder_path: str  # the folder, with "/" at the end, "" for the root
    images: tuple[str, ...]
    directions: str = ""  # the list of lights; "" where lights are only named
    intensities: str = ""
    listing: str = ""  # the list of images; "" where there is none
    numbered: bool = False  # whether the images' own numbers say which light each belongs to
    named: Mapping[str, str] = field(default_factory=dict)  # light by image
    maps: MapFiles = field(default_factory=MapFiles)


def light_lists(folder: Folder) -> list[str]:
    """Files that list the lights an object was photographed under."""
    texts = [path for path in folder.with_suffix(".txt") if name_of(path).lower() in _LISTS]
    return [*texts, *folder.with_suffix(RTI)]


def objects_in(folder: Folder, *, limits: Limits) -> list[Views]:
    """Every object that has lights, by name."""
    return sorted(_Layouts(folder, limits).objects(), key=lambda views: views.name)


class _Layouts:
    def __init__(self, folder: Folder, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._texts = {path.lower(): path for path in folder.with_suffix(".txt")}
        self._in: dict[str, list[str]] = defaultdict(list)
        for path in (*folder.pictures, *folder.with_suffix(*_OF_NUMBERS)):
            self._in[_folder_of(path)].append(path)
        lists = [path for path in light_lists(folder) if name_of(path).lower() != INTENSITIES]
        self._lists = {
            _folder_of(path): path for path in sorted(lists, key=lambda path: name_of(path).lower() == DIRECTIONS)
        }

    def objects(self) -> Iterator[Views]:
        if not self._lists:
            yield from list(self._named()) or self._only_listed()
            return
        shared = {folder_path for folder_path, path in self._lists.items() if name_of(path).lower() == SHARED}
        below: dict[str, list[str]] = defaultdict(list)
        for path in self._folder.images:
            if (folder_path := self._list_above(path)) is not None:
                below[folder_path].append(path)
        for folder_path in self._lists:
            numbered = list(self._numbered(folder_path, below[folder_path])) if folder_path in shared else []
            yield from numbered or [self._single_object(folder_path)]

    def _list_above(self, path: str) -> str | None:
        folder_path = _folder_of(path)
        while folder_path not in self._lists:
            if not folder_path:
                return None
            folder_path = _folder_of(folder_path[:-1])
        return folder_path

    def _numbered(self, folder_path: str, paths: list[str]) -> Iterator[Views]:
        found: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        for path in paths:
            if match := _NUMBERED.fullmatch(stem_of(path)):
                found[_folder_of(path), match["name"]].append((int(match["number"]), path))
        beside: dict[tuple[str, str], list[str]] = defaultdict(list)
        for inner in {inner for inner, _ in found}:
            for path in self._in[inner]:
                name, _, what = stem_of(path).lower().rpartition(".")
                if what in _MAPS:
                    beside[inner, name].append(path)
        for (inner, name), members in found.items():
            yield Views(
                name=f"{inner}{name}",
                folder_path=inner,
                images=tuple(path for _, path in sorted(members)),
                directions=self._lists[folder_path],
                listing=self._texts.get(f"{folder_path}{name}.txt".lower(), ""),
                numbered=True,
                maps=self._maps(folder_path, beside[inner, name.lower()]),
            )

    def _single_object(self, folder_path: str) -> Views:
        """The object of a list's own folder; its images lie there or in `images`."""
        maps = self._maps(folder_path, _unprefixed(self._in[folder_path]))
        taken = set(maps.files)
        own = [path for path in self._in[folder_path] if path not in taken and suffix_of(path) in IMAGE_SUFFIXES]
        inner = [path for path in self._in[f"{folder_path}images/"] if suffix_of(path) in IMAGE_SUFFIXES]
        listing, listed = self._listing(folder_path), self._lists[folder_path]
        if suffix_of(listed) == RTI:
            listing = listed
            own = own or inner or self._beside(folder_path)
        return Views(
            name=folder_path.rstrip("/") or ROOT_OBJECT,
            folder_path=folder_path,
            images=tuple(sorted((*own, *inner) if listing else own or inner, key=natural_key)),
            directions=listed,
            intensities=self._texts.get(f"{folder_path}{INTENSITIES}".lower(), ""),
            listing=listing,
            maps=maps,
        )

    def _beside(self, folder_path: str) -> list[str]:
        """Images of the folders beside a list's own."""
        above = _folder_of(folder_path[:-1]) if folder_path else ""
        return [path for path in self._folder.images if path.startswith(above)]

    def _maps(self, folder_path: str, paths: list[str]) -> MapFiles:
        """Pixels are as long as the object's folder says."""
        maps = _maps(paths)
        return replace(maps, pitch=self._texts.get(f"{folder_path}{PITCH}".lower(), "")) if maps.depth else maps

    def _listing(self, folder_path: str) -> str:
        names = (self._texts.get(f"{folder_path}{name}".lower(), "") for name in NAMES)
        return next(filter(None, names), "")

    def _only_listed(self) -> Iterator[Views]:
        """Folders whose images a list names and whose lights nothing does: uncalibrated sets."""
        homes = {_folder_of(path) for path in self._texts.values() if name_of(path).lower() == NAMES[1]}
        for folder_path in sorted(homes):
            maps = self._maps(folder_path, _unprefixed(self._in[folder_path]))
            taken = set(maps.files)
            images = [path for path in self._in[folder_path] if path not in taken and suffix_of(path) in IMAGE_SUFFIXES]
            named = {path: stem_of(path) for path in sorted(images, key=natural_key)}
            if len(named) >= _LEAST_NAMED:
                name = folder_path.rstrip("/") or ROOT_OBJECT
                yield Views(name=name, folder_path=folder_path, images=tuple(named), named=named, maps=maps)

    def _named(self) -> Iterator[Views]:
        cards = {
            card: paths
            for card, paths in lit_cards(self._folder, limits=self._limits).items()
            if len({light_named_by(path) for path in paths}) >= _LEAST_NAMED
        }
        if 2 * sum(map(len, cards.values())) < len(self._folder.images):
            return
        objects_by_folder: dict[str, set[str]] = defaultdict(set)
        for card, paths in cards.items():
            for path in paths:
                objects_by_folder[_folder_of(path)].add(card)
        for card, paths in cards.items():
            folder_path = _folder_of(paths[0])
            single = objects_by_folder[folder_path] == {card} and folder_path
            named = {path: light_named_by(path) for path in paths}
            maps = self._maps(folder_path, _unprefixed(self._in[folder_path])) if single else MapFiles()
            yield Views(name=card, folder_path=folder_path, images=paths, named=named, maps=maps)


def _unprefixed(paths: list[str]) -> list[str]:
    return [path for path in paths if stem_of(path).lower() in _MAPS]


def _maps(paths: list[str]) -> MapFiles:
    """The mask, the normal map, the depth and the maps of reflectance among files of one folder that are called so."""
    masks: list[str] = []
    depth: list[str] = []
    normals: dict[str, str] = {}
    reflectance: dict[str, str] = {}
    for path in paths:
        what = stem_of(path).lower().rpartition(".")[2]
        if what == _DEPTH:
            depth.append(path)
        elif what in REFLECTANCE:
            if suffix_of(path) == ".npy":
                reflectance[what] = path
        elif what != "mask":
            normals.setdefault(suffix_of(path), path)
        elif suffix_of(path) not in _OF_NUMBERS:
            masks.append(path)
    # Numbers before pictures: eight bits hold a direction to half a degree. Those of MATLAB and OpenEXR come
    # last because sets that have a picture beside them were indexed with that.
    last = {suffix: normals.pop(suffix) for suffix in (".mat", ".exr") if suffix in normals}
    best = normals.pop(".npy", "") or next((normals.pop(key) for key in sorted(normals)), "")
    best = best or last.pop(".mat", "") or last.pop(".exr", "")
    numbers = min((path for path in depth if suffix_of(path) == ".npy"), default="")
    pictures = [path for path in sorted(depth) if path != numbers and suffix_of(path) not in _OF_NUMBERS]
    beside = (*sorted(masks)[1:], *normals.values(), *last.values(), *pictures)
    return MapFiles(mask=min(masks, default=""), normals=best, depth=numbers, beside=beside, **reflectance)


def _folder_of(path: str) -> str:
    head, slash, _ = path.rpartition("/")
    return head + slash
