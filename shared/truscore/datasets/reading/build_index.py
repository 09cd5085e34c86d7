"""The last steps of every reader: scan the images, hold declared sizes against real ones, build the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from truscore.datasets.images.scan import scan_images
from truscore.datasets.images.scanned_image import Scan
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import Declared, Reading
from truscore.datasets.splitting.name_groups import groups_by_name, source_of

# What a format's annotations become once the image's real size is known.
Annotate = Callable[[ImageRecord], tuple[Annotation, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """What is said of an image as a whole, as ImageRecord has it."""

    labels: tuple[int, ...] | None = None
    scores: tuple[tuple[str, float], ...] = ()


FARTHEST_PX = 1e9
NOTHING_SAID = Whole()


def nothing_marked(_record: ImageRecord) -> tuple[Annotation, ...]:
    """For formats that speak of whole images only."""
    return ()


def assemble(
    context: ReaderContext,
    *,
    format: str,
    class_names: Sequence[str],
    annotate: Mapping[str, Annotate],
    declared: Mapping[str, Declared] = MappingProxyType({}),
    wholes: Mapping[str, Whole] = MappingProxyType({}),
    grades: Sequence[float] = (),
) -> Reading:
    """Scan the images named by `annotate` and build the reading; faulty images are reported and left out."""
    log, records = context.log, []
    looks: dict[str, Any] = {}
    groups = groups_by_name(annotate)
    for scan in scan_images(context.folder.root, sorted(annotate), limits=context.limits, look=context.look):
        record = _usable(scan, log)
        if record is None:
            continue
        if said := declared.get(record.path):
            check_size(record, said, log)
        whole = wholes.get(record.path, NOTHING_SAID)
        records.append(
            replace(
                record,
                group=source_of(record.path) or groups.get(record.path, ""),
                annotations=_within_reach(annotate[record.path](record), record, log),
                labels=whole.labels,
                scores=whole.scores,
            )
        )
        looks[record.path] = scan.looked
    _report_unused(class_names, records, log)
    declared = MappingProxyType(dict(declared))
    if not records:
        log.add("format.empty", "there is no image that can be used")
        return Reading(index=None, problems=log.all(), declared=declared)
    index = DatasetIndex(
        format=format, class_names=tuple(class_names), images=tuple(records), grades=tuple(map(float, grades))
    )
    looks = looks if context.look.measure is not None else {}
    return Reading(index=index, problems=log.all(), declared=declared, looks=MappingProxyType(looks))


def _within_reach(annotations: tuple[Annotation, ...], record: ImageRecord, log: ProblemLog) -> tuple[Annotation, ...]:
    """Without those whose numbers no image can have: their squares would be infinite."""
    kept = []
    for number, annotation in enumerate(annotations):
        places = (annotation.box_xywh, annotation.points, *annotation.polygons)
        farthest = max((max(map(abs, place)) for place in places if place), default=0.0)
        if farthest <= FARTHEST_PX:
            kept.append(annotation)
        else:
            text = f"coordinate {farthest:g}; accepted are those up to {FARTHEST_PX:g} px"
            log.add("label.not_finite", text, f"{record.path}#{annotation.source_id or number}")
    return tuple(kept)


def check_size(record: ImageRecord, said: Declared, log: ProblemLog) -> None:
    """Report a declared size that is not the upright image's. Coordinates stay as written: nobody knows their frame."""
    if said.width is None or said.height is None:
        log.add("format.size_missing", f"{said.file} declares no size", record.path)
        return
    declared, upright = (said.width, said.height), (record.width, record.height)
    if declared == upright:
        return
    text = f"{said.file} declares {said.width} x {said.height}, the upright image has {record.width} x {record.height}"
    if declared != upright[::-1]:
        log.add("format.size_mismatch", text, record.path)
    elif record.orientation >= 5:
        log.add("format.exif_ignored", f"{text}; EXIF orientation {record.orientation} was ignored", record.path)
    else:
        log.add("format.size_swapped", f"{text}; width and height are exchanged", record.path)


def nothing_to_read(context: ReaderContext, code: str, message: str) -> Reading:
    """Where no annotations can be read; the images may still say why: pointers instead of files, for example."""
    context.log.add(code, message)
    for scan in scan_images(context.folder.root, context.folder.images, limits=context.limits):
        _usable(scan, context.log)
    return Reading(index=None, problems=context.log.all())


def report_unlisted(context: ReaderContext, listed: Iterable[str]) -> None:
    known = set(listed)
    for path in context.folder.images:
        if path not in known:
            context.log.add("format.image_unlisted", "the annotations do not name this image", path)


def _usable(scan: Scan, log: ProblemLog) -> ImageRecord | None:
    if scan.fault is not None:
        log.add(scan.fault.code, scan.fault.reason, scan.path)
        return None
    if scan.pictures > 1:
        log.add("image.several_pictures", f"holds {scan.pictures} pictures; the first is used", scan.path)
    return scan.record


def _report_unused(class_names: Sequence[str], records: Iterable[ImageRecord], log: ProblemLog) -> None:
    used = Counter(label for record in records for label in record.classes)
    for label, name in enumerate(class_names, start=1):
        if not used[label]:
            log.add("label.unused_category", f"class {name!r} has no annotations")
