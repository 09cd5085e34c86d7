"""Thumbnails of a dataset's images with what is marked on them, small enough for a page."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from truscore.datasets import Annotation, ImageRecord, Limits, UnreadableImage
from truscore.datasets.images.decode import opened, read_bounded, small_upright

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THUMBNAIL_PX = 240
JPEG_QUALITY = 72
MARKS_DRAWN = 60
CORNERS_DRAWN = 96


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One annotation to draw: corners in thousandths of the thumbnail's own grid, as SVG has them."""

    points: str
    label: int
    title: str
    highlighted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Thumbnail:
    """A picture as a data address, in pixels of its own, with the marks over it."""

    path: str
    caption: str
    data_url: str
    width: int
    height: int
    marks: tuple[Mark, ...]
    more_marks: int = 0


def thumbnail(
    root: Path, image: ImageRecord, *, class_names: Sequence[str], highlighted: str = "", caption: str = ""
) -> Thumbnail | None:
    """The image with its annotations; `highlighted` is the id of one that a finding is about. None if unreadable."""
    try:
        with opened(read_bounded(root / image.path, limits=Limits()), limits=Limits()) as picture:
            small_HWC = small_upright(picture, THUMBNAIL_PX)
    except (UnreadableImage, OSError):
        return None
    height, width = small_HWC.shape[:2]
    scale = (width / max(image.width, 1), height / max(image.height, 1))
    ordered = sorted(enumerate(image.annotations), key=lambda one: not _is(one, highlighted))[:MARKS_DRAWN]
    return Thumbnail(
        path=image.path,
        caption=caption or image.path,
        data_url=_data_url(small_HWC),
        width=width,
        height=height,
        # The accused last, so that it lies on top.
        marks=tuple(_mark(one, scale, class_names, highlighted) for one in reversed(ordered)),
        more_marks=len(image.annotations) - len(ordered),
    )


def _is(numbered: tuple[int, Annotation], highlighted: str) -> bool:
    number, annotation = numbered
    return bool(highlighted) and highlighted == (annotation.source_id or str(number))


def _mark(
    numbered: tuple[int, Annotation], scale: tuple[float, float], class_names: Sequence[str], highlighted: str
) -> Mark:
    _, annotation = numbered
    label = annotation.label
    name = class_names[label - 1] if 1 <= label <= len(class_names) else f"#{label}"
    outline = max(annotation.polygons, key=len, default=()) or _rectangle(annotation.box_xywh)
    return Mark(
        points=_points(outline, scale), label=label, title=f"{name} {annotation.source_id}".strip(),
        highlighted=_is(numbered, highlighted),
    )  # fmt: skip


def _rectangle(box: tuple[float, float, float, float]) -> tuple[float, ...]:
    x, y, width, height = box
    return (x, y, x + width, y, x + width, y + height, x, y + height)


def _points(outline: Sequence[float], scale: tuple[float, float]) -> str:
    # An outline of thousands of corners looks the same drawn with every so manieth.
    step = max(1, math.ceil(len(outline) / 2 / CORNERS_DRAWN))
    corners = zip(outline[0 :: 2 * step], outline[1 :: 2 * step], strict=False)
    drawn = ((x * scale[0], y * scale[1]) for x, y in corners)
    return " ".join(f"{_bounded(x):g},{_bounded(y):g}" for x, y in drawn)


def _bounded(place: float) -> float:
    return round(min(1e5, max(-1e5, place)), 1)


def _data_url(small_HWC: "NDArray[np.uint8]") -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(small_HWC).save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def heatmap_url(thousandths: Sequence[Sequence[int]]) -> str:
    """A grid as a tiny picture: from clear to the deepest of the page's accent."""
    import numpy as np
    from PIL import Image

    grid_HW = np.asarray(thousandths, dtype=np.float64)
    share_HW = (grid_HW / max(float(grid_HW.max()), 1.0)) ** 0.8
    picture_HWC = np.zeros((*grid_HW.shape, 3), dtype=np.uint8)
    for place, colour in enumerate(zip(*HEAT, strict=True)):
        picture_HWC[..., place] = np.interp(share_HW, np.linspace(0, 1, len(HEAT)), colour).round()
    file = io.BytesIO()
    Image.fromarray(picture_HWC).resize((192, 192), Image.Resampling.BICUBIC).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


# From nothing to everything, evenly darker to brighter to the eye: readable in grey too.
HEAT = ((13, 18, 32), (38, 44, 105), (122, 40, 121), (214, 66, 93), (252, 155, 81), (252, 244, 178))
