"""The last steps of every reader: scan the images, hold declared sizes against real ones, build the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from truscore.datasets.images.scan import MeasurementRows, scan_images
from truscore.datasets.images.scanned_image import ScannedImage
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord
from truscore.datasets.index.stored_images import StoredImages, StoredMeasurements
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.declared_frames import DeclaredFrames
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import DeclaredImage, ReadResult
from truscore.datasets.reading.stated_parts import NO_PARTS, StatedParts, with_stated_parts
from truscore.datasets.reading.summary import ReadingSummary
from truscore.datasets.splitting.name_groups import groups_by_name

# What a format's annotations become once the image's real size is known.
Annotate = Callable[[ImageRecord], tuple[Annotation, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageLabels:
    """Labels, scores and grade of a whole image, as in ImageRecord."""

    labels: tuple[int, ...] | None = None
    scores: tuple[tuple[str, float], ...] = ()
    written_grade: str = ""


FARTHEST_PX = 1e9
NO_LABELS = ImageLabels()


def no_annotations(_record: ImageRecord) -> tuple[Annotation, ...]:
    """For formats whose labels are those of whole images."""
    return ()


def build_read_result(
    context: ReaderContext,
    *,
    format: str,
    class_names: Sequence[str],
    annotate: Mapping[str, Annotate],
    declared: Mapping[str, DeclaredImage] = MappingProxyType({}),
    image_labels: Mapping[str, ImageLabels] = MappingProxyType({}),
    grades: Sequence[float] = (),
    groups: Mapping[str, str] = MappingProxyType({}),
    parts: StatedParts = NO_PARTS,
) -> ReadResult:
    """Scan the images named by `annotate` and build the result; faulty images are reported and left out.

    `groups` are those that the annotations state; they go before what file names imply. `parts` of a split that they
    state go before lists of images that lie beside them.
    """
    if context.dry_run:
        summary = _summary(context, class_names, annotate, declared)
        return ReadResult(index=None, problems=context.log.all(), summary=summary)
    context.documents.clear()  # not needed while images are scanned
    log, kept = context.log, _kept(context, len(annotate))
    by_name = {**groups_by_name(annotate), **groups}
    frames = DeclaredFrames(log)
    for scan in scan_images(
        context.folder.root, sorted(annotate), limits=context.limits, scan_options=context.scan_options
    ):
        record = _usable(scan, log)
        if record is None:
            continue
        annotations = _with_plausible_coordinates(annotate[record.path](record), record, log)
        if declared_image := declared.get(record.path):
            frames.check(record, declared_image, annotations)
        whole_image = image_labels.get(record.path, NO_LABELS)
        kept.append(
            replace(
                record,
                group=by_name.get(record.path, ""),
                annotations=annotations,
                labels=whole_image.labels,
                scores=whole_image.scores,
                written_grade=whole_image.written_grade,
            ),
            scan.measurement,
        )
    frames.report()
    records = with_stated_parts(context, kept.records(), parts, format=format)
    _report_unused(class_names, records, log)
    declared = MappingProxyType(dict(declared))
    if not records:
        log.add("format.empty", "there is no image that can be used")
        return ReadResult(index=None, problems=log.all(), declared=declared)
    index = DatasetIndex(
        format=format, class_names=tuple(class_names), images=records, grades=tuple(map(float, grades))
    )
    measurements = kept.measurements() if context.scan_options.measure is not None else MappingProxyType({})
    return ReadResult(index=index, problems=log.all(), declared=declared, measurements=measurements)


class _InMemory:
    """Records and measurements of so many images as fit."""

    def __init__(self) -> None:
        self._records: list[ImageRecord] = []
        self._measurements: dict[str, Any] = {}

    def append(self, record: ImageRecord, measurement: Any) -> None:
        self._records.append(record)
        self._measurements[record.path] = measurement

    def records(self) -> Sequence[ImageRecord]:
        return tuple(self._records)

    def measurements(self) -> Mapping[str, Any]:
        return MappingProxyType(self._measurements)


class _InFile:
    """Those of more, in files."""

    def __init__(self, rows: MeasurementRows) -> None:
        self._records = StoredImages()
        self._measurements = StoredMeasurements(self._records, to_row=rows.to_row, from_row=rows.from_row)

    def append(self, record: ImageRecord, measurement: Any) -> None:
        self._records.append(record)
        self._measurements.append(measurement)

    def records(self) -> Sequence[ImageRecord]:
        return self._records

    def measurements(self) -> Mapping[str, Any]:
        return self._measurements


def _kept(context: ReaderContext, count: int) -> _InMemory | _InFile:
    rows = context.scan_options.measurement_rows
    return _InMemory() if rows is None or count <= context.limits.records_in_memory else _InFile(rows)


# Reported for each image of which nothing is said.
_BARE = ("format.yolo.image_without_label", "format.masks.image_without_mask", "format.folder.no_class")
_ANY_SIZE = DeclaredImage(file="", width=1000, height=1000)


def _summary(
    context: ReaderContext,
    class_names: Sequence[str],
    annotate: Mapping[str, Annotate],
    declared: Mapping[str, DeclaredImage],
) -> ReadingSummary:
    marks = 0
    for path, read in annotate.items():
        size = declared.get(path, _ANY_SIZE)
        width, height = size.width or _ANY_SIZE.width or 1, size.height or _ANY_SIZE.height or 1
        marks += len(read(ImageRecord(path=path, sha256="", size_bytes=0, width=width, height=height)))
    return ReadingSummary(
        images=frozenset(annotate),
        files=frozenset(context.files_read),
        bare=context.log.count(*_BARE),
        marks=marks,
        classes=tuple(class_names),
    )


def _with_plausible_coordinates(
    annotations: tuple[Annotation, ...], record: ImageRecord, log: ProblemLog
) -> tuple[Annotation, ...]:
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


def unreadable_dataset(context: ReaderContext, code: str, message: str) -> ReadResult:
    """Where no annotations can be read; the images may still say why: pointers instead of files, for example."""
    context.log.add(code, message)
    if context.dry_run:
        return ReadResult(index=None, problems=context.log.all())
    for scan in scan_images(context.folder.root, context.folder.images, limits=context.limits):
        _usable(scan, context.log)
    return ReadResult(index=None, problems=context.log.all())


def report_unlisted(context: ReaderContext, listed: Iterable[str]) -> None:
    known = set(listed)
    for path in context.folder.images:
        if path not in known:
            context.log.add("format.image_unlisted", "the annotations do not name this image", path)


def _usable(scan: ScannedImage, log: ProblemLog) -> ImageRecord | None:
    if scan.fault is not None:
        log.add(scan.fault.code, scan.fault.reason, scan.path)
        return None
    if scan.frames > 1:
        log.add("image.several_pictures", f"holds {scan.frames} pictures; the first is used", scan.path)
    return scan.record


def _report_unused(class_names: Sequence[str], records: Iterable[ImageRecord], log: ProblemLog) -> None:
    used = Counter(label for record in records for label in record.classes)
    for label, name in enumerate(class_names, start=1):
        if not used[label]:
            log.add("label.unused_category", f"class {name!r} has no annotations")
