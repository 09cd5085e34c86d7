"""Mask R-CNN in tensors of fixed size: the best proposals of each level, suppression by their overlaps, regions by
bilinear sampling.

Legend: P anchors, R proposals, K classes without the background, D detections, C channels, M side of a map.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import MultiScaleRoIAlign
from truscore.zoo.detection.detectron2 import AlignedRoIAlign

from services.exporter.child.static.boxes import best, clipped, decoded, large_enough, level_anchors
from services.exporter.child.static.canvas import Canvas, on_canvas
from services.exporter.child.static.padded_detections import PaddedDetections
from services.exporter.child.static.roi_align import Pooling, roi_align
from services.exporter.child.static.suppression import falling, kept

LEAST_SIDE_PX = 1e-2  # of a detection, as in torchvision's RoIHeads


@dataclass(frozen=True, kw_only=True, slots=True)
class _Proposals:
    """By falling score; where there are fewer than rows, the last are not valid."""

    boxes_R4: Tensor
    valid_R: Tensor


class StaticMaskRCNN(nn.Module):
    """From a picture on the canvas to its detections, in pixels of the canvas."""

    def __init__(self, detector: GeneralizedRCNN, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        self.backbone = on_canvas(detector.backbone, canvas)
        self.rpn_head = on_canvas(detector.rpn.head, canvas)
        self.rpn: RegionProposalNetwork = detector.rpn
        self.roi = detector.roi_heads

    def forward(self, image_CSS: Tensor, height: Tensor, width: Tensor) -> tuple[PaddedDetections, list[Tensor]]:
        """``height`` and ``width`` of the picture on the canvas; also the pyramid's maps, for masks."""
        self.canvas.hold(height, width)
        maps = list(self.backbone(image_CSS[None]).values())
        proposals = self._proposals(maps, height, width)
        return self._detect(maps, proposals, height, width), maps

    def masks(self, maps_1CMM: Sequence[Tensor], boxes_D4: Tensor, labels_D: Tensor) -> Tensor:
        """[D, 1, side, side] probabilities, of the boxes' labels."""
        regions = roi_align(pooling_of(self.roi.mask_roi_pool), maps_1CMM, self.canvas, boxes_D4)
        logits = self.roi.mask_predictor(self.roi.mask_head(regions))
        side = logits.shape[-1]
        own = labels_D[:, None, None, None].expand(-1, 1, side, side)
        masks: Tensor = logits.gather(1, own).sigmoid()
        return masks

    def _proposals(self, maps: Sequence[Tensor], height: Tensor, width: Tensor) -> _Proposals:
        objectness, deltas = self.rpn_head(list(maps))
        most = self.rpn.pre_nms_top_n()
        levels = []
        for scores_1AMM, deltas_1XMM, cell_A4 in zip(
            objectness, deltas, self.rpn.anchor_generator.cell_anchors, strict=True
        ):
            side, shapes = scores_1AMM.shape[-1], len(cell_A4)
            inside_P = self.canvas.region(side).inside_MM.reshape(-1, 1).expand(-1, shapes).reshape(-1) > 0.5
            top_K, at_K, valid_K = best(scores_1AMM[0].permute(1, 2, 0).reshape(-1), inside_P, most)
            deltas_P4 = deltas_1XMM[0].reshape(shapes, 4, side, side).permute(2, 3, 0, 1).reshape(-1, 4)
            anchors_P4 = level_anchors(self.canvas, cell_A4.to(torch.float32), side)
            boxes_K4 = clipped(decoded(self.rpn.box_coder, deltas_P4[at_K], anchors_P4[at_K]), height, width)
            valid_K = valid_K & large_enough(boxes_K4, self.rpn.min_size)
            levels.append(_padded(boxes_K4, top_K.sigmoid(), valid_K, most))
        boxes_LK4, scores_LK, valid_LK = (torch.stack(each) for each in zip(*levels, strict=True))
        # Each level by itself: proposals of different sizes leave each other alone.
        stays_LK = kept(boxes_LK4, valid_LK, self.rpn.nms_thresh)
        _, at_R, valid_R = best(scores_LK.reshape(-1), stays_LK.reshape(-1), self.rpn.post_nms_top_n())
        return _Proposals(boxes_R4=boxes_LK4.reshape(-1, 4)[at_R] * valid_R[:, None], valid_R=valid_R)

    def _detect(self, maps: Sequence[Tensor], proposals: _Proposals, height: Tensor, width: Tensor) -> PaddedDetections:
        roi = self.roi
        regions = roi_align(pooling_of(roi.box_roi_pool), maps, self.canvas, proposals.boxes_R4)
        logits_RX, deltas_R4X = roi.box_predictor(roi.box_head(regions))
        # X is K and the background, which is class 0.
        boxes_RX4 = decoded(roi.box_coder, deltas_R4X, proposals.boxes_R4).reshape(-1, logits_RX.shape[1], 4)
        boxes_KR4 = clipped(boxes_RX4[:, 1:], height, width).transpose(0, 1)
        scores_KR = logits_RX.softmax(dim=-1)[:, 1:].transpose(0, 1)
        valid_KR = (scores_KR > roi.score_thresh) & large_enough(boxes_KR4, LEAST_SIDE_PX) & proposals.valid_R
        scores_KR, order_KR = falling(torch.where(valid_KR, scores_KR, torch.zeros_like(scores_KR)), dim=1)
        boxes_KR4 = boxes_KR4.gather(1, order_KR[..., None].expand(-1, -1, 4))
        stays_KR = kept(boxes_KR4, valid_KR.gather(1, order_KR), roi.nms_thresh)
        labels_KR = torch.arange(1, logits_RX.shape[1])[:, None].expand_as(scores_KR)
        top_D, at_D, present_D = best(scores_KR.reshape(-1), stays_KR.reshape(-1), roi.detections_per_img)
        return PaddedDetections(
            boxes_D4=boxes_KR4.reshape(-1, 4)[at_D],
            labels_D=labels_KR.reshape(-1)[at_D],
            scores_D=torch.where(present_D, top_D, torch.zeros_like(top_D)),
            present_D=present_D,
        )


def pooling_of(pool: MultiScaleRoIAlign) -> Pooling:
    # Of a level regions are less than twice as long as the canonical one is at that level; of the coarsest any length.
    finer = [2 * pool.canonical_scale * 2.0 ** (-math.log2(scale) - pool.canonical_level) for scale in pool.scales[:-1]]
    return Pooling(
        scales=pool.scales,
        level_of=lambda boxes_R4: pool.map_levels([boxes_R4]),
        places=pool.output_size[0],
        samples=pool.sampling_ratio,
        aligned=isinstance(pool, AlignedRoIAlign),
        longest_sides=(*finer, math.inf),
    )


def _padded(boxes_K4: Tensor, scores_K: Tensor, valid_K: Tensor, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    missing = rows - boxes_K4.shape[0]
    pad = nn.functional.pad
    return pad(boxes_K4, (0, 0, 0, missing)), pad(scores_K, (0, missing)), pad(valid_K, (0, missing))
