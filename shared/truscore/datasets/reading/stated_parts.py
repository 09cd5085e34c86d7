"""The part of a split that each image is in, where it is stated: by annotations, or by lists of images beside them, as
VOC's `ImageSets/Main/train.txt` and YOLO's `val.txt`.

A folder that names a part goes before both: it is what other programs split by.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from truscore.datasets.folder_words import BOTH_PARTS, PARTS, part_meant_by, part_of_folders
from truscore.datasets.index.records import ImageRecord
from truscore.datasets.index.stored_images import as_stored
from truscore.datasets.paths import IMAGE_SUFFIXES, name_of, stem_of, suffix_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.text_file import decoded_or_replaced

_TRAINING = PARTS[0]
# Where VOC keeps the lists of one task among others; those of the format that was read go first.
_TASK_LISTS = {"masks": "segmentation"}
_ANY_TASK = "main"
_LIST_LIMIT_BYTES = 64 * 1024 * 1024
_LONGEST_LINE = 1000
_PRESENCE = frozenset({"-1", "0", "1"})


@dataclass(frozen=True, kw_only=True, slots=True)
class StatedParts:
    """The part of each image by its path, "" for none, and in words where that stands."""

    source: str = ""
    by_image: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_split(self) -> bool:
        """Whether some images are for training and some are not."""
        parts = {part for part in self.by_image.values() if part}
        return _TRAINING in parts and len(parts) > 1


NO_PARTS = StatedParts()


def parts_of_files(file_of: Mapping[str, str]) -> StatedParts:
    """The part of each image by what the file that describes it is called: instances_val2017.json.

    Files about a single image are called after it, not after a part.
    """
    several = {file for file, count in Counter(file_of.values()).items() if count > 1}
    part_of = {file: part_of_file(file) for file in several}
    named = sorted(file for file, part in part_of.items() if part)
    return StatedParts(
        source=", ".join(named[:4]), by_image={path: part_of.get(file, "") for path, file in file_of.items()}
    )


def part_of_file(path: str) -> str:
    """The only part that a word of the file's name means, else that of a folder above it."""
    stem = stem_of(path)
    words = {part for word in (stem, *re.split(r"[_\-.\s]+", stem)) if (part := part_meant_by(word))}
    return next(iter(words)) if len(words) == 1 else part_of_folders(path)


def with_stated_parts(
    context: ReaderContext, records: Sequence[ImageRecord], stated: StatedParts, *, format: str
) -> Sequence[ImageRecord]:
    """The images with the part that is stated for each, `stated` by annotations or else by lists; reported once."""
    if not stated.is_split:
        stated = _listed(context, [record.path for record in records], format)
    if not stated.is_split:
        return records
    differ: list[str] = []
    found = as_stored(records, _in_parts(records, stated, differ))
    if differ:
        text = f"folders name another part than {stated.source} for {len(differ)} images ({differ[0]} there)"
        context.log.add("format.parts_unclear", f"{text}; folders were followed")
    if any(record.part for record in found):
        _report(context, found, stated.source)
    return found


def _in_parts(records: Sequence[ImageRecord], stated: StatedParts, differ: list[str]) -> Iterator[ImageRecord]:
    """Each with the part that is stated; `differ` is told of those whose folder names another."""
    for record in records:
        part, folder = stated.by_image.get(record.path, ""), part_of_folders(record.path)
        if part and folder and part != folder:
            differ.append(f"{record.path} is {part}")
        yield replace(record, part=part if part and not folder else "")


def _report(context: ReaderContext, records: Sequence[ImageRecord], source: str) -> None:
    counts = Counter(record.part for record in records if record.part)
    shown = ", ".join(f"{counts[part]} {part}" for part in PARTS if counts[part])
    context.log.add("format.parts_stated", f"parts of the split are those of {source}: {shown}")
    left_out = [record.path for record in records if not record.part and not part_of_folders(record.path)]
    if left_out:
        text = f"{len(left_out)} images are in no part that {source} states, such as {left_out[0]}"
        context.log.add("format.parts_unclear", f"{text}: they train, or go with images of the same thing")


def _listed(context: ReaderContext, images: Sequence[str], format: str) -> StatedParts:
    """What the lists of one folder say: of several, those of the format's task, else those that name more images."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in context.folder.with_suffix(".txt"):
        if path not in context.files_read and _part_of_list(path):
            folders[path.rpartition("/")[0]].append(path)
    if not folders:
        return NO_PARTS
    names = _Names(images)
    found = {home: _ListsOfFolder(context, names, home, paths) for home, paths in folders.items()}
    for lists in found.values():
        lists.report_unresolved()
    splits = [lists for lists in found.values() if lists.stated.is_split]
    if not splits:
        return NO_PARTS
    task = _TASK_LISTS.get(format, _ANY_TASK)
    best = max(splits, key=lambda lists: (name_of(lists.home).lower() == task, len(lists.stated.by_image)))
    best.report_doubts([lists for lists in splits if lists is not best])
    return best.stated


def _part_of_list(path: str) -> str:
    return part_meant_by(stem_of(path))


class _ListsOfFolder:
    """The lists of one folder: which image each line names, and what is odd about them."""

    def __init__(self, context: ReaderContext, names: _Names, home: str, paths: Sequence[str]) -> None:
        self.home = home
        self._log = context.log
        self._unresolved: dict[str, list[str]] = {}
        self._twice: list[str] = []
        self._used: list[str] = []
        parts: dict[str, str] = {}
        # What is in `train` or `val` is in `trainval` too: that says something of the others only.
        for path in sorted(paths, key=lambda path: stem_of(path).lower() in BOTH_PARTS):
            lines = lines_of(context, path)
            if not lines or _tells_presence(home, lines):
                continue
            self._add(path, lines, names, parts)
        self.stated = StatedParts(source=", ".join(self._used[:4]), by_image=parts)

    def _add(self, path: str, lines: Sequence[str], names: _Names, parts: dict[str, str]) -> None:
        part, both = _part_of_list(path), stem_of(path).lower() in BOTH_PARTS
        found = {line: names.find(line) for line in lines}
        before = dict(parts)
        for image in filter(None, found.values()):
            known = parts.setdefault(image, part)
            if known != part and not both:
                self._twice.append(image)
                parts[image] = max(known, part, key=PARTS.index)
        if parts != before:
            self._used.append(path)
        if not both:
            self._unresolved[path] = [line for line, image in found.items() if not image]

    def report_unresolved(self) -> None:
        """Names that are bare; those with an ending are looked at for every list, followed or not."""
        if not self.stated.is_split:
            return
        for path, written in self._unresolved.items():
            bare = [line for line in written if suffix_of(line.split()[0]) not in IMAGE_SUFFIXES]
            if bare:
                text = f"{len(bare)} names are of no image in the dataset, such as {bare[0]!r}"
                self._log.add("format.list_unresolved", text, path)

    def report_doubts(self, others: Iterable[_ListsOfFolder]) -> None:
        """Images in two lists, and other folders' lists that say something else."""
        if self._twice:
            text = f"{len(self._twice)} images are in two lists of {self.home or 'the dataset'}, such as"
            kept = "test goes before validation, and that before training"
            self._log.add("format.parts_unclear", f"{text} {self._twice[0]}: {kept}")
        for other in others:
            ours, theirs = self.stated.by_image, other.stated.by_image
            if differ := [image for image in theirs if ours.get(image, "") != theirs[image]]:
                text = f"lists in {other.home or 'the root'} put {len(differ)} images into other parts, such as"
                self._log.add("format.parts_unclear", f"{text} {differ[0]}; they were not followed")


def lines_of(context: ReaderContext, path: str) -> list[str]:
    """The lines of a list that are not empty, with "/" in paths."""
    file = context.folder.root / path
    if file.stat().st_size > _LIST_LIMIT_BYTES:
        return []
    text = decoded_or_replaced(file.read_bytes(), declared=context.declaration.encoding)
    return [line.strip().replace("\\", "/") for line in text.splitlines() if line.strip()]


def _tells_presence(home: str, lines: Sequence[str]) -> bool:
    """Whether each line says if one class is on an image: VOC has a class `train`, and its lists train_val.txt."""
    last = {line.split()[-1] for line in lines if len(line.split()) > 1}
    every = all(len(line.split()) > 1 for line in lines)
    return every and last <= _PRESENCE and ("-1" in last or "imagesets" in home.lower())


class _Names:
    """Images by what a line may call them: path, name or stem."""

    def __init__(self, images: Iterable[str]) -> None:
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in images:
            for name in {name_of(path).lower(), stem_of(path).lower()}:
                self._by_name[name].append(path)

    def find(self, line: str) -> str:
        """The only image that a line names, with or without what follows the name; "" where there is none."""
        for written in _readings(line):
            found = self._by_name.get(name_of(written).lower(), [])
            if len(found) > 1:
                tail = f"/{written.lower().lstrip('./')}"
                found = [path for path in found if _ends(path.lower(), tail)] or _nearest(found, written.lower())
            if len(found) == 1:
                return found[0]
        return ""


def _readings(line: str) -> Iterable[str]:
    """The whole line, then less and less of it: names may hold blanks, and a label may follow."""
    line = line[:_LONGEST_LINE]
    yield line
    while " " in line or "\t" in line:
        line = line[: max(line.rfind(" "), line.rfind("\t"))].rstrip()
        yield line


def _ends(path: str, tail: str) -> bool:
    whole = f"/{path}"
    return whole.endswith(tail) or whole.rpartition(".")[0].endswith(tail)


def _nearest(paths: Sequence[str], written: str) -> list[str]:
    """Those that share more of the written path's end."""
    ending = written.split("/")[::-1][1:]

    def shared(path: str) -> int:
        count = 0
        for ours, theirs in zip(path.lower().split("/")[::-1][1:], ending, strict=False):
            if ours != theirs:
                break
            count += 1
        return count

    most = max(map(shared, paths))
    return [path for path in paths if shared(path) == most] if most else []
