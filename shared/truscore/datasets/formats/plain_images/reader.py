"""Images of which nothing is said: read all the same, so that what is wrong with the pictures comes to light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from truscore.datasets.reading.build_index import assemble, nothing_marked
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import Limits, Reading

if TYPE_CHECKING:
    from truscore.datasets.images.scan import Look


def read_plain_images(folder: Folder, *, limits: Limits, log: ProblemLog, look: Look | None = None) -> Reading:
    """An index of the folder's images without classes; None where there are none."""
    if not folder.images:
        return Reading(index=None, problems=log.all())
    return assemble(
        folder,
        format="images",
        class_names=(),
        annotate=dict.fromkeys(folder.images, nothing_marked),
        declared={},
        limits=limits,
        log=log,
        look=look,
    )
