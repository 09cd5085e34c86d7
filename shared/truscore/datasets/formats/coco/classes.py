"""COCO categories as classes in order: ids of several files brought together by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from truscore.datasets.formats.coco.file import CocoFile, Entry
from truscore.datasets.reading.problems import ProblemLog, bounded_text

Identity = int | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Classes:
    """`names` in order of id; `labels` says which label (from 1) a category id of a file has."""

    names: tuple[str, ...]
    labels: Mapping[tuple[str, Identity], int]

    @staticmethod
    def of(files: Sequence[CocoFile], log: ProblemLog) -> Classes:
        names: dict[str, Identity] = {}
        for identity, name in sorted(
            _declared(files, log).items(), key=lambda item: (isinstance(item[0], str), item[0])
        ):
            names.setdefault(name, identity)
        parents = _unused_parents(files)
        for parent in sorted(parents & names.keys()):
            log.add("label.unused_category", f"category {parent!r} only groups the others; it is not a class")
            del names[parent]
        ordered = tuple(names)
        labels = {
            (file.path, identity): ordered.index(name) + 1
            for file in files
            for identity, name in _names(file).items()
            if name in names
        }
        return Classes(names=ordered, labels=MappingProxyType(labels))


def _declared(files: Sequence[CocoFile], log: ProblemLog) -> dict[Identity, str]:
    """Names by id; an id that means another name in a later file is renumbered behind the others."""
    merged: dict[Identity, str] = {}
    late: list[str] = []
    for file in files:
        seen: set[str] = set()
        for identity, entry in file.categories.items():
            if not _is_named(entry):
                text = f"category {identity} has name {entry.get('name')!r:.40}, expected a text"
                log.add("format.coco.structure", text, file.path)
        for identity, name in _names(file).items():
            if name in seen:
                log.add("format.class_name_duplicate", f"category name {name!r} is used twice", file.path)
            seen.add(name)
            if merged.setdefault(identity, name) != name:
                text = f"category {identity} is {name!r} here and {merged[identity]!r} elsewhere; names decide"
                log.add("format.coco.categories_differ", text, file.path)
                late.append(name)
    behind = max((identity for identity in merged if isinstance(identity, int)), default=0) + 1
    return merged | {behind + number: name for number, name in enumerate(late)}


def _names(file: CocoFile) -> dict[Identity, str]:
    return {
        identity: bounded_text(str(entry["name"]) if _is_named(entry) else f"category_{identity}")
        for identity, entry in file.categories.items()
    }


def _is_named(entry: Entry) -> bool:
    name = entry.get("name")
    return bool(name) and isinstance(name, str | int | float) and not isinstance(name, bool)


def _unused_parents(files: Sequence[CocoFile]) -> set[str]:
    """Roboflow declares the supercategory itself as a category; nothing is ever marked with it."""
    parents = {name for file in files for name in _parents(file)}
    return parents - {name for file in files for name in _used(file)}


def _parents(file: CocoFile) -> set[str]:
    names = _names(file)
    above = {
        entry["supercategory"]
        for identity, entry in file.categories.items()
        if isinstance(entry.get("supercategory"), str) and entry["supercategory"] not in {"", "none", names[identity]}
    }
    return above & set(names.values())


def _used(file: CocoFile) -> set[str]:
    names = _names(file)
    marked = (entry.get("category_id") for entry in file.annotations)
    return {names[identity] for identity in marked if isinstance(identity, int | str) and identity in names}
