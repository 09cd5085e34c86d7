"""The DeepPCB reader: pairs of a board (NAME_test) and its template (NAME_temp), boxes as `x1 y1 x2 y2 class`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from truscore.datasets.formats.class_lists import ClassList
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.paths import stem_of
from truscore.datasets.reading.build_index import Annotate, build_read_result, unreadable_dataset
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.parse import BadShape, box_from, numbers, written_number

# Numbered from 1; 0 is the background and not used (the dataset's own README).
CLASSES = ("open", "short", "mousebite", "spur", "copper", "pin-hole")


def recognise_deeppcb(context: ReaderContext) -> bool:
    """Whether some board with a template has a text file."""
    labels = _labels(context.folder)
    return any(name in labels for name in _boards(context.folder))


def read_deeppcb(context: ReaderContext) -> ReadResult:
    """Read the boards; their templates show nothing but what is sound and are left out."""
    log = context.log
    boards, labels = _boards(context.folder), _labels(context.folder)
    if not any(name in labels for name in boards):
        return unreadable_dataset(
            context, "format.deeppcb.missing", "no image NAME_test has both NAME_temp and NAME.txt"
        )
    classes = ClassList(names=context.class_names or CLASSES)
    marks: dict[str, Annotate] = {}
    for name, path in boards.items():
        if name in labels:
            marks[path] = partial(_annotations, _lines(context, labels[name]), classes, log)
        else:
            log.add("format.image_unlisted", "the board has no text file", path)
    text = f"{len(boards)} template images (NAME_temp) were left out: they show boards without defects"
    log.add("format.deeppcb.templates", text)
    return build_read_result(
        context,
        format="deeppcb",
        class_names=classes.names,
        annotate=marks,
    )


def _boards(folder: Folder) -> dict[str, str]:
    stems = {stem_of(path): path for path in folder.images}
    return {
        stem.removesuffix("_test"): path
        for stem, path in stems.items()
        if stem.endswith("_test") and f"{stem.removesuffix('_test')}_temp" in stems
    }


def _labels(folder: Folder) -> Mapping[str, str]:
    return {stem_of(path): path for path in folder.with_suffix(".txt")}


def _lines(context: ReaderContext, path: str) -> tuple[tuple[str, list[str]], ...]:
    file, limits, log = context.folder.root / path, context.limits, context.log
    if file.stat().st_size > limits.label_file_bytes:
        log.add("label.too_many", f"larger than {limits.label_file_bytes} bytes", path)
        return ()
    context.files_read.add(path)
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    lines = [(number, line.replace(",", " ").split()) for number, line in enumerate(text.splitlines(), 1)]
    return tuple((f"{path}#{number}", words) for number, words in lines if words)


def _annotations(
    lines: Sequence[tuple[str, list[str]]], classes: ClassList, log: ProblemLog, _record: ImageRecord
) -> tuple[Annotation, ...]:
    return tuple(_read(lines, classes, log))


def _read(lines: Sequence[tuple[str, list[str]]], classes: ClassList, log: ProblemLog) -> Iterator[Annotation]:
    for where, words in lines:
        try:
            yield _annotation(words, classes, where.rpartition("#")[2])
        except BadShape as bad:
            log.add(bad.code, str(bad), where)


def _annotation(words: Sequence[str], classes: ClassList, source_id: str) -> Annotation:
    try:
        left, top, right, bottom, label = numbers([written_number(word) for word in words], what="the line")
    except ValueError as error:
        if isinstance(error, BadShape):
            raise
        text = f"{' '.join(words)[:80]!r}, expected five numbers: x1 y1 x2 y2 class"
        raise BadShape("label.malformed", text) from error
    if not 1 <= label <= len(classes.names) or label != int(label):
        text = f"class {label:g}, accepted are 1 to {len(classes.names)}"
        raise BadShape("label.unknown_category", text)
    box = box_from([left, top, right - left, bottom - top])
    return Annotation(label=int(label), box_xywh=box, source_id=source_id)
