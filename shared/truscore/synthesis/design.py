"""What a card looks like before it lies anywhere: sizes in millimetres, colours as 0 to 255 red, green, blue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator

CARD_WIDTH_MM = 63.0
CARD_HEIGHT_MM = 88.0

Colour = tuple[float, float, float]

STOCKS = ("plain", "gradient", "stripes", "speckle", "foil")
ARTS = ("portrait", "landscape", "creature", "geometric", "waves")
LAYOUTS = ("sports", "vintage", "battle", "full_art")


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """The printed area inside the border stock: its edge is the graphical border."""

    left_mm: float
    top_mm: float
    right_mm: float  # margin between the frame and the card's right edge
    bottom_mm: float
    corner_radius_mm: float
    tilt_deg: float  # print turned against the cut


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """One card. `foil` is the strength of the holographic layer, 0 for none."""

    layout: str
    art: str
    stock: str
    stock_colour: Colour
    frame_colour: Colour
    accent_colour: Colour
    line_mm: float
    corner_radius_mm: float
    frame: Frame
    name: str
    foil: float


_FIRST = ("Ada", "Bruno", "Cleo", "Dario", "Edda", "Finn", "Greta", "Hugo", "Iris", "Jonas", "Kaya", "Lev", "Mina")
_LAST = ("Ash", "Brook", "Crane", "Dale", "Ember", "Frost", "Grove", "Hart", "Inver", "Jett", "Knox", "Lark", "Moss")
# Card stock as printed, and how often it is met.
_STOCK_COLOURS: tuple[tuple[Colour, float], ...] = (
    ((244, 243, 238), 0.34),  # white
    ((236, 228, 205), 0.16),  # cream
    ((242, 205, 62), 0.12),  # yellow
    ((30, 30, 34), 0.14),  # black
    ((150, 154, 160), 0.08),  # grey
    ((38, 74, 140), 0.06),  # blue
    ((164, 40, 44), 0.05),  # red
    ((36, 104, 68), 0.05),  # green
)


def draw_design(rng: Generator) -> Design:
    """One card out of the space of cards."""
    layout = str(rng.choice(LAYOUTS, p=(0.35, 0.25, 0.25, 0.15)))
    shares = [share for _, share in _STOCK_COLOURS]
    stock_colour = _jittered(rng, _STOCK_COLOURS[rng.choice(len(_STOCK_COLOURS), p=shares)][0], 8)
    return Design(
        layout=layout,
        art=str(rng.choice(ARTS)),
        stock=str(rng.choice(STOCKS, p=(0.5, 0.2, 0.1, 0.12, 0.08))),
        stock_colour=stock_colour,
        frame_colour=_apart_from(rng, stock_colour),
        accent_colour=_saturated(rng),
        line_mm=float(rng.uniform(0.4, 1.1)),
        corner_radius_mm=float(rng.uniform(0.3, 0.9) if layout == "vintage" else rng.uniform(2.0, 3.4)),
        frame=_draw_frame(rng, layout),
        name=f"{rng.choice(_FIRST)} {rng.choice(_LAST)}".upper(),
        foil=float(rng.uniform(0.2, 0.5)) if rng.random() < 0.25 else 0.0,
    )


def _draw_frame(rng: Generator, layout: str) -> Frame:
    """Borders of 2 to 5 mm, centred between 35/65 and 65/35 as cut cards are (most of them well)."""
    across, along = rng.uniform(4.6, 9.5), rng.uniform(4.6, 10.0)
    share_across, share_along = rng.normal(0.5, 0.055, size=2).clip(0.33, 0.67)
    return Frame(
        left_mm=float(across * share_across),
        right_mm=float(across * (1 - share_across)),
        top_mm=float(along * share_along),
        bottom_mm=float(along * (1 - share_along)),
        corner_radius_mm=float(rng.uniform(0.0, 0.3) if layout == "vintage" else rng.choice((0.0, 1.2, 2.2))),
        tilt_deg=float(rng.normal(0.0, 0.3)),
    )


def _jittered(rng: Generator, colour: Colour, spread: float) -> Colour:
    red, green, blue = (float(min(max(value + rng.normal(0, spread), 0), 255)) for value in colour)
    return red, green, blue


def _saturated(rng: Generator) -> Colour:
    import colorsys

    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.5, 0.95), rng.uniform(0.35, 0.95))
    return red * 255, green * 255, blue * 255


def _apart_from(rng: Generator, other: Colour) -> Colour:
    """A colour that can be told from the stock: a border nobody can see is no ground truth."""
    for _ in range(32):
        colour = _saturated(rng)
        if abs(_brightness(colour) - _brightness(other)) > 50:
            return colour
    return (20.0, 20.0, 24.0) if _brightness(other) > 127 else (240.0, 240.0, 236.0)


def _brightness(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
