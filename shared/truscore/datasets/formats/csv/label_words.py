"""Labels in the fields of a table's column: one or several, grades with their graders, words for nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from truscore.datasets.formats.csv.file import CsvTable
from truscore.datasets.index.grade_names import GRADING_COMPANIES, parse_grade
from truscore.datasets.reading.problems import bounded_text

SEPARATORS = ("|", ";", ",")
NO_CLASS = frozenset({"none", "no damage", "no_damage"})


class LabelWords:
    """What the label column of one table says. `known` are class names given with the dataset, separators and all."""

    def __init__(self, table: CsvTable, known: Collection[str] = ()) -> None:
        columns, self._known = table.columns, frozenset(known)
        self._label, self._grader = columns.label, columns.grader
        fields = set() if self._label is None else {row[self._label].strip() for _, row in table.rows}
        # A comma may belong to a name: "corner, sharp".
        self._separators: tuple[str, ...] = (
            SEPARATORS if columns.several or _are_lists(fields, ",") else SEPARATORS[:-1]
        )
        self.by_spaces = columns.tags and not any(sign in field for field in fields for sign in SEPARATORS)
        self.by_spaces = self.by_spaces and _are_lists(fields, " ") and _are_fewer_words(fields)
        if self.by_spaces:
            self._separators = (" ",)
        graded = sum(parse_grade(field) is not None for field in fields)
        self._graded = 2 * graded >= len(fields) > 0

    def is_written(self, row: Sequence[str]) -> bool:
        return self._label is not None and bool(row[self._label].strip())

    def of(self, row: Sequence[str]) -> list[str]:
        """The labels of a row; none for a word that means nothing to see."""
        if self._label is None:
            return []
        text = row[self._label].strip()
        if self._graded and parse_grade(text) is not None:
            return [bounded_text(self._with_grader(text, row))]
        if text in self._known:
            return [bounded_text(text)]
        separator = next((sign for sign in self._separators if sign in text), None)
        words = text.split(separator) if separator else [text]
        return [bounded_text(word) for word in map(str.strip, words) if word and word.lower() not in NO_CLASS]

    def _with_grader(self, text: str, row: Sequence[str]) -> str:
        grade = parse_grade(text)
        company = "" if self._grader is None else GRADING_COMPANIES.get(row[self._grader].strip().casefold(), "")
        return f"{company} {text}" if company and grade is not None and not grade.grader else text


def _are_fewer_words(fields: Collection[str]) -> bool:
    """Whether the words that fields consist of are fewer than the fields: each stands in several."""
    return len({word for field in fields for word in field.split()}) <= len(set(fields))


def _are_lists(fields: Collection[str], separator: str) -> bool:
    """Whether fields with such signs list labels: a part stands alone elsewhere, at another place, or beside more
    parts."""
    divided = [tuple(map(str.strip, field.split(separator))) for field in fields if field]
    lists = [parts for parts in divided if len(parts) > 1]
    alone = {parts[0] for parts in divided if len(parts) == 1}
    if not lists:
        return False
    places: dict[str, set[int]] = {}
    for part, at in _placed(lists):
        places.setdefault(part, set()).add(at)
    moved = any(len(found) > 1 for found in places.values())
    return moved or bool(alone & places.keys()) or len({len(parts) for parts in lists}) > 1


def _placed(lists: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, int]]:
    return ((part, at) for parts in lists for at, part in enumerate(parts))
