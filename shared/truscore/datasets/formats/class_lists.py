"""Class names of formats that name classes where they are used: their order, and lists of them that lie beside."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from truscore.datasets.index.class_order import grades_of, order_classes
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog, bounded_text
from truscore.datasets.reading.text_file import decoded_or_replaced

LIST_NAMES = frozenset({"class_names.txt", "classes.txt", "labels.txt", "flags.txt", "labelmap.pbtxt"})
LIST_LIMIT_BYTES = 1024 * 1024
# What LabelMe's lists hold besides classes.
NOT_CLASSES = frozenset({"__ignore__", "_background_", "__background__"})
_PBTXT_ITEM = re.compile(r"item\s*\{[^}]*?\bid:\s*(\d+)[^}]*?\bname:\s*['\"]([^'\"]+)['\"]|name:\s*['\"]([^'\"]+)['\"]")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassList:
    """Names in order; a grade for each where they are grades."""

    names: tuple[str, ...]
    grades: tuple[float, ...] = ()

    def label(self, name: str) -> int:
        return self.names.index(name) + 1

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


def _read_list(folder: Folder, path: str, encoding: str) -> tuple[str, ...]:
    file = folder.root / path
    if file.stat().st_size > LIST_LIMIT_BYTES:
        return ()
    text = decoded_or_replaced(file.read_bytes(), declared=encoding)
    if path.lower().endswith(".pbtxt"):
        items = [(int(number or 0), name or bare) for number, name, bare in _PBTXT_ITEM.findall(text)]
        names = [name for _, name in sorted(items, key=lambda item: item[0])]
    else:
        names = [line.strip() for line in text.splitlines()]
    return tuple(dict.fromkeys(bounded_text(name) for name in names if name and name not in NOT_CLASSES))
