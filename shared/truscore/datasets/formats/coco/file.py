"""One COCO file as plain lists: loaded within bounds, unwrapped, its entries checked for type and identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from truscore.datasets.formats.coco.loose_values import tightened
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.text_file import read_json

Entry = dict[str, Any]
_LISTS = ("images", "annotations")


@dataclass(frozen=True, kw_only=True, slots=True)
class CocoFile:
    """`categories`, `images` and `annotations` by id, in file order; annotations keep whatever id they have."""

    path: str
    categories: dict[int | str, Entry]
    images: dict[int | str, Entry]
    annotations: tuple[Entry, ...]


def load_json(context: ReaderContext, path: str) -> Any:
    """The file's JSON, or None after reporting why there is none."""
    file, limits, log = context.folder.root / path, context.limits, context.log
    size_bytes = file.stat().st_size
    if size_bytes > limits.annotation_file_bytes:
        text = f"has {size_bytes} bytes, at most {limits.annotation_file_bytes} are read"
        log.add("format.coco.too_large", text, path)
        return None
    return read_json(context, path, code="format.coco.invalid_json", limit_bytes=limits.annotation_file_bytes)


def has_coco_shape(content: Any) -> bool:
    """Whether this is a COCO object, bare or wrapped."""
    return _is_coco(content) or bool(_wrapped(content))


def read_coco_file(context: ReaderContext, path: str) -> CocoFile | None:
    """The file's lists, or None where it is no COCO file."""
    content, log = load_json(context, path), context.log
    if wrapper := _wrapped(content):
        log.add("format.coco.wrapped", f"the COCO object lies under {wrapper!r}; expected it at the top", path)
        content = content[wrapper]
    if not _is_coco(content):
        return None
    context.files_read.add(path)
    loose = _Loose(path=path)
    images = _by_id(loose.entries(content["images"]), "images", path, log)
    annotations = tuple(_entries(loose.entries(content["annotations"]), "annotations", path, log))
    categories = _by_id(loose.entries(content.get("categories", [])), "categories", path, log)
    loose.report(log)
    _report_duplicate_annotations(annotations, path, log)
    return CocoFile(path=path, categories=categories, images=images, annotations=annotations)


@dataclass(kw_only=True, slots=True)
class _Loose:
    """Entries with numbers written as text or floats, counted to be reported once."""

    path: str
    count: int = 0
    example: str = ""

    def entries(self, values: Any) -> Any:
        return list(map(self._entry, values)) if isinstance(values, list) else values

    def _entry(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        entry, changed = tightened(value)
        if changed:
            self.example = self.example or ", ".join(
                f"{key} {value[key]!r:.40}" for key in entry if entry[key] is not value[key]
            )
            self.count += 1
        return entry

    def report(self, log: ProblemLog) -> None:
        if self.count:
            text = (
                f"{self.count} entries have ids or numbers as text or floats, such as {self.example}; read as numbers"
            )
            log.add("format.values_as_text", text, self.path)


def _is_coco(content: Any) -> bool:
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in _LISTS):
        return False
    first = next(iter(content["annotations"]), None)
    return not (isinstance(first, dict) and "segments_info" in first)  # panoptic: marks lie in pictures


def _wrapped(content: Any) -> str:
    if not isinstance(content, dict) or _is_coco(content):
        return ""
    return next((key for key, value in content.items() if _is_coco(value)), "")


def _entries(values: Any, name: str, path: str, log: ProblemLog) -> Iterator[Entry]:
    if not isinstance(values, list):
        log.add("format.coco.structure", f"`{name}` is a {type(values).__name__}, expected a list", path)
        return
    for number, value in enumerate(values):
        if isinstance(value, dict):
            yield value
        else:
            log.add("format.coco.structure", f"`{name}` holds {value!r:.60}, expected an object", f"{path}#{number}")


def _by_id(values: Any, name: str, path: str, log: ProblemLog) -> dict[int | str, Entry]:
    found: dict[int | str, Entry] = {}
    for entry in _entries(values, name, path, log):
        key = entry.get("id")
        if isinstance(key, bool) or not isinstance(key, int | str):
            log.add("format.coco.structure", f"an entry of `{name}` has id {key!r:.60}, expected a number", path)
        elif key in found:
            log.add("format.coco.duplicate_id", f"`{name}` has id {key!r} twice; the first is used", f"{path}#{key}")
        else:
            found[key] = entry
    return found


def _report_duplicate_annotations(annotations: tuple[Entry, ...], path: str, log: ProblemLog) -> None:
    seen: set[Any] = set()
    for entry in annotations:
        key = entry.get("id")
        if isinstance(key, int | str):
            if key in seen:
                log.add(
                    "format.coco.duplicate_id", f"`annotations` has id {key!r} twice; both are used", f"{path}#{key}"
                )
            seen.add(key)
