"""Which prediction is matched with which target. N targets, M predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from truscore.metrics.curves import precision_recall_diagram
from truscore.metrics.detection import (
    ImageDetections,
    Instance,
    ap_by_class,
    ap_by_size,
    kinds,
    precision_curves,
)
from truscore.metrics.diagnostics import Diagnostics, ImageError, Matrix, Series

MIN_SCORE = 0.5  # score
MIN_OVERLAP = 0.5  # overlap


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A target and a predicted instance of whatever class, and how much they overlap."""

    target: Instance
    prediction: Instance
    overlap: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Matched:
    """Crowds and what is found on them are in none of the three."""

    pairs: tuple[Pair, ...]
    missed: tuple[Instance, ...]
    false: tuple[Instance, ...]

    @property
    def quality(self) -> float:
        """Panoptic quality (Kirillov et al. 2019, eq. 1) of one image: 1 where all is found exactly and no more.

        A pair of two classes is one missed and one false.
        """
        right = [pair.overlap for pair in self.pairs if pair.target.label == pair.prediction.label]
        wrong = len(self.missed) + len(self.false) + 2 * (len(self.pairs) - len(right))
        return sum(right) / (len(right) + wrong / 2) if right or wrong else 1.0


def match(
    image: ImageDetections, kind: str, *, min_score: float = MIN_SCORE, min_overlap: float = MIN_OVERLAP
) -> Matched:
    """The surest finds choose first, each the target it overlaps most: those of its own class before any other.

    Without that order a card's outer border, found a little too small, would be taken for the graphical border in it.
    """
    prediction = sorted((one for one in image.prediction if one.score >= min_score), key=lambda one: -one.score)
    overlap_MN = overlaps(prediction, image.target, kind)
    free = {place for place, one in enumerate(image.target) if not one.crowd}
    pairs: dict[int, Pair] = {}
    for own_class in (True, False):
        for row, one in enumerate(prediction):
            open_to = [place for place in sorted(free) if not own_class or image.target[place].label == one.label]
            best = max(open_to, key=lambda place: overlap_MN[row, place], default=None)
            if row not in pairs and best is not None and overlap_MN[row, best] >= min_overlap:
                free.remove(best)
                pairs[row] = Pair(target=image.target[best], prediction=one, overlap=float(overlap_MN[row, best]))
    crowds = [place for place, one in enumerate(image.target) if one.crowd]
    return Matched(
        pairs=tuple(pairs[row] for row in sorted(pairs)),
        missed=tuple(image.target[place] for place in sorted(free)),
        false=tuple(
            one
            for row, one in enumerate(prediction)
            if row not in pairs and not any(overlap_MN[row, place] >= min_overlap for place in crowds)
        ),
    )


def overlaps(prediction: Sequence[Instance], target: Sequence[Instance], kind: str) -> NDArray[np.float64]:
    """[M, N] intersection over union of boxes or masks; over the predicted area alone where the target is a crowd."""
    if not prediction or not target:
        return np.zeros((len(prediction), len(target)))
    shapes = [
        [dict(one.mask or {}) if kind == "mask" else list(one.box_xywh) for one in side]
        for side in (prediction, target)
    ]
    overlap_MN: NDArray[np.float64] = coco_mask.iou(*shapes, [int(one.crowd) for one in target])
    return overlap_MN


def detection_confusion(matched: Sequence[Matched], class_names: Sequence[str]) -> Matrix:
    """Target by predicted classes, with "nothing" for what was missed and for what was found where nothing is."""
    nothing = len(class_names)
    counts = np.zeros((nothing + 1, nothing + 1), dtype=np.int64)
    for image in matched:
        for pair in image.pairs:
            counts[pair.target.label - 1, pair.prediction.label - 1] += 1
        for missed in image.missed:
            counts[missed.label - 1, nothing] += 1
        for false in image.false:
            counts[nothing, false.label - 1] += 1
    names = (*class_names, "nothing")
    return Matrix(
        title=f"instances, at an overlap of {MIN_OVERLAP:g} and a score of {MIN_SCORE:g}",
        target=names,
        prediction=names,
        counts=tuple(tuple(int(count) for count in row) for row in counts),
    )


def detection_diagnostics(images: Sequence[ImageDetections], class_names: Sequence[str]) -> Diagnostics:
    """Of masks where there are any, else of boxes."""
    kind = kinds(images)[-1]
    matched = [match(image, kind) for image in images]
    recall = tuple(step / 100 for step in range(101))
    series = tuple(
        Series(name=curve.class_name, x=recall, y=curve.precision)
        for curve in precision_curves(images, class_names, kind)
    )
    return Diagnostics(
        error_name=f"1 less the panoptic quality of {kind}{'es' if kind == 'box' else 's'}",
        diagrams=(precision_recall_diagram(f"{kind} precision and recall at an overlap of 0.5", series),),
        matrices=(detection_confusion(matched, class_names),),
        by_class=ap_by_class(images, class_names, kind),
        by_size=ap_by_size(images, class_names, kind),
        image_errors=tuple(_image_error(image, prediction) for image, prediction in zip(images, matched, strict=True)),
    )


def _image_error(image: ImageDetections, matched: Matched) -> ImageError:
    confused = sum(pair.target.label != pair.prediction.label for pair in matched.pairs)
    right = len(matched.pairs) - confused
    parts = [f"{right} of {right + confused + len(matched.missed)} found"]
    parts += [f"{confused} taken for another class"] if confused else []
    parts += [f"{len(matched.false)} where nothing is"] if matched.false else []
    return ImageError(image=image.image, error=1.0 - matched.quality, text=", ".join(parts))
