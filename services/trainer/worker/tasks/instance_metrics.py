"""How instances are judged and reported on, with masks or with boxes alone; borders of cards also in pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from truscore.datasets import ImageRecord
from truscore.metrics.borders import Bordered, border_details, border_metrics, bordered
from truscore.metrics.detection import Judged, coco_metrics, kinds, precision_curves, without_masks
from truscore.metrics.evidence import Evidence
from truscore.metrics.matching import detection_evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceMeasures:
    """``records`` are those of the split that is judged; ``of_borders``: whether the instances are borders of cards."""

    class_names: tuple[str, ...]
    records: tuple[ImageRecord, ...]
    of_borders: bool

    def metrics(self, verdicts: Sequence[Judged]) -> dict[str, float]:
        """COCO's average precision; of borders also the errors of edges and centring.

        Those are taken from masks where there are any, and then from boxes too, as ``box_edge_error_px``: of an upright
        card a box knows the sides to a fraction of a pixel, of a turned one only a mask does.
        """
        metrics = coco_metrics(verdicts, self.class_names) | border_metrics(self._borders(verdicts))
        if not self.of_borders or "mask" not in kinds(verdicts):
            return metrics
        of_boxes = border_metrics(self._borders([without_masks(verdict) for verdict in verdicts]))
        return metrics | {f"box_{name}": value for name, value in of_boxes.items() if "error" in name}

    def evidence(self, verdicts: Sequence[Judged]) -> Evidence:
        """What was taken for what, and on which images."""
        return detection_evidence(verdicts, self.class_names)

    def details(self, verdicts: Sequence[Judged], evidence: Evidence) -> Mapping[str, Any]:
        """Plain values for the report."""
        curves = {
            kind: [asdict(curve) for curve in precision_curves(verdicts, self.class_names, kind)]
            for kind in kinds(verdicts)
        }
        plain = {"precision_at_overlap_50": curves, **evidence.to_plain()}
        if not self.of_borders:
            return plain
        paths = [record.path for record in self.records]
        return {**plain, "borders": border_details(self._borders(verdicts), self.class_names, paths)}

    def _borders(self, verdicts: Sequence[Judged]) -> list[Bordered]:
        return [bordered(verdict, self.records[verdict.image]) for verdict in verdicts] if self.of_borders else []
