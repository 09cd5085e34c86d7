"""A refined border to look at by eye: its sides at four times their size, the old line and the new one in them.

42: four corners of x and y; A offsets across, L places along; H, W sides of a picture, C colour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from truscore.border_lines.labels import RefinedLabel
from truscore.border_lines.strips import Frame, Points, cut_strip
from truscore.metrics.quadrilaterals import SIDES

TIMES = 4
LENGTH_PX, REACH_PX = 72, 20  # of the image, that a window shows along and to either side of the old line
PLACES = (0.15, 0.5, 0.85)  # of a side, where its windows are
BEFORE, AFTER, GAP_PX = (0, 176, 255), (255, 23, 68), 6
CAPTION_PX = 18


def close_up(image_HWC: NDArray[np.uint8], label: RefinedLabel, *, caption: str) -> Image.Image:
    """Four rows, a side each, of three windows; outward is up. Blue is the label as it was, red as it would be."""
    rows = [_row(image_HWC, label, at) for at in range(4)]
    width = max(row.width for row in rows)
    height = CAPTION_PX * 5 + sum(row.height for row in rows)
    sheet = Image.new("RGB", (width, height), (16, 20, 28))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    pen.text((4, 2), caption, fill=(255, 255, 255), font=font)
    y = CAPTION_PX
    for at, row in enumerate(rows):
        side = label.border.sides[at]
        about = side.kept or f"moved {side.moved_px:+.1f} px outward"
        pen.text((4, y + 2), f"{SIDES[at]}: {about}", fill=(255, 255, 255), font=font)
        sheet.paste(row, (0, y + CAPTION_PX))
        y += CAPTION_PX + row.height
    return sheet


def _row(image_HWC: NDArray[np.uint8], label: RefinedLabel, at: int) -> Image.Image:
    windows = [_window(image_HWC, label, at, place) for place in PLACES]
    row = Image.new("RGB", (sum(one.width + GAP_PX for one in windows) - GAP_PX, windows[0].height + GAP_PX))
    x = 0
    for one in windows:
        row.paste(one, (x, 0))
        x += one.width + GAP_PX
    return row


def _window(image_HWC: NDArray[np.uint8], label: RefinedLabel, at: int, place: float) -> Image.Image:
    start_2, end_2 = label.before_42[at], label.before_42[(at + 1) % 4]
    length = max(float(np.hypot(*(end_2 - start_2))), 1e-9)
    along_2 = (end_2 - start_2) / length
    frame = Frame(
        start_2=start_2 + along_2 * (place * length - LENGTH_PX / 2),
        along_2=along_2,
        offsets_A=np.arange(REACH_PX * TIMES, -REACH_PX * TIMES, -1) / TIMES,
        places_L=(np.arange(LENGTH_PX * TIMES) + 0.5) / TIMES,
    )
    picture = Image.fromarray(cut_strip(image_HWC, frame).values_ALC.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    middle = REACH_PX * TIMES
    pen.line([(0, middle), (picture.width, middle)], fill=BEFORE)
    corners_42 = label.border.corners_42
    rows = [middle - TIMES * _offset(frame, corners_42[at], corners_42[(at + 1) % 4], x) for x in (0.0, LENGTH_PX)]
    pen.line([(0, rows[0]), (picture.width, rows[1])], fill=AFTER)
    return picture


def _offset(frame: Frame, start_2: Points, end_2: Points, place: float) -> float:
    """Of the line through two points from the frame's own, at a place along it."""
    (one, at_one), (other, at_other) = (
        (float((point_2 - frame.start_2) @ frame.along_2), float((point_2 - frame.start_2) @ frame.outward_2))
        for point_2 in (start_2, end_2)
    )
    if abs(other - one) < 1e-9:
        return at_one
    return at_one + (at_other - at_one) * (place - one) / (other - one)
