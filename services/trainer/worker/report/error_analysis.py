"""Where a network is wrong: the worst images, the pairs it confuses, and what the images have in common."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from truscore.metrics.rank_correlation import spearman

from services.trainer.worker.report.properties import Properties

WORST = 12
PAIRS = 10
LEAST_IMAGES = 8  # of fewer, a rank correlation says nothing
NOTABLE = 1.96  # standard deviations of a rank correlation of nothing: one in twenty lies beyond


@dataclass(frozen=True, kw_only=True, slots=True)
class Confused:
    """A target class and what was predicted in its place; ``share`` is of all targets of this class."""

    matrix: str
    target: str
    prediction: str
    count: int
    share: float

    def document(self) -> dict[str, Any]:
        """As a report has it."""
        return {
            "matrix": self.matrix,
            "real": self.target,
            "found": self.prediction,
            "count": self.count,
            "share": self.share,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Spearman's rank correlation of a property of the images with their error, 1 being "the larger the worse".

    ``notable``: beyond 1.96 / sqrt(images - 1), as one of twenty properties without any influence would be.
    """

    property: str
    correlation: float | None
    images: int
    notable: bool


def analyse_errors(
    details: Mapping[str, Any], paths: Sequence[str], properties: Mapping[int, Properties]
) -> dict[str, Any]:
    """From what a task's report holds: ``image_errors``, ``matrices`` and ``pictures``, each where it is there.

    ``paths`` are those of the evaluated images by index, ``properties`` of those that were looked at.
    """
    errors = list(details.get("image_errors", ()))
    pictures = {picture["image"]: picture["file"] for picture in details.get("pictures", ()) if "image" in picture}
    ranked = sorted(errors, key=lambda one: (-one["error"], one["image"]))
    return {
        "error_name": details.get("error_name", ""),
        "mean_error": float(np.mean([one["error"] for one in errors])) if errors else None,
        "worst": [
            {
                "image": paths[one["image"]],
                "error": one["error"],
                "text": one["text"],
                "picture": pictures.get(paths[one["image"]]),
            }
            for one in ranked[:WORST]
            if one["error"] > 0
        ],
        "confused": [pair.document() for pair in confused_pairs(details.get("matrices", ()))],
        "by_property": [asdict(link) for link in _links(errors, properties)],
    }


def confused_pairs(matrices: Sequence[Mapping[str, Any]]) -> list[Confused]:
    """The commonest wrong cells of the matrices, by their share of the target class."""
    return sorted(_pairs(matrices), key=lambda pair: (-pair.share, -pair.count, pair.target, pair.prediction))[:PAIRS]


def _pairs(matrices: Sequence[Mapping[str, Any]]) -> Iterator[Confused]:
    for matrix in matrices:
        for row, (target, counts) in enumerate(zip(matrix["real"], matrix["counts"], strict=True)):
            for column, (prediction, count) in enumerate(zip(matrix["found"], counts, strict=True)):
                if count and row != column:
                    yield Confused(
                        matrix=matrix["title"],
                        target=target,
                        prediction=prediction,
                        count=int(count),
                        share=count / sum(counts),
                    )


def _links(errors: Sequence[Mapping[str, Any]], properties: Mapping[int, Properties]) -> Iterator[Link]:
    known = [(one["error"], asdict(properties[one["image"]])) for one in errors if one["image"] in properties]
    if len(known) < LEAST_IMAGES:
        return
    error_N = np.array([error for error, _ in known], dtype=np.float64)
    for name in known[0][1]:
        correlation = spearman(np.array([values[name] for _, values in known], dtype=np.float64), error_N)
        notable = correlation is not None and abs(correlation) * (len(known) - 1) ** 0.5 > NOTABLE
        yield Link(property=name, correlation=correlation, images=len(known), notable=notable)
