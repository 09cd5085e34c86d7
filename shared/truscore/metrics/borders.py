"""How well borders of cards are found, in what graders act on: pixels of the scan, and percentage points of centring.

**Edge error**: of a predicted side, 21 points evenly from corner to corner; of each, the distance to the line of the
target side, in pixels of the original image.

**Centring**: the card's outer border is brought to the unit square by the projective map of its corners, which undoes a
turned or tilted card. The graphical border's left margin is then the mean u of its two left corners, the right margin 1
less the mean u of its two right ones, and the left share 100 · left / (left + right): a card graders call 55/45 has one
of 55 or 45. The upper share likewise. A border that is found beyond the card's edge has no margin there, not a negative
one. The error is the distance of the predicted from the target share, in percentage points: 100 at most.

**Of all borders** (`_all`): a border that was not found counts as its **fallback**, the average border of the training
labels (`average_borders`): who gets no answer has to guess. Without it, a network that finds the easy borders alone
would have the smallest errors.

Masks are of whole pixels: `tests/bench/test_border_floor.py` prints what perfect ones give.

42: four corners of x and y, clockwise from the upper left; S points along a side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.shapes.masks import annotation_mask
from truscore.datasets.shapes.quadrilateral import corners_of
from truscore.metrics.centring import centring_shares
from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.detection import ImageDetections, Instance, RunLengths
from truscore.metrics.matching import match
from truscore.metrics.quadrilaterals import SIDES, Mask, Points, aligned, box_corners, mask_corners

OUTER, GRAPHICAL = 1, 2
POINTS = 21

# By label: corners in shares of the image's width and height. Where a label has none, the image's own frame stands in.
Fallbacks = Mapping[int, Points]
_NO_FALLBACKS: Fallbacks = MappingProxyType({})
_UNIT_42 = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
_CENTRED = (50.0, 50.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Edges:
    """A target border: its ``distances_4S`` from the predicted one in pixels, by side, None where it was not found; and
    ``fallback_4S`` from the fallback, empty where it was."""

    label: int
    distances_4S: tuple[tuple[float, ...], ...] | None
    fallback_4S: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Centring:
    """Shares of the left and of the upper margin in percent; ``prediction`` is None where a border was not found, and
    ``fallback`` is what follows then, with the fallback of each border that was not."""

    target: tuple[float, float]
    prediction: tuple[float, float] | None
    fallback: tuple[float, float] = _CENTRED

    @property
    def errors_pp(self) -> tuple[float, float] | None:
        """Left and right, top and bottom."""
        return None if self.prediction is None else self._errors(self.prediction)

    @property
    def errors_of_all_pp(self) -> tuple[float, float]:
        """The same, by the fallback where there is no prediction."""
        return self._errors(self.prediction or self.fallback)

    def _errors(self, shares: tuple[float, float]) -> tuple[float, float]:
        return abs(shares[0] - self.target[0]), abs(shares[1] - self.target[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class BorderErrors:
    """The borders of an image."""

    image: int
    edges: tuple[Edges, ...]
    centrings: tuple[Centring, ...]


def average_borders(records: Sequence[ImageRecord]) -> Fallbacks:
    """The mean corners of each label in shares of the image: what is known of borders without looking at a picture.

    Of a mask in run lengths its box: to decode all masks of a training split takes long, and tilts average out.
    """
    corners: dict[int, list[Points]] = {}
    for record in records:
        size_2 = np.array([record.width, record.height], dtype=np.float64)
        for annotation in record.annotations:
            if not annotation.crowd:
                boxed = box_corners(annotation.box_xywh)
                known_42 = None if annotation.rle is not None else _target_corners(annotation, record)
                corners.setdefault(annotation.label, []).append((boxed if known_42 is None else known_42) / size_2)
    return {label: np.mean(of_label, axis=0) for label, of_label in corners.items()}


def known_borders(record: ImageRecord) -> list[tuple[int, Points, bool]]:
    """Label and corners of each border of an image that has four sides, and whether an upright box is all that is
    known of it."""
    known = [(one, _target_corners(one, record)) for one in record.annotations if not one.crowd]
    return [
        (one.label, corners_42, one.rle is None and not one.polygons)
        for one, corners_42 in known
        if corners_42 is not None
    ]


def measure_borders(
    detections: ImageDetections, record: ImageRecord, fallbacks: Fallbacks = _NO_FALLBACKS
) -> BorderErrors:
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
    size_2 = np.array([record.width, record.height], dtype=np.float64)
    placed = {
        label: fallbacks.get(label, _UNIT_42) * size_2 for label in {OUTER, GRAPHICAL, *(one[0] for one in known)}
    }
    return BorderErrors(
        image=detections.image,
        edges=tuple(
            Edges(label=label, distances_4S=None, fallback_4S=edge_distances(target_42, placed[label]))
            if prediction_42 is None
            else Edges(label=label, distances_4S=edge_distances(target_42, prediction_42))
            for label, target_42, prediction_42 in known
        ),
        centrings=tuple(
            centring
            for label, target_42, prediction_42 in known
            if label == GRAPHICAL
            and outer
            and (centring := _centring(target_42, prediction_42, outer, placed)) is not None
        ),
    )


def border_metrics(borders: Sequence[BorderErrors]) -> dict[str, float]:
    """``edge_error_px`` and ``centring_error_pp``, each with ``_median`` and ``_p95``, where any was found;
    ``border_found_share`` and ``centring_measured_share`` where there is any to be found, and with them
    ``edge_error_all_px`` and ``centring_error_all_pp``, in which what was not found counts by its fallback. Smaller
    errors are better; those of found borders mean little beside a small share.
    """
    edges = [edge for image in borders for edge in image.edges]
    centrings = [centring for image in borders for centring in image.centrings]
    distances = [value for edge in edges for side in edge.distances_4S or () for value in side]
    errors = [value for centring in centrings for value in centring.errors_pp or ()]
    metrics: dict[str, float] = {}
    if edges:
        metrics["border_found_share"] = sum(edge.distances_4S is not None for edge in edges) / len(edges)
        of_all = [value for edge in edges for side in edge.distances_4S or edge.fallback_4S for value in side]
        metrics["edge_error_all_px"] = float(np.mean(of_all))
    if distances:
        metrics |= _mean_and_p95("edge_error{}_px", distances)
        metrics["edge_error_median_px"] = float(np.median(distances))
    if centrings:
        metrics["centring_measured_share"] = sum(one.prediction is not None for one in centrings) / len(centrings)
        metrics["centring_error_all_pp"] = float(np.mean([one.errors_of_all_pp for one in centrings]))
    if errors:
        metrics |= _mean_and_p95("centring_error{}_pp", errors)
        metrics["centring_error_median_pp"] = float(np.median(errors))
    return metrics


def border_measure(borders: Sequence[BorderErrors]) -> Measure:
    """``border_metrics`` of any places of the images, for resampling, but for the percentiles."""
    sums_NF = np.array([_sums(image) for image in borders], dtype=np.float64).reshape(len(borders), len(_SUMS))

    def measure(places: Sequence[int]) -> dict[str, float]:
        total = dict(zip(_SUMS, sums_NF[list(places)].sum(axis=0).tolist(), strict=True))
        shares = {name: (total[above], total[below]) for name, (above, below) in _QUOTIENTS.items()}
        return {name: above / below for name, (above, below) in shares.items() if below}

    return measure


# What is summed of each image, and the metrics that are quotients of two sums.
_SUMS = (
    "borders", "found", "points", "distance", "points_of_all", "distance_of_all",
    "centrings", "measured", "shares", "error", "shares_of_all", "error_of_all",
)  # fmt: skip
_QUOTIENTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "border_found_share": ("found", "borders"),
        "edge_error_px": ("distance", "points"),
        "edge_error_all_px": ("distance_of_all", "points_of_all"),
        "centring_measured_share": ("measured", "centrings"),
        "centring_error_pp": ("error", "shares"),
        "centring_error_all_pp": ("error_of_all", "shares_of_all"),
    }
)


def _sums(image: BorderErrors) -> tuple[float, ...]:
    found = [edge.distances_4S for edge in image.edges if edge.distances_4S is not None]
    distances = [value for sides in found for side in sides for value in side]
    of_all = [value for edge in image.edges for side in edge.distances_4S or edge.fallback_4S for value in side]
    measured = [one.errors_pp for one in image.centrings if one.errors_pp is not None]
    errors = [value for pair in measured for value in pair]
    errors_of_all = [value for one in image.centrings for value in one.errors_of_all_pp]
    return (
        len(image.edges), len(found), len(distances), sum(distances), len(of_all), sum(of_all),
        len(image.centrings), len(measured), len(errors), sum(errors), len(errors_of_all), sum(errors_of_all),
    )  # fmt: skip


def border_details(borders: Sequence[BorderErrors], class_names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
    """For the report: errors by border and side, and each card's target and predicted centring; paths by index."""
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
    """[4, S]: points of each predicted side from the line of the target; sides as SIDES has them."""
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
    target_42: Points,
    prediction_42: Points | None,
    outer: Sequence[tuple[Points, Points | None]],
    placed: Mapping[int, Points],
) -> Centring | None:
    """Of the graphical border in the outer one whose middle is nearest; None where the targets have no centring."""
    card_42, predicted_card_42 = min(
        outer, key=lambda one: float(np.hypot(*(one[0].mean(axis=0) - target_42.mean(axis=0))))
    )
    target = centring_shares(card_42, target_42)
    if target is None:
        return None
    found = None
    if prediction_42 is not None and predicted_card_42 is not None:
        found = centring_shares(aligned(predicted_card_42, card_42), prediction_42)
    if found is not None:
        return Centring(target=target, prediction=found)
    likely_card_42 = placed[OUTER] if predicted_card_42 is None else aligned(predicted_card_42, card_42)
    fallback = (
        centring_shares(likely_card_42, placed[GRAPHICAL] if prediction_42 is None else prediction_42)
        or centring_shares(placed[OUTER], placed[GRAPHICAL])
        or _CENTRED
    )
    return Centring(target=target, prediction=None, fallback=fallback)


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
    """Of the lines of its sides, or of the mask, or of the box: the first that there is."""
    if prediction.lines_42 is not None:
        return np.array(prediction.lines_42, dtype=np.float64)
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
