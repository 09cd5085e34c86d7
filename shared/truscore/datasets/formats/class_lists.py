"""Class names of formats that name classes where they are used: their order, and lists of them that lie beside."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType

from truscore.datasets.index.class_order import grades_by_name, grades_of, order_classes
from truscore.datasets.index.grade_names import is_missing_grade, parse_grade
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog, bounded_text
from truscore.datasets.reading.text_file import decoded_or_replaced

LIST_NAMES = frozenset({"class_names.txt", "classes.txt", "labels.txt", "flags.txt", "labelmap.pbtxt", "classes.csv"})
LIST_LIMIT_BYTES = 1024 * 1024
# What LabelMe's lists hold besides classes.
NOT_CLASSES = frozenset({"__ignore__", "_background_", "__background__"})
_PBTXT_ITEM = re.compile(r"item\s*\{[^}]*?\bid:\s*(\d+)[^}]*?\bname:\s*['\"]([^'\"]+)['\"]|name:\s*['\"]([^'\"]+)['\"]")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassList:
    """Names in order; a grade for each where they are grades.

    `class_of` names the class of words that are written otherwise, None where a word means that there is no grade.
    """

    names: tuple[str, ...]
    grades: tuple[float, ...] = ()
    class_of: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))

    def label(self, name: str) -> int:
        return self.names.index(self.class_of.get(name) or name) + 1

    def is_missing(self, name: str) -> bool:
        """Whether a word among grades means that there is none."""
        return self.class_of.get(name, name) is None

    def written_grade(self, name: str) -> str:
        """The grade as written, "" where its class is called so."""
        renamed = self.class_of.get(name, name) != name
        return name if renamed and any(map(str.isalpha, name)) and not is_missing_grade(name) else ""

    @property
    def labels(self) -> dict[str, int]:
        return {name: label for label, name in enumerate(self.names, start=1)}


def class_list(context: ReaderContext, used: Collection[str], *, graded: bool = True) -> ClassList:
    """Classes in the order given, else as a list in the folder has them, else by grade or in natural order.

    A list that lacks a name in use is not followed, and reported. Grades that are declared count where classes are
    `graded`.
    """
    log, grades = context.log, context.declaration.grades if graded else {}
    given = _covering(context.class_names, used, "given", log)
    names = given or _listed(context, used) or order_classes(used, declared=grades)
    return ClassList(names=names, grades=grades_of(names, declared=grades))


def graded_class_list(context: ReaderContext, used: Collection[str]) -> ClassList:
    """As class_list, with words for a missing grade left out, and one class where several words mean one grade."""
    log, declared = context.log, context.declaration.grades
    graded = {name for name in used if not _states_no_grade(name)}
    grades = grades_by_name(graded, declared=declared)
    if not grades or (context.class_names and set(used) <= set(context.class_names)):
        return class_list(context, used)
    absent = sorted(set(used) - graded)
    if absent:
        log.add("format.grade_missing", f"{', '.join(map(repr, absent[:8]))} among grades: read as no grade")
    class_of: dict[str, str | None] = dict.fromkeys(absent)
    if len(set(grades.values())) < len(grades):
        merged = {name: _shared_name(name, grades) for name in sorted(graded)}
        class_of |= {name: to for name, to in merged.items() if to != name}
        words = ", ".join(f"{name!r} as {to!r}" for name, to in list(class_of.items())[:6] if to)
        log.add("format.grades_merged", f"several words for one grade: {words}")
    kept = {class_of.get(name) or name for name in graded}
    return replace(class_list(context, kept), class_of=MappingProxyType(class_of))


def _states_no_grade(name: str) -> bool:
    grade = parse_grade(name)
    return is_missing_grade(name) or (grade is not None and grade.value is None)


def _shared_name(name: str, grades: Mapping[str, float]) -> str:
    """What the class of a grade is called: its number, or the shortest of the words for a condition."""
    if parse_grade(name) is not None:
        return f"{grades[name]:g}"
    return min((other for other in grades if grades[other] == grades[name]), key=lambda word: (len(word), word))


def _covering(names: Sequence[str], used: Collection[str], where: str, log: ProblemLog) -> tuple[str, ...]:
    lacking = sorted(set(used) - set(names))
    if names and lacking:
        text = f"{where}: {list(names)[:20]}, but the annotations also use {lacking[:20]}"
        log.add("format.class_names_differ", text)
    return () if lacking else tuple(names)


def _listed(context: ReaderContext, used: Collection[str]) -> tuple[str, ...]:
    """The shallowest list that names all classes in use."""
    folder, log = context.folder, context.log
    paths = [path for path in folder.files if PurePosixPath(path).name.lower() in LIST_NAMES]
    lists = [
        (path, _read_list(folder, path, context.declaration.encoding))
        for path in sorted(paths, key=lambda path: (path.count("/"), path))
    ]
    for _, names in lists:
        if names and set(used) <= set(names):
            return names
    for path, names in lists[:1]:
        _covering(names, used, path, log)
    return ()


def _numbered_names(text: str) -> list[str]:
    """Names by their number, from lines such as `scratch,0`; none where a line is another."""
    rows = [[field.strip().strip('"') for field in line.split(",")] for line in text.splitlines() if line.strip()]
    pairs = [(int(row[1]), row[0]) for row in rows if len(row) == 2 and row[1].isdecimal() and len(row[1]) < 10]
    # The first line may hold headings.
    return [name for _, name in sorted(pairs)] if pairs and len(pairs) >= len(rows) - 1 else []


def _read_list(folder: Folder, path: str, encoding: str) -> tuple[str, ...]:
    file = folder.root / path
    if file.stat().st_size > LIST_LIMIT_BYTES:
        return ()
    text = decoded_or_replaced(file.read_bytes(), declared=encoding)
    if path.lower().endswith(".pbtxt"):
        items = [(int(number or 0), name or bare) for number, name, bare in _PBTXT_ITEM.findall(text)]
        names = [name for _, name in sorted(items, key=lambda item: item[0])]
    elif path.lower().endswith(".csv"):
        names = _numbered_names(text)
    else:
        names = [line.strip() for line in text.splitlines()]
        if any("\t" in name for name in names):
            return ()  # a table: DAGM's Labels.txt lists images with their masks
    return tuple(dict.fromkeys(bounded_text(name) for name in names if name and name not in NOT_CLASSES))
