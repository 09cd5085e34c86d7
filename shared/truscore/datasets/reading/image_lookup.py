"""The image that an annotation file of its own is about."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import cached_property
from itertools import chain
from pathlib import PurePosixPath

from truscore.datasets.folder_words import IMAGE_FOLDERS
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.name_index import NameIndex
from truscore.datasets.reading.references import is_escape

_ANNOTATION_FOLDERS = ("annotations", "annotation", "xmls", "xml", "labels", "json", "jsons")
_ALIKE = 0.85
_LENGTHS_APART = 3
# Where thousands of images are missing, nobody wants to know what each may be a misspelling of.
_COMPARISONS = 50_000


class ImageLookup:
    """Finds images by the path written in an annotation file, whatever the case of its letters.

    Looked at in turn: the path itself from the annotation file on; the folder of images that belongs to the
    annotation file's folder; a file of that name anywhere, if there is one only; a file of that stem. `report` says,
    once all are found, which were found otherwise than by their names as written.
    """

    def __init__(self, context: ReaderContext, *, annotations: Iterable[str] = ()) -> None:
        self._log = context.log
        self._annotated = {PurePosixPath(path).stem.lower() for path in annotations}
        self._comparisons = 0
        self._paths: dict[str, str] = {}
        self._names = NameIndex(context.folder.images, context.log)
        self.report = self._names.report
        self._stems: dict[str, list[str]] = defaultdict(list)
        # A file that the annotations name with its path is an image, whatever it is called.
        for path in context.folder.pictures:
            self._paths.setdefault(path.lower(), path)
        for path in context.folder.images:
            name = PurePosixPath(path)
            self._stems[name.stem.lower()].append(path)

    @cached_property
    def _names_by_digits(self) -> dict[str, list[str]]:
        """Names that no annotation file speaks for, of images and of the folders they lie in."""
        folders = {parent.name.lower() for path in self._paths for parent in PurePosixPath(path).parents}
        found: dict[str, list[str]] = defaultdict(list)
        for name in sorted({*self._stems, *folders} - self._annotated):
            found[_digits(name)].append(name)
        return found

    def find(self, written: str, *, annotation: str) -> str | None:
        """The image's path; None after reporting why there is none."""
        found, code, text = self._located(written, PurePosixPath(annotation))
        if code:
            self._log.add(code, text, annotation)
        elif found is not None:
            self._names.note_difference(written, found, annotation, escape=_leaves(written, annotation))
        return found

    def exists(self, written: str, *, annotation: str) -> bool:
        return self._located(written, PurePosixPath(annotation))[0] is not None

    def _located(self, written: str, annotation: PurePosixPath) -> tuple[str | None, str, str]:
        posix_path = written.replace("\\", "/")
        name, stem = PurePosixPath(posix_path).name.lower(), PurePosixPath(posix_path).stem.lower()
        if escape := _leaves(written, str(annotation)):
            places = [f"{place}/{name}" for place in _image_folders(annotation.parent)]
        else:
            from_root = posixpath.normpath(str(annotation.parent / posix_path))
            places = [from_root.lower(), *(f"{place}/{name}" for place in _image_folders(annotation.parent))]
        for place in places if name else ():
            if found := self._paths.get(posixpath.normpath(place)):
                return found, "", ""
        if "\0" not in written and (by_name := self._names.named(written, near=str(annotation))):
            return self._only(by_name, written)
        if escape:
            return None, "format.path_escape", f"{written!r} is absolute or climbs out, and no image is called so"
        return self._by_stem(written, stem, annotation)

    def _only(self, found: list[str], written: str) -> tuple[str | None, str, str]:
        if len(found) == 1:
            return found[0], "", ""
        return None, "format.image_ambiguous", f"{written!r} could be any of: {', '.join(found[:4])}"

    def _by_stem(self, written: str, stem: str, annotation: PurePosixPath) -> tuple[str | None, str, str]:
        bare = PurePosixPath(written).name.lower()
        found = self._stems.get(bare) or self._stems.get(stem) or self._stems.get(annotation.stem.lower(), [])
        homes = [path for path in found if str(PurePosixPath(path).parent).lower() in _image_folders(annotation.parent)]
        chosen = homes or found
        if not chosen:
            return None, *self._missing(written, stem)
        if len(chosen) > 1:
            return self._only(chosen, written)
        if bare in self._stems:
            return chosen[0], "format.filename_bare", f"{written!r} has no file ending; {chosen[0]} was taken"
        return chosen[0], "format.filename_other", f"there is no {written!r}; {chosen[0]} was taken"

    def _missing(self, written: str, stem: str) -> tuple[str, str]:
        """Why there is no such image: perhaps its name was spelt otherwise."""
        for other in self._names_by_digits.get(_digits(stem), ()):
            if self._comparisons == _COMPARISONS:
                break
            self._comparisons += 1
            if _spelt_alike(stem, other):
                return "format.name_mismatch", f"image {written!r} is not in the dataset; {other!r} is spelt like it"
        return "format.image_missing", f"image {written!r} is not in the dataset"


def _image_folders(home: PurePosixPath) -> tuple[str, ...]:
    """Folders, in lower case, where images of the annotations in `home` may lie."""
    last = home.name.lower()
    swapped = (last.replace(word, images) for word in _ANNOTATION_FOLDERS if word in last for images in IMAGE_FOLDERS)
    above = str(home.parent).lower()
    places = chain((home,), (home.parent / name for name in swapped), (home / name for name in IMAGE_FOLDERS))
    near = (posixpath.normpath(str(place).lower()) for place in places)
    return tuple(dict.fromkeys((*near, *(posixpath.normpath(f"{above}/{name}") for name in IMAGE_FOLDERS), above)))


def _leaves(written: str, annotation: str) -> bool:
    """Whether a path leaves the dataset, or the machine it was written on."""
    posix_path = written.replace("\\", "/")
    return is_escape(posixpath.normpath(str(PurePosixPath(annotation).parent / posix_path))) or is_escape(
        posix_path.lstrip("./")
    )


def _spelt_alike(one: str, other: str) -> bool:
    """Nearly the same letters, and the same digits: card_1 and card_2 are not one name spelt twice."""
    if one == other or _digits(one) != _digits(other) or abs(len(one) - len(other)) > _LENGTHS_APART:
        return False
    return SequenceMatcher(None, one, other).ratio() >= _ALIKE


def _digits(word: str) -> str:
    return "".join(filter(str.isdigit, word))
