"""Detectors that look at every place once, in tensors of fixed size.

Legend: P places or anchors, K classes, C candidates, D detections, M side of a map.
"""

import torch
from torch import Tensor, nn
from truscore.zoo.detection.retinanet import CardRetinaNet
from truscore.zoo.detection.yolox import LEAST_SCORE, MOST_SUPPRESSED, OVERLAP_SUPPRESSED, CardYolox

from services.exporter.child.static.boxes import best, clipped, decoded, level_anchors
from services.exporter.child.static.canvas import Canvas, on_canvas
from services.exporter.child.static.padded_detections import PaddedDetections
from services.exporter.child.static.suppression import falling, kept


class StaticRetinaNet(nn.Module):
    """From a picture on the canvas to its detections, in pixels of the canvas."""

    def __init__(self, detector: CardRetinaNet, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        self.detector: CardRetinaNet = on_canvas(detector, canvas)  # type: ignore[assignment]
        self.threshold: float = detector.nms_thresh  # type: ignore[assignment]
        self.most: int = detector.detections_per_img  # type: ignore[assignment]
        self.most_of_level: int = detector.topk_candidates  # type: ignore[assignment]

    def forward(self, image_CSS: Tensor, height: Tensor, width: Tensor) -> tuple[PaddedDetections, list[Tensor]]:
        """``height`` and ``width`` of the picture on the canvas; also the pyramid's maps."""
        self.canvas.hold(height, width)
        maps = list(self.detector.backbone(image_CSS[None]).values())
        candidates = [self._candidates(level, number, height, width) for number, level in enumerate(maps)]
        boxes_C4, labels_C, scores_C = (torch.cat(each) for each in zip(*candidates, strict=True))
        return _suppressed(boxes_C4, labels_C, scores_C, self.threshold, most=self.most), maps

    def _candidates(
        self, level_1CMM: Tensor, number: int, height: Tensor, width: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The best of one level, with score 0 where there are fewer."""
        outputs = self.detector.head([level_1CMM])
        scores_PK = outputs["cls_logits"][0].sigmoid()
        cell_A4 = self.detector.anchor_generator.cell_anchors[number].to(torch.float32)
        side = level_1CMM.shape[-1]
        inside_P1 = self.canvas.region(side).inside_MM.reshape(-1, 1).expand(-1, len(cell_A4)).reshape(-1, 1) > 0.5
        sure_PK = inside_P1 & (scores_PK > self.detector.score_thresh)
        top_C, at_C, valid_C = best(scores_PK.reshape(-1), sure_PK.reshape(-1), self.most_of_level)
        place_C = at_C // scores_PK.shape[1]
        anchors_P4 = level_anchors(self.canvas, cell_A4, side)
        boxes_C4 = decoded(self.detector.box_coder, outputs["bbox_regression"][0][place_C], anchors_P4[place_C])
        scores_C = torch.where(valid_C, top_C, torch.zeros_like(top_C))
        return clipped(boxes_C4, height, width), at_C % scores_PK.shape[1], scores_C


class StaticYolox(nn.Module):
    """From a picture on the canvas to its detections, in pixels of the canvas."""

    def __init__(self, detector: CardYolox, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        self.detector: CardYolox = on_canvas(detector, canvas)  # type: ignore[assignment]

    def forward(self, image_CSS: Tensor, height: Tensor, width: Tensor) -> tuple[PaddedDetections, list[Tensor]]:
        """``height`` and ``width`` of the picture on the canvas; also the pyramid's maps."""
        self.canvas.hold(height, width)
        levels = self.detector.backbone(image_CSS[None])
        seen = self.detector.look(None, levels)
        inside_P = torch.cat([self.canvas.region(level.shape[-1]).inside_MM.reshape(-1) for level in levels.values()])
        scores_PK = seen.objectness_BP[0, :, None].sigmoid() * seen.logits_BPK[0].sigmoid()
        sure_PK = (inside_P[:, None] > 0.5) & (scores_PK > LEAST_SCORE)
        top_C, at_C, valid_C = best(scores_PK.reshape(-1), sure_PK.reshape(-1), MOST_SUPPRESSED)
        boxes_C4 = clipped(seen.boxes_BP4[0][at_C // scores_PK.shape[1]], height, width)
        scores_C = torch.where(valid_C, top_C, torch.zeros_like(top_C))
        found = _suppressed(
            boxes_C4, at_C % scores_PK.shape[1], scores_C, OVERLAP_SUPPRESSED, most=self.detector.detections_per_image
        )
        return found, list(levels.values())


def _suppressed(
    boxes_C4: Tensor, labels_C: Tensor, scores_C: Tensor, threshold: float, *, most: int
) -> PaddedDetections:
    """Candidates of score 0 are none; labels count from 0."""
    scores_C, order_C = falling(scores_C)
    boxes_C4, labels_C = boxes_C4[order_C], labels_C[order_C]
    stays_C = kept(boxes_C4[None], scores_C[None] > 0, threshold, labels_C[None])[0]
    top_D, at_D, present_D = best(scores_C, stays_C, most)
    return PaddedDetections(
        boxes_D4=boxes_C4[at_D],
        labels_D=labels_C[at_D] + 1,
        scores_D=torch.where(present_D, top_D, torch.zeros_like(top_D)),
        present_D=present_D,
    )
