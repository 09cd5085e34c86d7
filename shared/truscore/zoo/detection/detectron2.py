"""Mask R-CNN as Detectron2's model zoo trains it (Wu et al. 2019; its ``mask_rcnn_R_50_FPN`` configurations).

What differs from torchvision's: the body's strides and the input's colours are Caffe's, anchors keep their fractions,
regions are pooled half a pixel aside ("ROIAlignV2") with as many samples as they have pixels, boxes are regressed with
a plain L1 loss, and 1000 proposals go on from training, of 2000 a level.

Legend: B images, C channels, H, W sides, R regions, K classes with the background as class 0.
"""

from collections.abc import Mapping

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import roi_align
from torchvision.ops.poolers import _convert_to_roi_format, _onnx_merge_levels

from truscore.catalog.networks.configs import Detectron2Config, MaskRCNNConfig
from truscore.configuration.recipe import Recipe
from truscore.zoo.configs import config_of
from truscore.zoo.detection.detectron2_weights import as_ours, is_theirs
from truscore.zoo.detection.mask_rcnn import (
    BOX_SIDE,
    MASK_SIDE,
    BorderMaskRCNN,
    StridedRoIAlign,
    assemble,
    backbone_for,
)
from truscore.zoo.framing import DEVIATION_RGB
from truscore.zoo.resize import AntialiasedTransform

# MODEL.PIXEL_MEAN and PIXEL_STD, in the order blue, green, red, of values from 0 to 255.
PIXEL_MEAN_BGR = (103.530, 116.280, 123.675)


class CaffeTransform(AntialiasedTransform):
    """Blue first, and nothing but the mean taken off values from 0 to 255."""

    def __init__(self, image_size: int) -> None:
        mean = [value / 255 for value in PIXEL_MEAN_BGR]
        # A deviation of 1 / 255 undoes the division by 255: (x - m / 255) / (1 / 255) is 255 x - m.
        super().__init__(image_size, image_size, mean, [1 / 255] * 3)

    def normalize(self, image_CHW: Tensor) -> Tensor:
        # Red, green, blue to blue, green, red, as the first filters of the published body were trained.
        normalised: Tensor = super().normalize(image_CHW.flip(0))
        return normalised


class UnroundedAnchors(AnchorGenerator):  # type: ignore[misc]
    """Torchvision rounds the sides of its anchors; Detectron2 doesn't."""

    def generate_anchors(
        self,
        scales: list[float],
        aspect_ratios: list[float],
        dtype: torch.dtype = torch.float32,
        device: torch.device = torch.device("cpu"),  # noqa: B008
    ) -> Tensor:
        """[A, 4], one size after another and within it one shape (height to width) after another."""
        anchors = [
            [-side / shape**0.5 / 2, -side * shape**0.5 / 2, side / shape**0.5 / 2, side * shape**0.5 / 2]
            for side in scales
            for shape in aspect_ratios
        ]
        return torch.tensor(anchors, dtype=dtype, device=device)


class L1ProposalNetwork(RegionProposalNetwork):  # type: ignore[misc]
    """RPN with MODEL.RPN.SMOOTH_L1_BETA at 0."""

    def compute_loss(
        self, objectness: Tensor, pred_bbox_deltas: Tensor, labels: list[Tensor], regression_targets: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        # Sampled anchors: half real at most, 256 an image (MODEL.RPN.BATCH_SIZE_PER_IMAGE).
        positive, background = (torch.where(torch.cat(chosen))[0] for chosen in self.fg_bg_sampler(labels))
        sampled = torch.cat([positive, background])
        # Over all sampled anchors, not over the positive ones alone: as objectness is, so that both weigh alike.
        distance = nn.functional.l1_loss(
            pred_bbox_deltas[positive], torch.cat(regression_targets)[positive], reduction="sum"
        ) / len(sampled)
        wanted = torch.cat(labels)[sampled]
        return nn.functional.binary_cross_entropy_with_logits(objectness.flatten()[sampled], wanted), distance


class AlignedRoIAlign(StridedRoIAlign):
    """Regions half a pixel aside, so that they lie where the features do; as many samples as a region has pixels."""

    def __init__(self, strides: tuple[int, ...], side: int) -> None:
        super().__init__(strides, side, sampling_ratio=0)

    def forward(self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]) -> Tensor:
        features = [x[name] for name in self.featmap_names]
        # Image's index and xyxy.
        regions_R5 = _convert_to_roi_format(boxes)
        level_R = self.map_levels(boxes)
        places = [torch.where(level_R == level)[0] for level in range(len(features))]
        pooled = [
            roi_align(feature_BCHW, regions_R5[at], self.output_size, scale, self.sampling_ratio, aligned=True)
            for at, feature_BCHW, scale in zip(places, features, self.scales, strict=True)
        ]
        if torchvision._is_tracing():
            merged: Tensor = _onnx_merge_levels(level_R, pooled)
            return merged
        # Back from the order of the levels to the order of the regions.
        return torch.cat(pooled)[torch.cat(places).argsort()]


class Detectron2MaskRCNN(BorderMaskRCNN):
    """Losses, names and detections are those of the other Mask R-CNNs."""

    box_beta = 0.0  # MODEL.ROI_BOX_HEAD.SMOOTH_L1_BETA

    def published(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Detectron2's own checkpoints, and torchvision's bodies: the first convolution takes what is fed here."""
        if is_theirs(found):
            return as_ours(found)
        fed = dict(found)
        for name in ("conv1.weight", "backbone.body.conv1.weight"):
            if name in fed and fed[name].shape[1:2] == (3,):
                # Theirs takes red first, divided by its deviation; the means are the same.
                scale_C11 = torch.tensor(DEVIATION_RGB)[:, None, None] * 255
                fed[name] = (fed[name] / scale_C11).flip(1)
        return fed


def build_detectron2(recipe: Recipe, num_classes: int) -> Detectron2MaskRCNN:
    """``num_classes`` counts the classes of the dataset; the background is added. Weights are random."""
    base = config_of(recipe, Detectron2Config)
    model = assemble(
        Detectron2MaskRCNN,
        recipe,
        base,
        backbone_for(recipe, base),
        num_classes + 1,
        anchors=_anchors(base, recipe.image_size),
        poolers=(AlignedRoIAlign(base.strides, BOX_SIDE), AlignedRoIAlign(base.strides, MASK_SIDE)),
    )
    model.rpn = _proposals(model.rpn, base)
    model.transform = CaffeTransform(recipe.image_size)
    return model


def _proposals(stock: RegionProposalNetwork, base: MaskRCNNConfig) -> L1ProposalNetwork:
    heads = base.heads
    return L1ProposalNetwork(
        stock.anchor_generator,
        stock.head,
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        # Of Detectron2's defaults (config/defaults.py), as are the thresholds above.
        batch_size_per_image=256,
        positive_fraction=0.5,
        pre_nms_top_n={
            "training": heads.kept_before_suppression_train or heads.proposals_train,
            "testing": heads.kept_before_suppression_test or heads.proposals_test,
        },
        post_nms_top_n={"training": heads.proposals_train, "testing": heads.proposals_test},
        nms_thresh=0.7,
    )


def _anchors(base: MaskRCNNConfig, image_size: int) -> AnchorGenerator:
    scale = image_size if base.anchors_scale else 1
    sizes = tuple(tuple(side * scale for side in level) for level in base.anchors)
    return UnroundedAnchors(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
