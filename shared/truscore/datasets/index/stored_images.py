"""Records of very many images, in files: read from the front again and again, and one here and there.

What is in memory is one block of them, and where the blocks lie. Equal to a tuple of the same records for all who go
through it; who needs a record twice asks twice.
"""

from __future__ import annotations

import marshal
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import IO, Any, TypeVar, cast, overload

from truscore.datasets.index.records import RLE, Annotation, ImageRecord, Light

BLOCK = 256
_BLOCKS_HELD = 8
_RECORD = attrgetter(*(field.name for field in fields(ImageRecord) if field.name not in {"annotations", "light"}))
Made = TypeVar("Made")


class BlockFile:
    """Rows of plain values in blocks of a temporary file, which is gone with this object."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="truscore-rows-")  # noqa: SIM115  closed with it
        self._starts: list[int] = [0]
        self._rows: list[Any] = []
        self._count = 0
        self._held: OrderedDict[int, list[Any]] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    def append(self, row: object) -> None:
        """Add a row of numbers, texts, None and tuples of them."""
        self._rows.append(row)
        self._count += 1
        if len(self._rows) == BLOCK:
            self._write()

    def blocks(self) -> Iterator[list[Any]]:
        """All rows in order, block by block. What is written meanwhile is not among them."""
        for number in range(len(self._starts) - 1):
            yield self._read(number)
        if self._rows:
            yield list(self._rows)

    def __getitem__(self, place: int) -> Any:
        number, at = divmod(place, BLOCK)
        if number == len(self._starts) - 1:
            return self._rows[at]
        if number not in self._held:
            self._held[number] = self._read(number)
            if len(self._held) > _BLOCKS_HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(number)
        return self._held[number][at]

    def _write(self) -> None:
        content = marshal.dumps(self._rows)
        self._file.seek(self._starts[-1])
        self._file.write(content)
        self._starts.append(self._starts[-1] + len(content))
        self._rows = []

    def _read(self, number: int) -> list[Any]:
        start, end = self._starts[number : number + 2]
        self._file.seek(start)
        rows: list[Any] = marshal.loads(self._file.read(end - start))  # noqa: S302  nobody else has the file
        return rows


class StoredImages(Sequence[ImageRecord]):
    """Image records in a file, in the order in which they are appended."""

    def __init__(self, records: Iterable[ImageRecord] = ()) -> None:
        self._rows = BlockFile()
        self.in_order = True  # of their paths
        self._last = ""
        self._remembered: dict[Hashable, Any] = {}
        for record in records:
            self.append(record)

    def append(self, record: ImageRecord) -> None:
        self.in_order = self.in_order and self._last <= record.path
        self._last = record.path
        self._rows.append(_row_of(record))

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What is made of the images, which are complete, the first time that it is asked for by this name."""
        if name not in self._remembered:
            self._remembered[name] = make()
        return cast("Made", self._remembered[name])

    def blocks(self) -> Iterator[tuple[ImageRecord, ...]]:
        """All records in order, so many at once."""
        for rows in self._rows.blocks():
            yield tuple(map(_record_of, rows))

    def __iter__(self) -> Iterator[ImageRecord]:
        for rows in self._rows.blocks():
            yield from map(_record_of, rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> ImageRecord: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[ImageRecord]: ...
    def __getitem__(self, place: int | slice) -> ImageRecord | Sequence[ImageRecord]:
        if isinstance(place, slice):
            return tuple(self[at] for at in range(*place.indices(len(self))))
        at = place + len(self) if place < 0 else place
        if not 0 <= at < len(self):
            raise IndexError(place)
        return _record_of(self._rows[at])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoredImages | tuple):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class StoredMeasurements(Mapping[str, Any]):
    """What was measured of each image of `images`, in their order, by path."""

    def __init__(
        self, images: StoredImages, *, to_row: Callable[[Any], object], from_row: Callable[[Any], Any]
    ) -> None:
        self._images, self._to_row, self._from_row = images, to_row, from_row
        self._rows = BlockFile()
        self._places: Any = None

    def append(self, measurement: Any) -> None:
        self._rows.append(self._to_row(measurement))

    def blocks(self) -> Iterator[tuple[tuple[ImageRecord, ...], tuple[Any, ...]]]:
        """Records and their measurements, so many at once."""
        for images, rows in zip(self._images.blocks(), self._rows.blocks(), strict=True):
            yield images, tuple(map(self._from_row, rows))

    def values(self) -> Any:
        return (self._from_row(row) for rows in self._rows.blocks() for row in rows)

    def items(self) -> Any:
        return ((image.path, value) for images, values in self.blocks() for image, value in zip(images, values))  # noqa: B905

    def __getitem__(self, path: str) -> Any:
        place = self._place(path)
        if place is None:
            raise KeyError(path)
        return self._from_row(self._rows[place])

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._place(path) is not None

    def __iter__(self) -> Iterator[str]:
        return (image.path for image in self._images)

    def __len__(self) -> int:
        return len(self._rows)

    def _place(self, path: str) -> int | None:
        import numpy as np

        if self._places is None:
            hashes_N = np.fromiter((hash(image.path) for image in self._images), dtype=np.int64, count=len(self))
            order_N = np.argsort(hashes_N, kind="stable").astype(np.uint32)
            self._places = hashes_N[order_N], order_N
        hashes_N, order_N = self._places
        wanted = hash(path)
        at = int(np.searchsorted(hashes_N, wanted))
        while at < len(hashes_N) and hashes_N[at] == wanted:
            place = int(order_N[at])
            if self._images[place].path == path:
                return place
            at += 1
        return None


def as_stored(images: Sequence[ImageRecord], changed: Iterable[ImageRecord]) -> Sequence[ImageRecord]:
    """The changed images, where the images were: in a file or in memory."""
    return StoredImages(changed) if isinstance(images, StoredImages) else tuple(changed)


def _row_of(record: ImageRecord) -> tuple[Any, ...]:
    light = record.light
    return (
        *_RECORD(record),
        tuple(map(_annotation_row, record.annotations)),
        None if light is None else (light.object, light.direction, light.intensity_rgb, light.name),
    )


def _annotation_row(mark: Annotation) -> tuple[Any, ...]:
    rle = None if mark.rle is None else (mark.rle.height, mark.rle.width, mark.rle.counts)
    return mark.label, mark.box_xywh, mark.polygons, rle, mark.crowd, mark.source_id, mark.shape, mark.points


def _record_of(row: tuple[Any, ...]) -> ImageRecord:
    # Written out: this is done a million times for each rule, and a dictionary of names takes as long again.
    (
        path, sha256, size_bytes, width, height, orientation, mode, file_format, perceptual_hash, orientation_hashes,
        group, labels, scores, part, written_grade, annotations, light,
    ) = row  # fmt: skip
    return ImageRecord(
        path=path,
        sha256=sha256,
        size_bytes=size_bytes,
        width=width,
        height=height,
        orientation=orientation,
        mode=mode,
        file_format=file_format,
        perceptual_hash=perceptual_hash,
        orientation_hashes=orientation_hashes,
        group=group,
        labels=labels,
        scores=scores,
        part=part,
        written_grade=written_grade,
        annotations=tuple(map(_annotation_of, annotations)) if annotations else (),
        light=None
        if light is None
        else Light(object=light[0], direction=light[1], intensity_rgb=light[2], name=light[3]),
    )


def _annotation_of(row: tuple[Any, ...]) -> Annotation:
    label, box_xywh, polygons, rle, crowd, source_id, shape, points = row
    return Annotation(
        label=label,
        box_xywh=box_xywh,
        polygons=polygons,
        rle=None if rle is None else RLE(height=rle[0], width=rle[1], counts=rle[2]),
        crowd=crowd,
        source_id=source_id,
        shape=shape,
        points=points,
    )
