"""Images without annotations: read all the same, so that faults of the files are reported."""

from __future__ import annotations

from truscore.datasets.reading.build_index import build_read_result, no_annotations
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.result import ReadResult


def read_plain_images(context: ReaderContext) -> ReadResult:
    """An index of the folder's images without classes; None where there are none."""
    images = context.folder.images
    if not images:
        return ReadResult(index=None, problems=context.log.all())
    return build_read_result(
        context,
        format="images",
        class_names=(),
        annotate=dict.fromkeys(images, no_annotations),
    )
