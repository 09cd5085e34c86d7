"""The frame that annotations were drawn in: declared sizes held against those of the upright images."""

from __future__ import annotations

from collections.abc import Sequence

from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import DeclaredImage
from truscore.datasets.shapes.geometry import overhang

_ROUNDING_PX = 1.5


class DeclaredFrames:
    """Coordinates stay as written. Where sizes are those of the stored pixels of turned photos, the marks of all of
    them show whether they were drawn on the upright pictures: some tools write one size and draw in the other."""

    def __init__(self, log: ProblemLog) -> None:
        self._log = log
        self._stored: list[tuple[ImageRecord, str]] = []
        self._only_upright = self._only_stored = 0

    def check(self, record: ImageRecord, declared_image: DeclaredImage, annotations: Sequence[Annotation]) -> None:
        """Report a declared size that is not the upright image's."""
        if declared_image.width is None or declared_image.height is None:
            self._log.add("format.size_missing", f"{declared_image.file} declares no size", record.path)
            return
        declared, upright = (declared_image.width, declared_image.height), (record.width, record.height)
        if declared == upright:
            return
        size = f"{declared_image.width} x {declared_image.height}"
        text = f"{declared_image.file} declares {size}, the upright image has {record.width} x {record.height}"
        if declared != upright[::-1]:
            self._log.add("format.size_mismatch", text, record.path)
        elif record.orientation < 5:
            self._log.add("format.size_swapped", f"{text}; width and height are exchanged", record.path)
        else:
            self._stored.append((record, text))
            for mark in annotations:
                in_upright, in_stored = (overhang(mark.box_xywh, *size) <= _ROUNDING_PX for size in (upright, declared))
                self._only_upright += in_upright and not in_stored
                self._only_stored += in_stored and not in_upright

    def report(self) -> None:
        """What the marks of all turned photos together show of their frame."""
        if self._stored and self._only_upright and not self._only_stored:
            record, text = self._stored[0]
            many = f"{len(self._stored)} photos, such as: {text}" if len(self._stored) > 1 else text
            reason = f"{self._only_upright} marks lie in the upright picture only: all are taken to be drawn on it"
            self._log.add("format.exif_upright", f"{many}; {reason}", record.path)
            return
        why = "was ignored" if self._only_stored else "was ignored, or the marks were drawn on the upright picture"
        for record, text in self._stored:
            self._log.add("format.exif_ignored", f"{text}; EXIF orientation {record.orientation} {why}", record.path)
