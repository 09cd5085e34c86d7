"""What comparisons of images come to: whether one is disputed, and a dataset's figures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from services.studio.agreement.kappa import cohen_kappa

Comparison = Mapping[str, Any]

MOST_GRADES_APART: Final = 1.0  # by which two people may differ on a grade without a dispute


def disagreements(found: Comparison, *, grades: Sequence[float], least_overlap: float) -> list[str]:
    """Why the image is disputed, in words; none where both say the same. Scores are shown and not judged."""
    reasons = []
    if any(found["alone"]):
        mine, theirs = map(len, found["alone"])
        reasons.append(f"{mine} and {theirs} marks have no counterpart")
    if differing := sum(count for one, other, count in found["classes"] if one != other):
        reasons.append(f"{differing} marks have another class")
    if found["least_overlap"] is not None and found["least_overlap"] < least_overlap:
        reasons.append(f"two marks overlap by {found['least_overlap']:.2f}, accepted from {least_overlap:g}")
    one_labels, other_labels = found["labels"]
    if not _same_labels(one_labels, other_labels, grades):
        reasons.append("the labels of the image differ")
    return reasons


def _same_labels(one: list[int] | None, other: list[int] | None, grades: Sequence[float]) -> bool:
    if grades and one and other and len(one) == len(other) == 1:
        return abs(grades[one[0] - 1] - grades[other[0] - 1]) <= MOST_GRADES_APART
    return (one or []) == (other or [])


def summary_of(found: Iterable[Comparison], *, grades: Sequence[float], classes: int) -> dict[str, Any]:
    """Of a dataset's images that two people marked: figures that have nothing to say are None.

    `mark_kappa` is of the classes of matched marks; `label_kappa` of the images' labels: weighted by squared difference
    for grades, of one label to an image Cohen's own, of several the mean over the classes of its kappas (there or not).
    """
    found = list(found)
    pairs: Counter[tuple[int, int]] = Counter()
    for each in found:
        pairs.update({(one, other): count for one, other, count in each["classes"]})
    matched = sum(each["matched"] for each in found)
    marks = sum(sum(each["marks"]) for each in found)
    overlaps = sum((each["mean_overlap"] or 0.0) * each["matched"] for each in found)
    return {
        "images": len(found),
        "marks": marks,
        "matched": matched,
        # Twice the pairs over the marks of both: Dice's coefficient of finding the same things.
        "found_alike": 2 * matched / marks if marks else None,
        "mean_overlap": overlaps / matched if matched else None,
        "mark_kappa": cohen_kappa(pairs),
        "label_kappa": label_kappa([each["labels"] for each in found], grades=grades, classes=classes),
    }


def pairs_of(
    found: Iterable[tuple[tuple[str, ...], Comparison]], *, grades: Sequence[float], classes: int
) -> list[dict[str, Any]]:
    """The figures of `summary_of` for each pair of people, by their names; `annotators` names the two."""
    of_pair: dict[tuple[str, ...], list[Comparison]] = {}
    for annotators, each in found:
        of_pair.setdefault(annotators, []).append(each)
    return [
        {"annotators": list(annotators), **summary_of(of_pair[annotators], grades=grades, classes=classes)}
        for annotators in sorted(of_pair)
    ]


def label_kappa(labels: Sequence[Sequence[list[int] | None]], *, grades: Sequence[float], classes: int) -> float | None:
    """Of images that both labelled; None where there is none, or where chance explains all."""
    both = [(tuple(one), tuple(other)) for one, other in labels if one is not None and other is not None]
    if all(len(one) == len(other) == 1 for one, other in both):
        single = Counter((one[0], other[0]) for one, other in both)
        if not grades:
            return cohen_kappa(single)
        return cohen_kappa(single, apart=lambda one, other: (grades[one - 1] - grades[other - 1]) ** 2)
    kappas = [
        cohen_kappa(Counter((label in one, label in other) for one, other in both)) for label in range(1, classes + 1)
    ]
    said = [kappa for kappa in kappas if kappa is not None]
    return sum(said) / len(said) if said else None
