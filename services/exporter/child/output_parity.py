"""How near the numbers of two answers are, and how near is near enough; of models that answer for the whole picture.

Both sides compute the same network in float32, in another order of additions: some 1e-6 on real pictures, 1e-5 where
the network is deep. The tolerances are a hundred times that and far below what a grade depends on.
"""

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
}


def check_parity(pairs: Iterable[tuple[Answers, Answers]]) -> Parity:
    """The verdict over pairs of answers, the checkpoint's first. An answer that is no number fails."""
    worst: dict[str, float] = {}
    images = 0
    for reference, candidate in pairs:
        images += 1
        for name in reference:
            found = _apart(name, reference, candidate)
            worst[name] = max(worst.get(name, 0.0), found)
    tolerance = {name: TOLERANCE[name] for name in worst}
    return Parity(
        passed=images > 0 and all(worst[name] <= tolerance[name] for name in worst),
        images=images,
        detections=0,
        matched=1.0,
        max_abs_difference=worst,
        tolerance=tolerance,
    )


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
