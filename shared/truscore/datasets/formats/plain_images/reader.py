"""Images of which nothing is said: read all the same, so that what is wrong with the pictures comes to light."""

from __future__ import annotations

from truscore.datasets.reading.build_index import assemble, nothing_marked
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.result import Reading


def read_plain_images(context: ReaderContext) -> Reading:
    """An index of the folder's images without classes; None where there are none."""
    images = context.folder.images
    if not images:
        return Reading(index=None, problems=context.log.all())
    return assemble(
        context,
        format="images",
        class_names=(),
        annotate=dict.fromkeys(images, nothing_marked),
    )
