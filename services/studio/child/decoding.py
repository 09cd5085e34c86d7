"""One uploaded file: its record, and JPEGs for the browser. Runs in the child.

Browsers are never given the bytes that somebody uploaded: what they are shown is drawn anew from the pixels.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

from truscore.datasets.images.scan import ScanOptions, scan_image
from truscore.datasets.limits import Limits
from truscore.files import atomic_write, is_full_disk

from services.studio.child.job import Decoded, DecodeJob
from services.studio.drafts.marks import record_to_json
from services.studio.pyramid.archive import write_archive
from services.studio.pyramid.levels import levels_of

if TYPE_CHECKING:
    from PIL import Image

PREVIEW_PIXELS: Final = 40_000_000
THUMBNAIL_PX: Final = 320
QUALITY: Final = 92


def decode(job: DecodeJob) -> Decoded:
    """Decode the file from end to end."""
    from dataclasses import replace

    no_room: list[OSError] = []

    def draw(path: str, picture: Image.Image) -> None:
        try:
            draw_all(path, picture)
        except OSError as error:  # which the scan takes for a fault of the file
            if is_full_disk(error):
                no_room.append(error)
            raise

    def draw_all(_path: str, picture: Image.Image) -> None:
        shrink = (PREVIEW_PIXELS / (picture.width * picture.height)) ** 0.5
        if shrink < 1:
            shown = picture.resize((max(1, int(picture.width * shrink)), max(1, int(picture.height * shrink))))
        else:
            shown = picture
        _write(shown, Path(job.preview), quality=QUALITY)
        _write_tiles(picture, Path(job.pyramid))
        small = picture.copy()
        small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), reducing_gap=2.0)
        _write(small, Path(job.thumbnail), quality=80)

    file = Path(job.file)
    limits = Limits(image_bytes=job.most_bytes, image_pixels=job.most_pixels, pixels_at_once=job.most_pixels, workers=1)
    scan = scan_image(file.parent, file.name, limits=limits, scan_options=ScanOptions(measure=draw))
    if no_room:
        return Decoded(fault=str(no_room[0]), full_disk=True)
    if scan.record is None:
        return Decoded(fault=scan.fault.reason if scan.fault is not None else "it can't be read")
    if scan.frames > 1:
        return Decoded(fault=f"it holds {scan.frames} pictures; accepted are files of one")
    return Decoded(record=record_to_json(replace(scan.record, path=job.path)))


def _write_tiles(picture: Image.Image, path: Path) -> None:
    tiles, shown = [], picture
    for level in levels_of(*picture.size):
        if shown.size != (level.width, level.height):
            shown = shown.reduce(2)
        for box in level.boxes():
            out = io.BytesIO()
            shown.crop(box).save(out, "JPEG", quality=QUALITY)
            tiles.append(out.getvalue())
    write_archive(path, width=picture.width, height=picture.height, tiles=tiles)


def _write(picture: Image.Image, path: Path, *, quality: int) -> None:
    with atomic_write(path) as file:
        picture.save(file, "JPEG", quality=quality)
