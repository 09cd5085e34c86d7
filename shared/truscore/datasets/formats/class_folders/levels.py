"""Which of the folders above an image names its class, where there are several: decided by how names repeat.

Grades and the names of classes come again under every batch, session and part; batches are numbered; ids of cards and
listings are there once each. Where two levels could be it, that is a question and not a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from truscore.datasets.folder_words import holds_images, is_good
from truscore.datasets.index.grade_names import is_missing_grade, parse_grade
from truscore.datasets.paths import stem_of
from truscore.datasets.reading.problems import bounded_text

# Holders of everything, unless they hold images beside other folders of images: raw against graded cards.
_CLASSES_AMONG_SIBLINGS = frozenset({"raw", "data", "dataset"})
# Views of each card, not classes, however often they come again.
_FACES = frozenset({"front", "fronts", "back", "backs", "obverse", "reverse", "recto", "verso"})
_SIDES = _FACES | frozenset(
    {"top", "bottom", "left", "right", "up", "down"}
    | {"corners", "edges", "surface", "crops", "full", "scan", "scans", "photo"}
)
_SAME_CARDS = 0.5  # of the names in the smaller folder of faces, that come again in the other
_GRADED_SHARE = 0.8  # of a level's images, whose folder has to be a grade
_REPEATED = 1.5  # folders above, that a name of a class stands under on average
_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassLevels:
    """The class of each image by its folder, "" where there is none; `question` where two levels could be it.

    `said`: which level was taken, and what the folders of others are called, where there are such.
    """

    names: Mapping[str, str]
    question: str = ""
    said: str = ""


def class_levels(paths: Sequence[str], declared: Sequence[str] = ()) -> ClassLevels:
    """The class folder of each image. `declared`: the class names that `truscore.json` or the order states."""
    leaves = {path.rpartition("/")[0] or "." for path in paths}
    inner = {path: candidate_folders(path, leaves) for path in paths}
    while len({names[0] for names in inner.values() if names}) == 1 and all(len(names) > 1 for names in inner.values()):
        inner = {path: names[1:] for path, names in inner.items()}
    if not _FACES & {name.lower() for name in declared} and _are_faces(inner):
        return ClassLevels(names=dict.fromkeys(paths, ""))
    chosen = _level(list(inner.values()), frozenset(declared))
    names = {path: chosen.name_of(folders) for path, folders in inner.items()}
    said = "" if chosen.question else _said(list(inner.values()), chosen.level, set(names.values()) - {""})
    return ClassLevels(names=names, question=chosen.question, said=said)


def candidate_folders(path: str, leaves: set[str] | None = None) -> tuple[str, ...]:
    """The folders an image lies in that can name its class, outermost first; `leaves`: all folders with images."""
    parts = tuple(path.split("/")[:-1])
    return tuple(
        name
        for place, name in enumerate(parts)
        if not holds_all_classes(name) or (place == len(parts) - 1 and _is_class_among_siblings(parts, leaves or set()))
    )


def holds_all_classes(name: str) -> bool:
    """Whether people call a folder so that holds images of every class: `train`, `Training_Set`, `images`."""
    return holds_images(name)


def _is_class_among_siblings(parts: tuple[str, ...], leaves: set[str]) -> bool:
    if parts[-1].lower() not in _CLASSES_AMONG_SIBLINGS:
        return False
    above = PurePosixPath(*parts[:-1])
    siblings = [PurePosixPath(leaf) for leaf in leaves if PurePosixPath(leaf).parent == above]
    return any(sibling.name != parts[-1] and not holds_all_classes(sibling.name) for sibling in siblings)


def are_faces_of_cards(paths: Sequence[str]) -> bool:
    """Whether the only folders are a card's two faces, with the same names in both: `front/0001`, `back/0001`.

    Names that differ are those of images of two classes: which face is seen.
    """
    return _are_faces({path: candidate_folders(path) for path in paths})


def _are_faces(inner: Mapping[str, tuple[str, ...]]) -> bool:
    names: dict[str, set[str]] = {}
    for path, folders in inner.items():
        if len(folders) != 1 or folders[0].lower() not in _FACES:
            return False
        names.setdefault(folders[0].lower(), set()).add(stem_of(path).casefold())
    if len(names) != 2:
        return False
    one, other = names.values()
    return len(one & other) >= _SAME_CARDS * min(len(one), len(other))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chosen:
    """``level`` from the outermost; ``of_grades``: what is no grade there is no class, such as listings beside them."""

    level: int
    of_grades: bool = False
    question: str = ""

    def name_of(self, folders: tuple[str, ...]) -> str:
        if len(folders) <= self.level or (self.of_grades and not _is_grade(folders[self.level])):
            return ""
        return bounded_text(folders[self.level])


def _level(folders: Sequence[tuple[str, ...]], declared: frozenset[str]) -> _Chosen:
    several = [at for at in range(max(map(len, folders), default=0)) if len(_names(folders, at)) > 1]
    if len(several) < 2 or several[0] > 0:  # what all lie in was left out before: deeper names are not all images'
        return _Chosen(level=0)
    if declared and (meant := [at for at in several if _names(folders, at) <= declared]):
        return _Chosen(level=meant[0])
    outer = several[0]
    # Objects may be numbered (BTAD: 01/ok, 01/ko), as grades are.
    sound = [at for at in several[1:] if _good_in_each(folders, outer, at)]
    graded = [at for at in several if _graded_share(folders, at) >= _GRADED_SHARE]
    if len(graded) > 1:
        # Cards may be numbered below their grades: PSA 9/1/front.jpg.
        graded = [at for at in graded if not all(name.isdecimal() for name in _names(folders, at))] or graded
    if len(graded) == 1 and not sound:
        return _Chosen(level=graded[0], of_grades=True)
    repeated = [at for at in several[1:] if _above_each(folders, at) >= _REPEATED and not _are_sides(folders, at)]
    if not repeated and not sound:
        return _Chosen(level=outer)
    inner = (sound or repeated)[-1]
    if sound or _are_numbered(_names(folders, outer)):
        return _Chosen(level=inner)
    shown = [", ".join(sorted(_names(folders, at))[:_SHOWN]) for at in (outer, inner)]
    question = (
        f"folders of two levels could be the classes: {shown[0]} (outer) or {shown[1]} (inner); list those that are "
        "meant as `classes` in truscore.json"
    )
    return _Chosen(level=outer, question=question)


def _said(folders: Sequence[tuple[str, ...]], level: int, classes: set[str]) -> str:
    """Where folders of other levels have several names, that they are no classes."""
    others = [at for at in range(max(map(len, folders), default=0)) if at != level and len(_names(folders, at)) > 1]
    if not others or len(classes) < 2:
        return ""
    shown = "; ".join(
        f"{', '.join(sorted(_names(folders, at))[:_SHOWN])}{', …' if len(_names(folders, at)) > _SHOWN else ''} "
        f"({'above' if at < level else 'below'})"
        for at in others
    )
    first = ", ".join(sorted(classes)[:_SHOWN])
    return f"classes are {first}{', …' if len(classes) > _SHOWN else ''}; folders of other levels are not read: {shown}"


def _names(folders: Sequence[tuple[str, ...]], at: int) -> set[str]:
    return {names[at] for names in folders if len(names) > at}


def _graded_share(folders: Sequence[tuple[str, ...]], at: int) -> float:
    grades = {name: _is_grade(name) for name in _names(folders, at)}
    return sum(grades[names[at]] for names in folders if len(names) > at) / len(folders)


def _is_grade(name: str) -> bool:
    return is_missing_grade(name) or parse_grade(name) is not None


def _above_each(folders: Sequence[tuple[str, ...]], at: int) -> float:
    """Under how many folders a name of this level stands, on average."""
    places = {names[: at + 1] for names in folders if len(names) > at}
    return len(places) / max(len(_names(folders, at)), 1)


def _good_in_each(folders: Sequence[tuple[str, ...]], outer: int, at: int) -> bool:
    """Whether each of the outer folders has its own sound images here: bottle/good, cable/good (MVTec AD)."""
    above = {names[outer] for names in folders if len(names) > at}
    return above == {names[outer] for names in folders if len(names) > at and is_good(names[at])}


def _are_sides(folders: Sequence[tuple[str, ...]], at: int) -> bool:
    return all(name.lower() in _SIDES for name in _names(folders, at))


def _are_numbered(names: set[str]) -> bool:
    """Whether names differ in their numbers only: batch_2023, batch_2024; 2024-05-01."""
    return len({re.sub(r"\d+", "#", name.casefold()) for name in names}) == 1
