"""What COCO marks on one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from truscore.datasets.formats.coco.classes import Classes
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import DeclaredImage
from truscore.datasets.shapes.parse import BadShape, box_around, box_from, box_of_rle, polygon_from
from truscore.datasets.shapes.rle import rle_from


@dataclass(frozen=True, kw_only=True, slots=True)
class AnnotationReader:
    """Reads the annotations of one image; faulty ones are reported and left out."""

    context: ReaderContext
    file: str
    declared_image: DeclaredImage
    classes: Classes

    def read(self, entries: Sequence[dict[str, Any]], record: ImageRecord) -> tuple[Annotation, ...]:
        limit = self.context.limits.annotations_per_image
        if len(entries) > limit:
            self.context.log.add("label.too_many", f"{len(entries)} annotations, at most {limit} are read", record.path)
        found = (self._one(entry, record) for entry in entries[:limit])
        return tuple(annotation for annotation in found if annotation is not None)

    def _one(self, entry: dict[str, Any], record: ImageRecord) -> Annotation | None:
        where = f"{self.file}#{entry.get('id')}"
        category = entry.get("category_id")
        # True is 1 to a dictionary, and no id.
        known = self.classes.labels if not isinstance(category, bool) else {}
        label = known.get((self.file, category)) if isinstance(category, int | str) else None
        if label is None:
            accepted = ", ".join(self.classes.names[:10]) or "none are declared"
            self.context.log.add(
                "label.unknown_category", f"category_id {category!r:.60} is not one of: {accepted}", where
            )
            return None
        try:
            return self._shaped(entry, record, label)
        except BadShape as bad:
            self.context.log.add(bad.code, str(bad), where)
            return None

    def _shaped(self, entry: dict[str, Any], record: ImageRecord, label: int) -> Annotation:
        shape = entry.get("segmentation")
        polygons: tuple[tuple[float, ...], ...] = ()
        rle = None
        if isinstance(shape, dict):
            size = (self.declared_image.width or record.width, self.declared_image.height or record.height)
            rle = rle_from(shape, width=size[0], height=size[1])
        elif shape:
            polygons = self._polygons(shape, entry)
        box = entry.get("bbox")
        return Annotation(
            label=label,
            box_xywh=box_from(box) if box else box_of_rle(rle) if rle else box_around(polygons),
            polygons=polygons,
            rle=rle,
            crowd=bool(entry.get("iscrowd")) and self.context.declaration.crowd != "things",
            source_id=bounded_text(str(entry.get("id", ""))),
        )

    def _polygons(self, shape: Any, entry: dict[str, Any]) -> tuple[tuple[float, ...], ...]:
        if not isinstance(shape, list):
            raise BadShape("label.malformed", f"segmentation is a {type(shape).__name__}, expected polygons or an RLE")
        # Some tools write one polygon without the list around it.
        parts = [shape] if isinstance(shape[0], int | float) else shape
        kept: list[tuple[float, ...]] = []
        short: list[str] = []
        for part in parts if parts != [[]] else ():
            try:
                kept.append(polygon_from(part, points_limit=self.context.limits.points_per_polygon))
            except BadShape as bad:
                if bad.code != "label.short_polygon":
                    raise
                short.append(str(bad))
        if short and not kept:
            raise BadShape("label.short_polygon", short[0])
        if short:
            text = f"{len(short)} of {len(parts)} parts were left out: {short[0]}"
            self.context.log.add("label.part_left_out", text, f"{self.file}#{entry.get('id')}")
        return tuple(kept)
