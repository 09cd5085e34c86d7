"""What would be found at other thresholds of a pixel's probability.

Legend: D damages, H, W sides, B bins of equal width from 0 to 1, T thresholds, the lower ends of the bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.curves import precision_recall_diagram
from truscore.metrics.diagnostics import Diagram, Series

BINS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdCounts:
    """Pixels of an image by the probability of each damage: where it is a target, and elsewhere. They add up."""

    target_DB: NDArray[np.int64]
    other_DB: NDArray[np.int64]


def count_thresholds(probability_DHW: NDArray[np.float32], target_HW: NDArray[np.uint8]) -> ThresholdCounts:
    """``target_HW`` are labels from 1, 0 for nothing; a label beyond D (as 255) counts nowhere."""
    damages = len(probability_DHW)
    known_HW = target_HW <= damages
    bins_DHW = np.clip((probability_DHW * BINS).astype(np.int64), 0, BINS - 1)
    target_DB, other_DB = (
        np.stack(
            [
                np.bincount(bins_HW[known_HW & ((target_HW == label) == wanted)], minlength=BINS)
                for label, bins_HW in named
            ]
        )
        for named in [list(enumerate(bins_DHW, start=1))]
        for wanted in (True, False)
    )
    return ThresholdCounts(target_DB=target_DB, other_DB=other_DB)


def threshold_diagrams(images: Sequence[ThresholdCounts], class_names: Sequence[str]) -> tuple[Diagram, ...]:
    """Precision over recall, and overlap over the threshold, a line for each damage that is a target somewhere."""
    true_DT = _caught(np.sum([image.target_DB for image in images], axis=0))
    false_DT = _caught(np.sum([image.other_DB for image in images], axis=0))
    thresholds = tuple(place / BINS for place in range(BINS))
    precision_recall, overlap = [], []
    for name, true_T, false_T in zip(class_names, true_DT, false_DT, strict=True):
        target = true_T[0]
        if not target:
            continue
        # Where nothing is caught, nothing is wrong either; such thresholds would only add a point at recall 0.
        caught_T = true_T + false_T > 0
        precision_T = true_T[caught_T] / (true_T + false_T)[caught_T]
        recall_T = true_T[caught_T] / target
        precision_recall.append(Series(name=name, x=_floats(recall_T[::-1]), y=_floats(precision_T[::-1])))
        overlap.append(Series(name=name, x=thresholds, y=_floats(true_T / (target + false_T))))
    return (
        precision_recall_diagram("pixels of damage", tuple(precision_recall)),
        Diagram(
            kind="threshold",
            title="overlap by threshold",
            x_name="probability from which a pixel is damage",
            y_name="intersection over union",
            series=tuple(overlap),
        ),
    )


def _caught(counts_DB: NDArray[np.int64]) -> NDArray[np.int64]:
    """[D, T]: pixels at or above each bin's lower end."""
    return np.asarray(counts_DB[:, ::-1].cumsum(axis=1)[:, ::-1])


def _floats(values_N: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(map(float, values_N))
