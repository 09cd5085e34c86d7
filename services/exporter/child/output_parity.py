"""How near the numbers of two answers are, and how near is near enough; of models that answer for the whole picture.

Both sides compute the same network in float32, in another order of additions: some 1e-6 on real pictures, 1e-5 where
the network is deep. The tolerances are a hundred times that and far below what a grade depends on.
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from services.exporter.child.export_target import Answers
from services.exporter.release import Parity

TOLERANCE = {
    # From 0 to 1, the worst single pixel of a map included.
    "probabilities": 0.001,
    # In the score's own unit, where that is at most 1; of larger scores the same share.
    "scores": 0.001,
    # Grades apart. A picture at a tie may fall to either side of it, as long as its probabilities agree.
    "grade_index": 0.0,
    # Of unit vectors: 0.06 degrees, where a pixel has hardly three lights left.
    "normals": 0.001,
    # Of unit vectors, and shares of the typical light.
    "light_directions": 0.001,
    "light_intensities": 0.001,
    # Micrometres; what depth cameras and graders read is a hundred times that.
    "depth": 0.02,
    # Of full scale.
    "albedo": 0.001,
    "f0": 0.001,
    "roughness": 0.001,
    "roughness_confidence": 0.001,
}


# What INT8 is held to beside the task's metrics: the angle between what both say, of each picture.
COSINE_AT_LEAST = {"float": 0.99999, "int8": 0.98}


def check_parity(pairs: Iterable[tuple[Answers, Answers]], *, precision: str = "float") -> Parity:
    """The verdict over pairs of answers, the checkpoint's first. An answer that is no number fails.

    In INT8 single numbers may differ as they will, a pixel at an edge the most: similarity and metrics are held.
    """
    worst: dict[str, float] = {}
    cosine: dict[str, float] = {}
    images = 0
    for reference, candidate in pairs:
        images += 1
        for name in reference:
            found = _apart(name, reference, candidate)
            worst[name] = max(worst.get(name, 0.0), found)
            if name != "grade_index":
                cosine[name] = min(cosine.get(name, 1.0), similarity(reference[name], candidate[name]))
    tolerance = {name: TOLERANCE[name] if precision == "float" else _finite(worst[name]) for name in worst}
    alike = all(value >= COSINE_AT_LEAST[precision] for value in cosine.values())
    return Parity(
        passed=images > 0 and alike and all(worst[name] <= tolerance[name] for name in worst),
        images=images,
        detections=0,
        matched=1.0,
        max_abs_difference=worst,
        tolerance=tolerance if precision == "float" else {},
        cosine=cosine,
    )


def _finite(worst: float) -> float:
    return worst if math.isfinite(worst) else 0.0


def similarity(reference: NDArray[np.generic], candidate: NDArray[np.generic]) -> float:
    """The cosine of the angle between two answers; 1 where both are nothing, -1 where they cannot be compared."""
    a, b = reference.astype(np.float64).ravel(), candidate.astype(np.float64).ravel()
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return -1.0
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else float(not a.any() and not b.any())


def _apart(name: str, reference: Answers, candidate: Answers) -> float:
    a, b = reference[name].astype(np.float64), candidate[name].astype(np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    if name == "grade_index":
        return 0.0 if _tie(reference["probabilities"].astype(np.float64), int(a), int(b)) else float(abs(a - b))
    scale = np.maximum(1.0, np.abs(a)) if name == "scores" else 1.0
    return float((np.abs(a - b) / scale).max(initial=0.0))


def _tie(probabilities_K: NDArray[np.float64], grade: int, other: int) -> bool:
    """Whether two grades are as good as one another. A grade is the median of its probabilities: at a tie half of them
    lie below each line between the two."""
    if not (0 <= grade < len(probabilities_K) and 0 <= other < len(probabilities_K)):
        return False
    below = probabilities_K.cumsum()[min(grade, other) : max(grade, other)]
    return bool((np.abs(below - 0.5) <= TOLERANCE["probabilities"]).all())
