"""What the columns of a table say of images: by their headings and, where these leave it open, by their values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from truscore.datasets.folder_words import is_good, part_meant_by
from truscore.datasets.formats.csv.box_columns import BoxColumns, box_columns, holds_outlines, unnamed_box
from truscore.datasets.formats.csv.headings import (
    BOOKKEEPING,
    CLASS_PREFIX,
    GRADER_NAMES,
    ID_WORDS,
    IMAGE_NAMES,
    LABEL_NAMES,
    MASK_WORDS,
    PART_NAMES,
    PREFIXES,
    SCORE_PREFIX,
    SCORE_WORDS,
    SIDES,
    SUB_GRADES,
    is_label,
    plain,
    words_of,
)
from truscore.datasets.formats.csv.image_names import named_file
from truscore.datasets.formats.csv.text import is_number, number_of, score_of
from truscore.datasets.index.grade_names import HIGHEST, is_missing_grade, parse_grade
from truscore.datasets.paths import IMAGE_SUFFIXES, suffix_of

_LEAST_VALUES = 3
_MOST_WORDS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Places of the columns by what they mean; `unused` are the names of those that say nothing to us, `guessed` of
    those whose meaning is that of their values."""

    images: tuple[int, ...]  # of one card, where there are several
    label: int | None = None
    classes: Mapping[str, int] = field(default_factory=dict)  # one column of 0 and 1 for each class
    scores: Mapping[str, int] = field(default_factory=dict)
    box: BoxColumns | None = None
    size: Mapping[str, int] = field(default_factory=dict)
    grader: int | None = None
    part: int | None = None  # of a split
    unused: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    tags: bool = False  # whether it is headed as one of words that may be divided by spaces
    several: bool = False  # whether the label column is headed as one of several labels at once

    @property
    def has_labels(self) -> bool:
        return self.label is not None or bool(self.classes or self.scores)


def columns_of(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    names_image: Callable[[str], bool],
    *,
    scores: Collection[str] = (),
) -> Columns | None:
    """The columns' meanings; None where none of them names images, or what they say of these is said in outlines.

    A `header` of empty names is that of a table without one. `scores` are declared to be such.
    """
    table = _Table(header=header, rows=rows, declared=frozenset(scores))
    images = table.image_columns(names_image)
    if not images:
        return None
    box = box_columns(header, rows) if any(header) else unnamed_box(rows, taken=images)
    if box is None and any(
        holds_outlines(header[at], table.values[at]) for at in range(len(header)) if at not in images
    ):
        return None
    columns = table.sorted_out(images, box)
    return None if table.lists_masks(columns) else columns


class _Table:
    def __init__(self, *, header: Sequence[str], rows: Sequence[Sequence[str]], declared: frozenset[str]) -> None:
        self.header = [heading.strip() for heading in header]
        self.names = [plain(heading) for heading in header]
        self.words = [words_of(heading) for heading in header]
        self.values = [
            [row[at].strip() for row in rows if at < len(row) and row[at].strip()] for at in range(len(header))
        ]
        self.declared = declared
        self.rows = len(rows)

    def lists_masks(self, columns: Columns) -> bool:
        """Whether each image stands beside its mask, and beside no more than whether it is sound (VisA)."""
        masks = [at for at, words in enumerate(self.words) if words & MASK_WORDS and at not in columns.images]
        if not any(2 * sum(map(_is_file, self.values[at])) > len(self.values[at]) > 0 for at in masks):
            return False
        return columns.label is None or any(map(is_good, self.values[columns.label]))

    def image_columns(self, names_image: Callable[[str], bool]) -> tuple[int, ...]:
        """The column that names images, before other sides of the same cards."""

        def mostly(holds: Callable[[str], bool], at: int) -> bool:
            return 2 * sum(map(holds, self.values[at])) > len(self.values[at]) > 0

        files = [at for at in range(len(self.names)) if mostly(_is_file, at)]
        found = files or [at for at in range(len(self.names)) if mostly(names_image, at)]
        if not found:
            return ()

        def rank(at: int) -> tuple[bool, bool, int]:
            named = self.names[at] in IMAGE_NAMES
            # A column of grades 1 to 10 may be spelt like images 1.jpg to 10.jpg.
            return (
                (not named, not self.words[at] & ID_WORDS, -len(set(self.values[at])))
                if not files
                else (not named, False, at)
            )

        first, *others = sorted(found, key=rank)
        sides = [at for at in others if files and self.words[at] & SIDES and self.words[first] & SIDES]
        return (first, *sorted(sides))

    def sorted_out(self, images: tuple[int, ...], box: BoxColumns | None) -> Columns:
        places = {*images, *(box.places if box else ())}
        label = self._label(places)
        guessed: list[str] = [] if any(self.header) or box is None else ["boxes"]
        if label is None and (box is not None or not self._says_something(places)):
            label = self._label_by_values(places)
            guessed += [] if label is None else [self.header[label] or f"column {label + 1}"]
        grader = next((at for at, name in enumerate(self.names) if name in GRADER_NAMES and at not in places), None)
        part = next((at for at in range(len(self.names)) if at not in {*places, label} and self._is_part(at)), None)
        classes: dict[str, int] = {}
        scores: dict[str, int] = {}
        unused: list[str] = []
        for at in range(len(self.header)):
            if at in places or at in {label, grader, part}:
                continue
            self._sort(at, box is not None, classes, scores, unused)
        size: dict[str, int] = {name: self.names.index(name) for name in ("width", "height") if name in self.names}
        return Columns(
            images=images,
            label=label,
            classes=classes,
            scores=scores,
            box=box,
            size={} if places & set(size.values()) else size,
            grader=grader,
            part=part,
            unused=tuple(name for name in unused if name),
            guessed=tuple(guessed),
        )

    def _sort(self, at: int, boxes: bool, classes: dict[str, int], scores: dict[str, int], unused: list[str]) -> None:
        heading, name = self.header[at], self.names[at]
        if name.startswith(CLASS_PREFIX):
            classes[heading[len(CLASS_PREFIX) :]] = at
        elif name.startswith(SCORE_PREFIX):
            scores[heading[len(SCORE_PREFIX) :]] = at
        elif not boxes and (heading in self.declared or self._is_score(at)):
            scores[heading] = at
        elif not boxes and self._is_class(at):
            classes[heading] = at
        elif name not in {"width", "height"}:
            unused.append(heading)

    def _label(self, taken: Collection[int]) -> int | None:
        headed = [at for at in range(len(self.names)) if at not in taken and not self._is_prefixed(at)]
        free = [at for at in headed if self.values[at]]
        exact = next((at for at in free if self.names[at] in LABEL_NAMES), None)
        by_word = next((at for at in free if is_label(self.header[at])), None)
        # Numbers of classes, where their names are nowhere.
        numbered = next(
            (at for at in free if {"class", "label", "category"} & self.words[at] and "id" in self.words[at]), None
        )
        empty = next((at for at in headed if self.names[at] in LABEL_NAMES), None)
        return next((at for at in (exact, by_word, numbered, empty) if at is not None), None)

    def _is_prefixed(self, at: int) -> bool:
        return self.names[at].startswith(PREFIXES)

    def _says_something(self, taken: Collection[int]) -> bool:
        free = [at for at in range(len(self.names)) if at not in taken]
        return any(self._is_prefixed(at) or self._is_score(at) or self._is_class(at) for at in free)

    def _label_by_values(self, taken: Collection[int]) -> int | None:
        """The only column whose words or grades are repeated over the rows."""
        free = [at for at in range(len(self.names)) if at not in taken and not self._is_prefixed(at)]
        found = [at for at in free if self._repeats_words(at)]
        return found[0] if len(found) == 1 else None

    def _repeats_words(self, at: int) -> bool:
        values = self.values[at]
        different = set(values)
        repeated = len(different) <= _MOST_WORDS and 2 * len(different) <= max(len(values), 4)
        if not values or self.words[at] & BOOKKEEPING or not repeated:
            return False
        if any(value[0] in "{[" for value in values):
            return False
        grades = [parse_grade(value) for value in different if not is_missing_grade(value)]
        if all(grade and grade.value is not None and grade.value <= HIGHEST for grade in grades):
            return bool(grades)
        return not any(map(is_number, different))

    def _is_part(self, at: int) -> bool:
        return self.names[at] in PART_NAMES and bool(self.values[at]) and all(map(part_meant_by, self.values[at]))

    def _is_class(self, at: int) -> bool:
        """Zeros and ones, not all of one kind unless nothing else is a column of a class."""
        values = self.values[at]
        return bool(self.header[at] and values and not self.words[at] & BOOKKEEPING and self._is_binary(values))

    def _is_binary(self, values: Sequence[str]) -> bool:
        return set(values) <= {"0", "1", "0.0", "1.0"}

    def _is_score(self, at: int) -> bool:
        """Named so, or by values a measurement: not whole numbers, from 0 to 10, of more than one kind."""
        values, words = self.values[at], self.words[at]
        if not values or not self.header[at]:
            return False
        if words & SUB_GRADES:
            return all(score_of(value) is not None or is_missing_grade(value) for value in values)
        if words & SCORE_WORDS or self.names[at] in LABEL_NAMES:
            return all(map(is_number, values)) and not words & {"id", "count"}
        measured = [value for text in values if (value := number_of(text)) is not None]
        if words & BOOKKEEPING or len(measured) < len(values) or len(values) < _LEAST_VALUES:
            return False
        between = all(0 <= value <= HIGHEST for value in measured)
        return between and len(set(measured)) > 1 and not all(value.is_integer() for value in measured)


def _is_file(field: str) -> bool:
    return suffix_of(named_file(field).replace("\\", "/")) in IMAGE_SUFFIXES
