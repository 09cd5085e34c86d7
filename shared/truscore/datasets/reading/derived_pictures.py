"""Pictures that were made of other pictures: masks, ground truth, previews and heat maps. No reader trains on them.

Found by names only: the name of the file or of a folder says so, and the picture it was made of lies in the dataset.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from truscore.datasets.folder_words import holds_images, is_good
from truscore.datasets.paths import IMAGE_SUFFIXES, LOSSY_SUFFIXES, stem_of, suffix_of

MASK, PREVIEW = "mask", "preview"
# Words that name nothing but masks, and words that may be a class of their own: `mask` and `no_mask`.
_SURE = (
    r"masks|ground[_\- ]?truths?|gts?|gt(?:fine|coarse)|segmentations?|seg(?:mentation)?(?:class|object)(?:raw)?|"
    r"labelids|instanceids|labeltrainids|mattes?|masks?[_\- ]?machine"
)
_UNSURE = r"mask|segs?|segm|labels?|labs?|lbls?|annotations?|annots?"
_SHOWN = (
    r"vis(?:uali[sz]ations?)?|viz|previews?|overlays?|heat[_\- ]?maps?|thumb(?:nail)?s?|anomaly[_\- ]?maps?|"
    r"masks?[_\- ]?human"
)
_WORDS = (
    rf"(?P<preview>(?:(?:{_SURE}|{_UNSURE}|box(?:es)?)[_\- ]?)?(?:{_SHOWN}))|(?P<sure>{_SURE})|(?P<unsure>{_UNSURE})"
)
_OF_PART = r"(?:[_\- ](?:prepped|resized|cropped|train(?:ing)?|val(?:id|idation)?|test(?:ing)?))*"
_FOLDER = re.compile(rf"(?:.*[_\- ])?(?:{_WORDS})(?:[_\- ]?(?:png|jpg|images|imgs|\d+))?{_OF_PART}", re.IGNORECASE)
_CAMEL_FOLDER = re.compile(r".*[a-z0-9_\-](?P<sure>Masks|GroundTruth|GT|Segmentations?|SegmentationClass)")
_STEM = re.compile(
    rf"(?P<stem>.+?)[_\-. ](?:(?:{_SURE}|{_UNSURE})[_\-. ])?(?:{_WORDS})(?:[_\-]?\d{{1,3}})?", re.IGNORECASE
)
_LETTER_STEM = re.compile(r"(?P<stem>.+)_L")  # CamVid's: labels/0001TP_006690_L.png
_PHOTO_STEM = re.compile(r"(?P<stem>.+)[_\-](?:leftimg8bit|image|img|rgb|photo|input)", re.IGNORECASE)


def derived_pictures(paths: Collection[str]) -> dict[str, str]:
    """The pictures that were made of others, each with what it is: MASK or PREVIEW.

    A folder of a telling name counts where at least half of the pictures in those called like it have an original: a
    class that is called `mask` is therefore none. The name of a file counts where it has one itself.
    """
    clues = {path: clue for path in paths if (clue := _clue(path))}
    if not clues:
        return {}
    beside_sound = _beside_sound({path.rpartition("/")[0] for path in paths})
    clues = {
        path: replace(clue, sure=True) if not clue.sure and path.rpartition("/")[0] in beside_sound else clue
        for path, clue in clues.items()
    }
    originals = _Originals.of([path for path in paths if path not in clues])
    by_folder: dict[str, list[str]] = defaultdict(list)
    found: dict[str, str] = {}
    for path, clue in clues.items():
        if clue.folder:
            by_folder[clue.folder].append(path)
        elif originals.have(path, clue):
            found[path] = clue.kind
    for members in by_folder.values():
        if 2 * sum(originals.have(path, clues[path]) for path in members) >= len(members):
            found.update({path: clues[path].kind for path in members})
    return found


def _beside_sound(folders: Collection[str]) -> set[str]:
    """Folders beside one of sound images: `normal`, `abnormal`, `mask` hold images and masks, and no three classes."""
    sound = {folder.rpartition("/")[0] for folder in folders if is_good(folder.rpartition("/")[2])}
    return {folder for folder in folders if folder.rpartition("/")[0] in sound}


def names_derived(folder: str) -> bool:
    """Whether a folder's name says that masks, previews or the like lie in it."""
    return _folder_clue(folder) is not None


def original_stem(path: str) -> str:
    """The stem that a derived picture shares with its original, in lower case: `0_mask.png`, `0.jpg.png` have `0`."""
    stem = stem_of(path)
    match = _STEM.fullmatch(stem) or (_LETTER_STEM.fullmatch(stem) if _folder_clue(path.rpartition("/")[0]) else None)
    stem = match["stem"] if match else stem
    return _photo_stem(stem_of(stem) if suffix_of(stem) in IMAGE_SUFFIXES else stem)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Clue:
    kind: str
    sure: bool  # whether no class is called so
    folder: str = ""  # the folder that tells, in lower case; "" where only the file's name does


def _clue(path: str) -> _Clue | None:
    folder = path.rpartition("/")[0]
    match = _STEM.fullmatch(stem_of(path))
    if folder and (clue := _folder_clue(folder)):
        return _Clue(kind=clue.kind, sure=clue.sure or match is not None, folder=clue.folder)
    if match is None or (match["unsure"] and match["unsure"].lower() != "mask" and suffix_of(path) in LOSSY_SUFFIXES):
        return None
    return _Clue(kind=PREVIEW if match["preview"] else MASK, sure=True)


@lru_cache(maxsize=4096)
def _folder_clue(folder: str) -> _Clue | None:
    """What the innermost telling folder of a path says."""
    for name in reversed(folder.split("/")):
        if match := _FOLDER.fullmatch(name):
            kind = PREVIEW if match["preview"] else MASK
            return _Clue(kind=kind, sure=match["unsure"] is None, folder=name.lower())
        if _CAMEL_FOLDER.fullmatch(name):
            return _Clue(kind=MASK, sure=True, folder=name.lower())
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Originals:
    stems: frozenset[str]
    places: frozenset[tuple[str, ...]]
    alone: frozenset[tuple[str, ...]]  # where a single picture lies

    @staticmethod
    def of(paths: Sequence[str]) -> _Originals:
        pairs = [(path.rpartition("/")[0], _photo_stem(stem_of(path))) for path in paths]
        return _Originals(
            stems=frozenset(stem for _, stem in pairs),
            places=frozenset((*place_of(folder), stem) for folder, stem in pairs),
            alone=frozenset(
                place for place, count in Counter(place_of(folder) for folder, _ in pairs).items() if count == 1
            ),
        )

    def have(self, path: str, clue: _Clue) -> bool:
        stem = original_stem(path)
        if clue.sure and clue.folder and stem not in self.stems:
            place = place_of(path.rpartition("/")[0])
            # A mask for each thing, in a folder beside its image's; or called like its image and its class.
            return bool(place and place in self.alone) or any(one in self.stems for one in stems_before(stem))
        return stem in self.stems and (clue.sure or (*place_of(path.rpartition("/")[0]), stem) in self.places)


def stems_before(stem: str) -> Iterator[str]:
    """What is left of a stem as its words are taken off from behind: `card_01_ma` begins with `card_01` and `card`."""
    while cut := max(map(stem.rfind, "_-. ")) + 1:
        stem = stem[: cut - 1]
        if stem:
            yield stem


@lru_cache(maxsize=4096)
def place_of(folder: str) -> tuple[str, ...]:
    """The folders that originals and what was made of them have in common."""
    names = (name for name in folder.split("/") if name and not _folder_clue(name))
    return tuple(name.lower() for name in names if not holds_images(name))


def _photo_stem(stem: str) -> str:
    match = _PHOTO_STEM.fullmatch(stem)
    return (match["stem"] if match else stem).lower()


def kinds_in_words(derived: Iterator[str] | Collection[str]) -> str:
    """How many of which kind: "3 masks and 2 previews"."""
    listed = list(derived)
    counted = [(listed.count(kind), kind) for kind in (MASK, PREVIEW)]
    return " and ".join(f"{count} {kind}{'s' if count > 1 else ''}" for count, kind in counted if count)
