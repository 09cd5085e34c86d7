"""What was found in a picture, in a few lines for people. Pure."""

from collections import Counter

from truscore.inference.predictions import Centring, Prediction

MOST_LABELS = 6


def lines_of(prediction: Prediction) -> list[str]:
    """At least one line."""
    lines = [
        *_detections(prediction),
        *_centring(prediction),
        *_areas(prediction),
        *_grade(prediction),
        *_values(prediction),
    ]
    return lines or ["nothing found"]


def _detections(prediction: Prediction) -> list[str]:
    if not prediction.detections:
        return []
    counts = Counter(one.name for one in prediction.detections)
    return [", ".join(name if count == 1 else f"{name} ({count})" for name, count in counts.items())]


def _centring(prediction: Prediction) -> list[str]:
    return [
        f"centring {one.left_right} left/right, {one.top_bottom} top/bottom "
        f"(from {one.measured_from}{_give_or_take(one)})"
        for one in prediction.centring or ()
    ]


def _give_or_take(one: Centring) -> str:
    if one.left_deviation is None or one.top_deviation is None:
        return ""
    return f", give or take {one.left_deviation:.1f} and {one.top_deviation:.1f} points"


def _areas(prediction: Prediction) -> list[str]:
    covered = [f"{one.name} {one.area_percent:.2f} % of the picture" for one in prediction.areas or () if one.area_px]
    return [", ".join(covered)] if covered else []


def _grade(prediction: Prediction) -> list[str]:
    if prediction.grade is None:
        return []
    grade = prediction.grade
    likely = sorted(grade.probabilities.items(), key=lambda item: -item[1])[:MOST_LABELS]
    mean = "" if grade.mean is None else f", mean {grade.mean:.2f}"
    return [f"grade {grade.name}{mean}", " · ".join(f"{name}: {share:.0%}" for name, share in likely)]


def _values(prediction: Prediction) -> list[str]:
    scores = [f"{name} {value:.4g}" for name, value in (prediction.scores or {}).items()]
    there = [f"{one.name} {one.probability:.0%}" for one in prediction.labels or () if one.there]
    rest = sorted((one for one in prediction.labels or () if not one.there), key=lambda one: -one.probability)
    below = [f"{one.name} {one.probability:.0%}" for one in rest[:MOST_LABELS]]
    lines = [", ".join(scores)] if scores else []
    if prediction.labels is not None:
        lines.append(f"shows {', '.join(there) or 'none of the classes'}")
        lines += [f"below the threshold: {', '.join(below)}"] if below else []
    return lines
