"""A picture with what a model says of it: borders, masks and boxes with name and score, and a caption below.

Array legend: H, W height and width of the picture as the model saw it, C colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from truscore.files import atomic_write
from truscore.inference.pictures import Picture
from truscore.inference.predictions import Detection
from truscore.inference.reading import Read
from truscore.inference.summary import lines_of

LEAST_SIDE_PX = 640  # smaller pictures are drawn larger, so that what is written can be read
COLOURS = ((255, 23, 68), (0, 176, 255), (255, 214, 0), (0, 200, 83), (213, 0, 249), (255, 109, 0))
_INK, _GROUND = (255, 255, 255), (16, 20, 28)
_FILL = 0.35  # of the colour over a mask
_BORDER_FILL = 0.1  # borders cover the whole card: what matters is their line

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


@dataclass(frozen=True, kw_only=True, slots=True)
class _Canvas:
    """What is drawn on; `scale` is from pixels of the file to pixels of the canvas."""

    pen: ImageDraw.ImageDraw
    font: Font
    scale: tuple[float, float]
    size: tuple[int, int]


def drawn(picture: Picture, read: Read, *, class_names: Sequence[str]) -> Image.Image:
    """The picture as the model saw it, drawn on; at least 640 pixels on its longer side."""
    height, width = picture.image_HWC.shape[:2]
    times = max(1, -(-LEAST_SIDE_PX // max(height, width)))
    image = Image.fromarray(_tinted(picture.image_HWC, read)).resize(
        (width * times, height * times), Image.Resampling.NEAREST
    )
    unit = max(1, round(max(image.size) / 640))
    canvas = _Canvas(
        pen=ImageDraw.Draw(image),
        font=ImageFont.load_default(size=13 * unit),
        scale=(times / picture.scale[0], times / picture.scale[1]),
        size=image.size,
    )
    detections = read.prediction.detections or ()
    for one in detections:
        _outline(canvas, one, width_px=2 * unit)
    # Names last: no line runs through them.
    taken: list[tuple[float, float, float, float]] = []
    for one in detections:
        _name(canvas, one, taken)
    legend = [
        (name, _colour(label))
        for label, name in enumerate(class_names, start=1)
        if read.classes_HW is not None and (read.classes_HW == label).any()
    ]
    return _captioned(image, lines_of(read.prediction), legend, ImageFont.load_default(size=15 * unit))


def save(image: Image.Image, path: Path) -> None:
    """As a PNG that appears whole or not at all."""
    with atomic_write(path) as file:
        image.save(file, format="PNG", compress_level=3)


def _colour(label: int) -> tuple[int, int, int]:
    return COLOURS[(label - 1) % len(COLOURS)]


def _tinted(image_HWC: NDArray[np.uint8], read: Read) -> NDArray[np.uint8]:
    tinted_HWC = image_HWC.copy()
    if read.classes_HW is not None:
        for label in np.unique(read.classes_HW):
            if label:
                _tint(tinted_HWC, read.classes_HW == label, int(label), _FILL)
    for one, mask_HW in zip(read.prediction.detections or (), read.masks, strict=False):
        _tint(tinted_HWC, mask_HW, one.label, _FILL if one.corners is None else _BORDER_FILL)
    return tinted_HWC


def _tint(image_HWC: NDArray[np.uint8], where_HW: NDArray[np.bool_], label: int, share: float) -> None:
    """Mix in the colour where the mask is, and draw the mask's rim in the colour itself."""
    colour_C = np.array(_colour(label), dtype=np.float32)
    image_HWC[where_HW] = (image_HWC[where_HW] * (1 - share) + colour_C * share).astype(np.uint8)
    inner_HW = where_HW.copy()
    inner_HW[1:] &= where_HW[:-1]
    inner_HW[:-1] &= where_HW[1:]
    inner_HW[:, 1:] &= where_HW[:, :-1]
    inner_HW[:, :-1] &= where_HW[:, 1:]
    image_HWC[where_HW & ~inner_HW] = _colour(label)


def _outline(canvas: "_Canvas", one: Detection, *, width_px: int) -> None:
    """The four sides of a border; the box of anything else."""
    x1, y1, x2, y2 = one.box
    corners = one.corners or ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    points = [(x * canvas.scale[0], y * canvas.scale[1]) for x, y in corners]
    canvas.pen.line([*points, points[0]], fill=_colour(one.label), width=width_px, joint="curve")


def _name(canvas: "_Canvas", one: Detection, taken: list[tuple[float, float, float, float]]) -> None:
    """Name and score at the upper left of the box, within the picture, moved down past names that are there already."""
    text = f"{one.name} {one.score:.2f}"
    left, top, right, bottom = canvas.pen.textbbox((0, 0), text, font=canvas.font)
    wide, high = right - left + 6, bottom - top + 6
    x = min(max(one.box[0] * canvas.scale[0], 0), max(canvas.size[0] - wide, 0))
    y = min(max(one.box[1] * canvas.scale[1] - high, 0), max(canvas.size[1] - high, 0))
    for _ in range(len(taken) + 1):
        hit = [box for box in taken if x < box[2] and x + wide > box[0] and y < box[3] and y + high > box[1]]
        if not hit or hit[0][3] + high > canvas.size[1]:
            break
        y = hit[0][3]
    taken.append((x, y, x + wide, y + high))
    canvas.pen.rectangle((x, y, x + wide, y + high), fill=_colour(one.label))
    canvas.pen.text((x + 3 - left, y + 3 - top), text, fill=_GROUND, font=canvas.font)


def _captioned(
    image: Image.Image, lines: Sequence[str], legend: Sequence[tuple[str, tuple[int, int, int]]], font: Font
) -> Image.Image:
    """The picture over its lines of text; words that are too long for a line go on in the next."""
    measure = ImageDraw.Draw(image)
    broken = [part for line in lines for part in _broken(line, measure, font, image.width - 16)]
    line_px = int(measure.textbbox((0, 0), "Ag", font=font)[3]) + 6
    lines_px = (len(broken) + len(legend)) * line_px
    sheet = Image.new("RGB", (image.width, image.height + lines_px + 8), _GROUND)
    sheet.paste(image, (0, 0))
    pen, y = ImageDraw.Draw(sheet), image.height + 4
    for text in broken:
        pen.text((8, y), text, fill=_INK, font=font)
        y += line_px
    for name, colour in legend:
        pen.rectangle((8, y + 3, line_px - 4, y + line_px - 9), fill=colour)
        pen.text((line_px + 4, y), name, fill=_INK, font=font)
        y += line_px
    return sheet


def _broken(line: str, pen: ImageDraw.ImageDraw, font: Font, width_px: int) -> list[str]:
    parts: list[str] = []
    for word in line.split(" "):
        longer = f"{parts[-1]} {word}" if parts else word
        if parts and pen.textlength(longer, font=font) <= width_px:
            parts[-1] = longer
        else:
            parts.append(word)
    return parts
