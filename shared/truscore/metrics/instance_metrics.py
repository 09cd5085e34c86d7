"""How instances are evaluated and reported on, with masks or with boxes alone; borders of cards also in pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from truscore.datasets import ImageRecord
from truscore.metrics.average_precision import average_precision_measure
from truscore.metrics.borders import (
    BorderErrors,
    Fallbacks,
    average_borders,
    border_details,
    border_measure,
    border_metrics,
    measure_borders,
)
from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.detection import (
    ImageDetections,
    by_lines,
    class_agnostic_metrics,
    coco_metrics,
    kinds,
    precision_curves,
    without_lines,
    without_masks,
)
from truscore.metrics.diagnostics import Diagnostics
from truscore.metrics.matching import detection_diagnostics
from truscore.metrics.trivial import average_border, average_instance


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceMetrics:
    """``records`` are those of the evaluated split, ``training`` those that are trained on; ``of_borders``: whether the
    instances are borders of cards."""

    class_names: tuple[str, ...]
    records: tuple[ImageRecord, ...]
    of_borders: bool
    training: tuple[ImageRecord, ...] = ()
    _fallbacks: Fallbacks = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_fallbacks", average_borders(self.training) if self.of_borders else {})

    def metrics(self, image_results: Sequence[ImageDetections]) -> dict[str, float]:
        """COCO's average precision, of defects also without their classes; of borders also the errors of edges and
        centring.

        Those without a prefix are of the corners that the model answers with: of a border's lines, else of its mask,
        else of its box. Where there is a finer answer, ``line_edge_error_px`` and its like are of borders with lines
        alone, ``mask_…`` of masks and ``box_…`` of boxes: they are never mixed.
        """
        metrics = coco_metrics(image_results, self.class_names)
        if not self.of_borders:
            return metrics | class_agnostic_metrics(image_results, self.class_names)
        metrics |= border_metrics(self._borders(image_results))
        masked = "mask" in kinds(image_results)
        lined = any(one.lines_42 is not None for image in image_results for one in image.prediction)
        variants = {
            "line": by_lines if lined else None,
            "mask": without_lines if lined and masked else None,
            "box": without_masks if lined or masked else None,
        }
        for name, variant in variants.items():
            if variant is not None:
                of_variant = border_metrics(self._borders([variant(image) for image in image_results]))
                metrics |= {f"{name}_{metric}": value for metric, value in of_variant.items() if "error" in metric}
        return metrics

    def measure(self, image_results: Sequence[ImageDetections]) -> Measure:
        """Of borders their errors, of other instances the average precision: summing it again takes longer."""
        if self.of_borders:
            return border_measure(self._borders(image_results))
        return average_precision_measure(image_results, self.class_names)

    def trivial(self, image_results: Sequence[ImageDetections]) -> dict[str, list[ImageDetections]]:
        """The same answer for every image: the average border, or an instance of each class at its average place."""
        if self.of_borders:
            return {"average_border": average_border(image_results, self.training)}
        return {"average_instance": average_instance(image_results, self.training)}

    def diagnostics(self, image_results: Sequence[ImageDetections]) -> Diagnostics:
        """What was taken for what, and on which images."""
        return detection_diagnostics(image_results, self.class_names)

    def details(self, image_results: Sequence[ImageDetections], diagnostics: Diagnostics) -> Mapping[str, Any]:
        """Plain values for the report."""
        curves = {
            kind: [asdict(curve) for curve in precision_curves(image_results, self.class_names, kind)]
            for kind in kinds(image_results)
        }
        plain = {"precision_at_overlap_50": curves, **diagnostics.to_plain()}
        if not self.of_borders:
            return plain
        paths = [record.path for record in self.records]
        return {**plain, "borders": border_details(self._borders(image_results), self.class_names, paths)}

    def _borders(self, image_results: Sequence[ImageDetections]) -> list[BorderErrors]:
        return (
            [
                measure_borders(image_result, self.records[image_result.image], self._fallbacks)
                for image_result in image_results
            ]
            if self.of_borders
            else []
        )
