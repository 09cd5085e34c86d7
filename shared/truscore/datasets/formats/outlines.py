"""Outlines of turned boxes and ellipses as polygons, in whatever unit their numbers have."""

from __future__ import annotations

import math

ELLIPSE_CORNERS = 64


def turned_box(
    centre: tuple[float, float], size: tuple[float, float], degrees: float, *, pivot: tuple[float, float] | None = None
) -> tuple[float, ...]:
    """The corners of a box turned clockwise, as seen with y downwards, about its centre or the `pivot`."""
    x, y = centre
    half_width, half_height = size[0] / 2, size[1] / 2
    corners = (
        (x - half_width, y - half_height),
        (x + half_width, y - half_height),
        (x + half_width, y + half_height),
        (x - half_width, y + half_height),
    )
    return turned(tuple(value for corner in corners for value in corner), degrees, pivot or centre)


def ellipse(centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0) -> tuple[float, ...]:
    """Points along an ellipse turned clockwise about its centre."""
    turns = (2 * math.pi * step / ELLIPSE_CORNERS for step in range(ELLIPSE_CORNERS))
    around = (
        value
        for turn in turns
        for value in (centre[0] + radii[0] * math.cos(turn), centre[1] + radii[1] * math.sin(turn))
    )
    return turned(tuple(around), degrees, centre)


def turned(points: tuple[float, ...], degrees: float, pivot: tuple[float, float]) -> tuple[float, ...]:
    """Points x0, y0, x1, y1, ... turned clockwise, as seen with y downwards, about a pivot."""
    if not degrees % 360:
        return points
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    moved = ((x - pivot[0], y - pivot[1]) for x, y in zip(points[0::2], points[1::2], strict=True))
    return tuple(
        value for x, y in moved for value in (pivot[0] + x * cosine - y * sine, pivot[1] + x * sine + y * cosine)
    )
