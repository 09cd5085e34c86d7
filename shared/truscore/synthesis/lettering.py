"""Words on a card."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from truscore.synthesis.design import Colour

_RULES = (
    "when this card enters play draw two more then shuffle the rest until dawn "
    "flying fast strike once per turn pay three"
)


def write(
    card_HWC: NDArray[np.float32],
    text: str,
    *,
    at: tuple[float, float],
    height: float,
    colour: Colour,
    anchor: str = "mm",
) -> None:
    """Write one line into the picture, letters `height` pixels tall, around the point `at` (x, y)."""
    canvas = Image.new("L", (card_HWC.shape[1], card_HWC.shape[0]), 0)
    ImageDraw.Draw(canvas).text(at, text, fill=255, font=_font(max(4, round(height))), anchor=anchor)
    share_HW1 = np.asarray(canvas, dtype=np.float32)[..., None] / 255
    card_HWC += (np.asarray(colour, dtype=np.float32) - card_HWC) * share_HW1


def small_print(start: int, words: int) -> str:
    """A line of rules text, always the same for the same numbers."""
    source = _RULES.split()
    return " ".join(source[(start + number) % len(source)] for number in range(words))


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=size)
