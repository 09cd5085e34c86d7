"""The DeepPCB reader: pairs of a board (NAME_test) and its template (NAME_temp), boxes as `x1 y1 x2 y2 class`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from truscore.datasets.formats.class_lists import ClassList
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.reading.build_index import Annotate, assemble, report_faulty_images
from truscore.datasets.reading.declaration import Declaration
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import Limits, Reading
from truscore.datasets.shapes.geometry import BadShape, box_from, numbers

if TYPE_CHECKING:
    from truscore.datasets.images.scan import Look

# Numbered from 1; 0 is the background and not used (the dataset's own README).
CLASSES = ("open", "short", "mousebite", "spur", "copper", "pin-hole")


def recognise_deeppcb(folder: Folder, limits: Limits) -> bool:
    """Whether some board with a template has a text file."""
    labels = _labels(folder)
    return any(name in labels for name in _boards(folder))


def read_deeppcb(
    folder: Folder,
    *,
    class_names: Sequence[str],
    limits: Limits,
    log: ProblemLog,
    look: Look | None = None,
    declaration: Declaration,
) -> Reading:
    """Read the boards; their templates show nothing but what is sound and are left out."""
    boards, labels = _boards(folder), _labels(folder)
    if not any(name in labels for name in boards):
        log.add("format.deeppcb.missing", "no image NAME_test has both NAME_temp and NAME.txt")
        report_faulty_images(folder, limits=limits, log=log)
        return Reading(index=None, problems=log.all())
    classes = ClassList(names=tuple(class_names) or CLASSES)
    marks: dict[str, Annotate] = {}
    for name, path in boards.items():
        if name in labels:
            marks[path] = partial(_annotations, _lines(folder, labels[name], limits, log), classes, log)
        else:
            log.add("format.image_unlisted", "the board has no text file", path)
    text = f"{len(boards)} template images (NAME_temp) were left out: they show boards without defects"
    log.add("format.deeppcb.templates", text)
    return assemble(
        folder,
        format="deeppcb",
        class_names=classes.names,
        annotate=marks,
        declared={},
        limits=limits,
        log=log,
        look=look,
    )


def _boards(folder: Folder) -> dict[str, str]:
    stems = {PurePosixPath(path).stem: path for path in folder.images}
    return {
        stem.removesuffix("_test"): path
        for stem, path in stems.items()
        if stem.endswith("_test") and f"{stem.removesuffix('_test')}_temp" in stems
    }


def _labels(folder: Folder) -> Mapping[str, str]:
    return {PurePosixPath(path).stem: path for path in folder.with_suffix(".txt")}


def _lines(folder: Folder, path: str, limits: Limits, log: ProblemLog) -> tuple[tuple[str, list[str]], ...]:
    file = folder.root / path
    if file.stat().st_size > limits.label_file_bytes:
        log.add("label.too_many", f"larger than {limits.label_file_bytes} bytes", path)
        return ()
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
        left, top, right, bottom, label = numbers([float(word) for word in words], what="the line")
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
