"""Which found instance stands for which real one. N real, M found instances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from truscore.metrics.curves import precision_recall_diagram
from truscore.metrics.detection import (
    Instance,
    Judged,
    ap_by_class,
    ap_by_size,
    kinds,
    precision_curves,
)
from truscore.metrics.evidence import Evidence, ImageError, Matrix, Series

FOUND_FROM = 0.5  # score
SAME_FROM = 0.5  # overlap


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A real and a found instance of whatever class, and how much they overlap."""

    real: Instance
    found: Instance
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
        right = [pair.overlap for pair in self.pairs if pair.real.label == pair.found.label]
        wrong = len(self.missed) + len(self.false) + 2 * (len(self.pairs) - len(right))
        return sum(right) / (len(right) + wrong / 2) if right or wrong else 1.0


def match(judged: Judged, kind: str, *, found_from: float = FOUND_FROM, same_from: float = SAME_FROM) -> Matched:
    """The surest finds choose first, each the real instance it overlaps most: those of its own class before any other.

    Without that order a card's outer border, found a little too small, would be taken for the graphical border in it.
    """
    found = sorted((one for one in judged.found if one.score >= found_from), key=lambda one: -one.score)
    overlap_MN = overlaps(found, judged.real, kind)
    free = {place for place, one in enumerate(judged.real) if not one.crowd}
    pairs: dict[int, Pair] = {}
    for own_class in (True, False):
        for row, one in enumerate(found):
            open_to = [place for place in sorted(free) if not own_class or judged.real[place].label == one.label]
            best = max(open_to, key=lambda place: overlap_MN[row, place], default=None)
            if row not in pairs and best is not None and overlap_MN[row, best] >= same_from:
                free.remove(best)
                pairs[row] = Pair(real=judged.real[best], found=one, overlap=float(overlap_MN[row, best]))
    crowds = [place for place, one in enumerate(judged.real) if one.crowd]
    return Matched(
        pairs=tuple(pairs[row] for row in sorted(pairs)),
        missed=tuple(judged.real[place] for place in sorted(free)),
        false=tuple(
            one
            for row, one in enumerate(found)
            if row not in pairs and not any(overlap_MN[row, place] >= same_from for place in crowds)
        ),
    )


def overlaps(found: Sequence[Instance], real: Sequence[Instance], kind: str) -> NDArray[np.float64]:
    """[M, N] intersection over union of boxes or masks; over the found area alone where the real one is a crowd."""
    if not found or not real:
        return np.zeros((len(found), len(real)))
    shapes = [
        [dict(one.mask or {}) if kind == "mask" else list(one.box_xywh) for one in side] for side in (found, real)
    ]
    overlap_MN: NDArray[np.float64] = coco_mask.iou(*shapes, [int(one.crowd) for one in real])
    return overlap_MN


def detection_confusion(matched: Sequence[Matched], class_names: Sequence[str]) -> Matrix:
    """Real by found classes, with "nothing" for what was missed and for what was found where nothing is."""
    nothing = len(class_names)
    counts = np.zeros((nothing + 1, nothing + 1), dtype=np.int64)
    for image in matched:
        for pair in image.pairs:
            counts[pair.real.label - 1, pair.found.label - 1] += 1
        for missed in image.missed:
            counts[missed.label - 1, nothing] += 1
        for false in image.false:
            counts[nothing, false.label - 1] += 1
    names = (*class_names, "nothing")
    return Matrix(
        title=f"instances, at an overlap of {SAME_FROM:g} and a score of {FOUND_FROM:g}",
        real=names,
        found=names,
        counts=tuple(tuple(int(count) for count in row) for row in counts),
    )


def detection_evidence(judged: Sequence[Judged], class_names: Sequence[str]) -> Evidence:
    """Of masks where there are any, else of boxes."""
    kind = kinds(judged)[-1]
    matched = [match(image, kind) for image in judged]
    recall = tuple(step / 100 for step in range(101))
    series = tuple(
        Series(name=curve.class_name, x=recall, y=curve.precision)
        for curve in precision_curves(judged, class_names, kind)
    )
    return Evidence(
        error_name=f"1 less the panoptic quality of {kind}{'es' if kind == 'box' else 's'}",
        diagrams=(precision_recall_diagram(f"{kind} precision and recall at an overlap of 0.5", series),),
        matrices=(detection_confusion(matched, class_names),),
        by_class=ap_by_class(judged, class_names, kind),
        by_size=ap_by_size(judged, class_names, kind),
        image_errors=tuple(_image_error(image, found) for image, found in zip(judged, matched, strict=True)),
    )


def _image_error(judged: Judged, matched: Matched) -> ImageError:
    confused = sum(pair.real.label != pair.found.label for pair in matched.pairs)
    right = len(matched.pairs) - confused
    parts = [f"{right} of {right + confused + len(matched.missed)} found"]
    parts += [f"{confused} taken for another class"] if confused else []
    parts += [f"{len(matched.false)} where nothing is"] if matched.false else []
    return ImageError(image=judged.image, error=1.0 - matched.quality, text=", ".join(parts))
