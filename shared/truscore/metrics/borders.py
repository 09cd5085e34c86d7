"""How well borders of cards are found, in what graders act on: pixels of the scan, and percentage points of centring.

**Edge error**: of a found side, 21 points evenly from corner to corner; of each, the distance to the line of the real
side, in pixels of the original image.

**Centring**: the card's outer border is brought to the unit square by the projective map of its corners, which undoes a
turned or tilted card. The graphical border's left margin is then the mean u of its two left corners, the right margin 1
less the mean u of its two right ones, and the left share 100 · left / (left + right): a card graders call 55/45 has one
of 55 or 45. The upper share likewise. A border that is found beyond the card's edge has no margin there, not a negative
one. The error is the distance of the found from the real share, in percentage points: 100 at most.

Masks are of whole pixels: `tests/bench/test_border_floor.py` prints what perfect ones give.

42: four corners of x and y, clockwise from the upper left; S points along a side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.shapes.masks import annotation_mask
from truscore.datasets.shapes.quadrilateral import corners_of
from truscore.metrics.centring import centring_shares
from truscore.metrics.detection import ImageDetections, Instance, RunLengths
from truscore.metrics.matching import match
from truscore.metrics.quadrilaterals import SIDES, Mask, Points, aligned, box_corners, mask_corners

OUTER, GRAPHICAL = 1, 2
POINTS = 21


@dataclass(frozen=True, kw_only=True, slots=True)
class Edges:
    """A real border: its ``distances_4S`` from the found one in pixels, by side; None where it was not found."""

    label: int
    distances_4S: tuple[tuple[float, ...], ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Centring:
    """Shares of the left and of the upper margin in percent; ``prediction`` is None where a border was not found."""

    target: tuple[float, float]
    prediction: tuple[float, float] | None

    @property
    def errors_pp(self) -> tuple[float, float] | None:
        """Left and right, top and bottom."""
        if self.prediction is None:
            return None
        return abs(self.prediction[0] - self.target[0]), abs(self.prediction[1] - self.target[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class BorderErrors:
    """The borders of an image."""

    image: int
    edges: tuple[Edges, ...]
    centrings: tuple[Centring, ...]


def measure_borders(detections: ImageDetections, record: ImageRecord) -> BorderErrors:
    """Measure what was found on an image at the network's size against what its record says, in the record's pixels.

    A border is found where the surest find of its class overlaps its box by half, at a score of 0.5.
    """
    scale_2 = np.array([record.width / detections.width, record.height / detections.height])
    target = [one for one in record.annotations if not one.crowd]
    corners = [
        (one.label, _target_corners(one, record), _prediction_corners(one, detections, scale_2)) for one in target
    ]
    known = [(label, target_42, prediction_42) for label, target_42, prediction_42 in corners if target_42 is not None]
    outer = [(target_42, prediction_42) for label, target_42, prediction_42 in known if label == OUTER]
    return BorderErrors(
        image=detections.image,
        edges=tuple(
            Edges(label=label, distances_4S=None if prediction_42 is None else edge_distances(target_42, prediction_42))
            for label, target_42, prediction_42 in known
        ),
        centrings=tuple(
            centring
            for label, target_42, prediction_42 in known
            if label == GRAPHICAL and outer and (centring := _centring(target_42, prediction_42, outer)) is not None
        ),
    )


def border_metrics(borders: Sequence[BorderErrors]) -> dict[str, float]:
    """``edge_error_px`` and ``edge_error_p95_px``, ``centring_error_pp`` and ``centring_error_p95_pp``, each where any
    was found; ``border_found_share`` and ``centring_measured_share`` where there is any to be found. Smaller errors are
    better, and mean little beside a small share.
    """
    edges = [edge for image in borders for edge in image.edges]
    centrings = [centring for image in borders for centring in image.centrings]
    distances = [value for edge in edges for side in edge.distances_4S or () for value in side]
    errors = [value for centring in centrings for value in centring.errors_pp or ()]
    metrics: dict[str, float] = {}
    if edges:
        metrics["border_found_share"] = sum(edge.distances_4S is not None for edge in edges) / len(edges)
    if distances:
        metrics |= _mean_and_p95("edge_error{}_px", distances)
    if centrings:
        metrics["centring_measured_share"] = sum(one.prediction is not None for one in centrings) / len(centrings)
    if errors:
        metrics |= _mean_and_p95("centring_error{}_pp", errors)
    return metrics


def border_details(borders: Sequence[BorderErrors], class_names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
    """For the report: errors by border and side, and each card's centring, real and found; paths by images' indices."""
    return {
        "edges_by_side": [
            {"border": class_names[label - 1], **_side_row(borders, label, side)}
            for label in sorted({edge.label for image in borders for edge in image.edges})
            for side in range(4)
        ],
        "centring": [
            {
                "image": paths[image.image],
                "real": list(one.target),
                "found": None if one.prediction is None else list(one.prediction),
            }
            for image in borders
            for one in image.centrings
        ],
    }


def edge_distances(target_42: Points, prediction_42: Points) -> tuple[tuple[float, ...], ...]:
    """[4, S]: points of each found side from the line of the real one; sides as SIDES has them."""
    prediction_42 = aligned(prediction_42, target_42)
    share_S = np.linspace(0.0, 1.0, POINTS)[:, None]
    distances = []
    for at in range(4):
        points_S2 = prediction_42[at] + share_S * (prediction_42[(at + 1) % 4] - prediction_42[at])
        distances.append(_off_line(points_S2, target_42[at], target_42[(at + 1) % 4]))
    return tuple(tuple(map(float, side_S)) for side_S in distances)


def _off_line(points_S2: Points, start_2: Points, end_2: Points) -> NDArray[np.float64]:
    side_2, from_start_S2 = end_2 - start_2, points_S2 - start_2
    off_S: NDArray[np.float64] = np.abs(from_start_S2[:, 1] * side_2[0] - from_start_S2[:, 0] * side_2[1])
    return off_S / max(float(np.hypot(*side_2)), 1e-9)


def _centring(
    target_42: Points, prediction_42: Points | None, outer: Sequence[tuple[Points, Points | None]]
) -> Centring | None:
    """Of the graphical border in the outer one whose middle is nearest; None where the real ones have no centring."""
    card_42, predicted_card_42 = min(
        outer, key=lambda one: float(np.hypot(*(one[0].mean(axis=0) - target_42.mean(axis=0))))
    )
    target = centring_shares(card_42, target_42)
    if target is None:
        return None
    if prediction_42 is None or predicted_card_42 is None:
        return Centring(target=target, prediction=None)
    return Centring(target=target, prediction=centring_shares(aligned(predicted_card_42, card_42), prediction_42))


def _target_corners(annotation: Annotation, record: ImageRecord) -> Points | None:
    """Outlines say where a side is to a fraction of a pixel: only run lengths have to be fitted."""
    if annotation.rle is not None:
        return mask_corners(annotation_mask(annotation, record.height, record.width))
    if annotation.polygons:
        return corners_of([value for polygon in annotation.polygons for value in polygon])
    return box_corners(annotation.box_xywh)


def _prediction_corners(target: Annotation, detections: ImageDetections, scale_2: Points) -> Points | None:
    x, y, width, height = (np.array(target.box_xywh) / np.tile(scale_2, 2)).tolist()
    alone = replace(
        detections,
        target=(Instance(label=target.label, box_xywh=(x, y, width, height)),),
        prediction=tuple(one for one in detections.prediction if one.label == target.label),
    )
    pairs = match(alone, "box").pairs
    return _corners(pairs[0].prediction) * scale_2 if pairs else None


def _corners(prediction: Instance) -> Points:
    """Of the mask, or of the box where there is no mask to take them from."""
    fitted_42 = None if prediction.mask is None else mask_corners(_decoded(prediction.mask))
    return box_corners(prediction.box_xywh) if fitted_42 is None else fitted_42


def _decoded(mask: RunLengths) -> Mask:
    return np.asarray(coco_mask.decode(dict(mask)), dtype=np.bool_)


def _mean_and_p95(name: str, values: Sequence[float]) -> dict[str, float]:
    return {
        name.format(""): float(np.mean(values)),
        name.format("_p95"): float(np.percentile(values, 95)),
    }


def _side_row(borders: Sequence[BorderErrors], label: int, side: int) -> dict[str, Any]:
    own = [edge for image in borders for edge in image.edges if edge.label == label]
    distances = [value for edge in own if edge.distances_4S is not None for value in edge.distances_4S[side]]
    measured = sum(edge.distances_4S is not None for edge in own)
    errors = _mean_and_p95("edge_error{}_px", distances) if distances else {}
    return {"side": SIDES[side], "borders": len(own), "found": measured, **errors}
