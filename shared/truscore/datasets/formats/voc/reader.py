"""The Pascal VOC reader: one XML file for each image, beside it or in a folder of annotations.

Coordinates are taken as written. The 2007 devkit counts pixels from 1; the tools of today write edges from 0, and
nothing in a file says which it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from truscore.datasets.formats.class_lists import class_list
from truscore.datasets.formats.voc.file import VocFile, VocObject, read_voc_file
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.reading.build_index import Annotate, build_read_result, report_unlisted, unreadable_dataset
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.image_lookup import ImageLookup
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import DeclaredImage, ReadResult
from truscore.datasets.reading.xml_file import begins_with

SNIFFED_FILES = 20


def recognise_voc(context: ReaderContext) -> bool:
    """Whether one of the first XML files is a VOC annotation."""
    return any(begins_with(context, path, "annotation") for path in context.folder.with_suffix(".xml")[:SNIFFED_FILES])


def read_voc(context: ReaderContext) -> ReadResult:
    """Read all VOC files of the folder; classes in the order given, listed in the folder, or natural."""
    paths = context.folder.with_suffix(".xml")
    files = [file for path in paths if (file := read_voc_file(context, path))]
    if not files:
        return unreadable_dataset(context, "format.voc.missing", "no XML file is a VOC annotation")
    used = {item.name for file in files for item in file.objects}
    classes = class_list(context, used, graded=False)
    by_image = _by_image(files, ImageLookup(context, annotations=paths), context.log)
    report_unlisted(context, by_image)
    marks: dict[str, Annotate] = {
        path: partial(_annotations, file.objects, classes.labels) for path, file in by_image.items()
    }
    declared = {
        path: DeclaredImage(file=file.path, width=file.width, height=file.height) for path, file in by_image.items()
    }
    return build_read_result(
        context,
        format="voc",
        class_names=classes.names,
        annotate=marks,
        declared=declared,
    )


def _by_image(files: Sequence[VocFile], lookup: ImageLookup, log: ProblemLog) -> dict[str, VocFile]:
    found: dict[str, VocFile] = {}
    for file in files:
        path = lookup.find(file.filename or file.path.rpartition("/")[2], annotation=file.path)
        if path in found:
            text = f"described by {found[path].path} and {file.path}; the first is used"
            log.add("format.duplicate_image", text, path)
        elif path is not None:
            found[path] = file
    lookup.report()
    return found


def _annotations(
    objects: Sequence[VocObject], labels: Mapping[str, int], _record: ImageRecord
) -> tuple[Annotation, ...]:
    return tuple(
        Annotation(label=labels[one.name], box_xywh=one.box_xywh, polygons=one.polygons, source_id=one.source_id)
        for one in objects
    )
