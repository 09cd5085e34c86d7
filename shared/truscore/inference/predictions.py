"""What a model says of one picture, as plain values.

Places are in pixels of the upright picture, x to the right, y down, from its upper left corner; whole numbers are the
lines between pixels.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """A border's side: `confidence` from 0 to 1, and the standard deviation of where its line lies, in pixels. 0 where
    no line was found, with the `reason`."""

    name: str
    confidence: float
    deviation_px: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """One instance that a model finds. `box` is x1, y1, x2, y2; `area_percent` is its share of the picture.

    `corners` are those of a border, clockwise from the upper left, of which `corners_from` ("lines", "mask" or "box")
    says what they were taken from: a box is upright, a mask shows how the card is turned, lines were placed side by
    side in the picture's own pixels. None for what is no border. `lines` are those sides, in order top, right, bottom,
    left; None of a model without a second stage.
    """

    label: int
    name: str
    score: float
    box: tuple[float, float, float, float]
    area_px: float
    area_percent: float
    corners: Corners | None = None
    corners_from: str | None = None
    lines: tuple[Side, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Centring:
    """How a card's print lies in it. `left_right` and `top_bottom` are written as graders do, the larger side first;
    `left_percent` and `top_percent` are the left and the upper margin's share of both.

    `measured_from` is "lines", "masks" or "boxes": both borders of a card are taken from the same. `outer` and `inner`
    are their places among the detections, from 0. Of lines, `left_deviation` and `top_deviation` are the standard
    deviations of the percentages, in points; where lines could not be taken, `reason` says why.
    """

    left_right: str
    top_bottom: str
    left_percent: float
    top_percent: float
    measured_from: str
    outer: int
    inner: int
    left_deviation: float | None = None
    top_deviation: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """How much of the picture a class covers."""

    name: str
    area_px: float
    area_percent: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Grade:
    """The grade and how probable each is, from 0 to 1. `mean` is the probabilities' mean where grades are numbers."""

    name: str
    index: int
    probabilities: dict[str, float]
    mean: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A class and how probable it is that the picture shows it; `there` from the model's threshold on."""

    name: str
    probability: float
    there: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Of one picture; None for what the model's task does not say."""

    width: int
    height: int
    detections: tuple[Detection, ...] | None = None
    centring: tuple[Centring, ...] | None = None
    areas: tuple[Area, ...] | None = None
    grade: Grade | None = None
    scores: dict[str, float] | None = None
    labels: tuple[Label, ...] | None = None

    def document(self) -> dict[str, Any]:
        """For JSON: without what the task does not say; the detections are its `found`."""
        values = {"found" if key == "detections" else key: value for key, value in asdict(self).items()}
        return {key: value for key, value in values.items() if value is not None}


def as_graders_write(percent: float) -> str:
    """A side's share of both margins, "55/45": whole percent, the larger side first, whichever it is."""
    larger = math.floor(max(percent, 100 - percent) + 0.5)
    return f"{larger}/{100 - larger}"
