"""Mask R-CNN (He et al. 2017) as recipes ask for it, from torchvision's parts.

Legend: B images, C channels, H, W sides, R regions, K classes with the background as class 0.
"""

import math
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import maskrcnn_loss
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign
from torchvision.ops.poolers import initLevelMapper

from truscore.catalog.networks.configs import DetectorConfig, MaskRCNNConfig
from truscore.configuration.recipe import LossConfig, Recipe
from truscore.zoo.configs import config_of
from truscore.zoo.detection.anchors import FittedAnchors
from truscore.zoo.detection.backbones import CHANNELS_LAST, group_norm
from truscore.zoo.detection.border_lines.refining import line_losses, refine, second_stage, with_coarse
from truscore.zoo.detection.border_lines.stage import BorderLines
from truscore.zoo.detection.heads import box_head, mask_head
from truscore.zoo.detection.pyramid import PyramidBackbone, freeze
from truscore.zoo.losses.detection import classification_loss
from truscore.zoo.published_backbones import body_of_nanodet
from truscore.zoo.resize import AntialiasedTransform

Target = dict[str, Tensor]
Detections = dict[str, Tensor]

BOX_SIDE = 7
MASK_SIDE = 14
Network = TypeVar("Network", bound="BorderMaskRCNN")


class StridedRoIAlign(MultiScaleRoIAlign):  # type: ignore[misc]
    """RoI align over the levels of a pyramid with these strides, each region from the level of its size (Lin et al.
    2017, equation 1)."""

    def __init__(self, strides: tuple[int, ...], side: int, sampling_ratio: int) -> None:
        super().__init__([str(level) for level in range(len(strides))], side, sampling_ratio)
        # Torchvision takes the scales from the first batch it sees and keeps them: map's height by image's, rounded to
        # a power of two. Maps are padded to whole strides of 32, images are not: where the first image is less than
        # some 45 pixels high it is off by a factor of two, for all images that follow and in the file that is exported.
        self.scales = [1 / stride for stride in strides]
        self.map_levels = initLevelMapper(
            int(math.log2(strides[0])), int(math.log2(strides[-1])), self.canonical_scale, self.canonical_level
        )


class BorderMaskRCNN(MaskRCNN):  # type: ignore[misc]
    """Gives losses while training and detections otherwise, as torchvision's does, with the recipe's loss."""

    loss_config: LossConfig
    border_lines: BorderLines | None  # set by the builder: a default of the class would hide the module
    box_beta = 1 / 9  # where the smooth L1 loss of boxes becomes straight

    def forward(
        self, images: list[Tensor], targets: list[Target] | None = None
    ) -> dict[str, Tensor] | list[Detections]:
        """``images`` are CHW, 0 to 1, of any size; targets have boxes (xyxy), labels (from 1) and masks (NHW)."""
        if self.training:
            return self.losses(images, targets or [])
        if self.border_lines is None:
            plain: list[Detections] = super().forward(images)
            return plain
        batch, _ = self.transform(images)
        levels = self.backbone(batch.tensors)
        detections = self._detect(batch, levels, [(image.shape[-2], image.shape[-1]) for image in images])
        return [
            found | refine(self.border_lines, image, found) for image, found in zip(images, detections, strict=True)
        ]

    def published(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Torchvision's networks and bodies as they are, and bodies of NanoDet. See ``load_pretrained``."""
        return body_of_nanodet(found)

    def losses(self, images: list[Tensor], targets: list[Target]) -> dict[str, Tensor]:
        """Parts of the loss by name, unweighted: classification, objectness, box, proposal_box, mask."""
        batch, targets = self.transform(images, targets)
        return self._losses(batch, self.backbone(batch.tensors), targets)

    def losses_and_detections(
        self, images: list[Tensor], targets: list[Target]
    ) -> tuple[dict[str, Tensor], list[Detections]]:
        """Both for validation at the price of one pass through the backbone. The model has to be in eval mode."""
        sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        batch, targets = self.transform(images, targets)
        levels = self.backbone(batch.tensors)
        # Only these two modules ask "training?" to choose their output; norms and dropout below them stay in eval.
        self.rpn.training = self.roi_heads.training = True
        try:
            losses = self._losses(batch, levels, targets)
        finally:
            self.rpn.training = self.roi_heads.training = False
        return losses, self._detect(batch, levels, sizes)

    def _detect(self, batch: ImageList, levels: dict[str, Tensor], sizes: list[tuple[int, int]]) -> list[Detections]:
        """In pixels of images of these heights and widths."""
        proposals, _ = self.rpn(batch, levels)
        detections, _ = self.roi_heads(levels, proposals, batch.image_sizes)
        # Before they are pasted: the angle of a border is read from the head's own 28 pixels a side.
        masks = [found["masks"] for found in detections]
        placed: list[Detections] = self.transform.postprocess(detections, batch.image_sizes, sizes)
        if self.border_lines is not None:
            with_coarse(placed, masks)
        return placed

    def _losses(self, batch: ImageList, levels: dict[str, Tensor], targets: list[Target]) -> dict[str, Tensor]:
        # First stage: P anchors to the proposals that look most like anything, with objectness and box losses.
        proposals, proposal_losses = self.rpn(batch, levels, targets)
        roi = self.roi_heads
        # A fixed number for each image, at most a quarter of them positive: background would drown the rest (Girshick
        # 2015, section 2.3).
        proposals, matches, labels, regression = roi.select_training_samples(proposals, targets)
        regions = roi.box_head(roi.box_roi_pool(levels, proposals, batch.image_sizes))
        # [R, K] and [R, 4 K]: a box for each class; that of the target's class is trained.
        logits_RK, boxes_R4K = roi.box_predictor(regions)
        # Masks are learned on regions that show something alone (He et al. 2017, section 3).
        positive = [labels_R > 0 for labels_R in labels]
        mask_loss = self._mask_loss(
            batch,
            levels,
            proposals=[boxes_R4[keep] for boxes_R4, keep in zip(proposals, positive, strict=True)],
            matched=[match_R[keep] for match_R, keep in zip(matches, positive, strict=True)],
            targets=targets,
        )
        return {
            "classification": classification_loss(logits_RK, torch.cat(labels), self.loss_config),
            "objectness": proposal_losses["loss_objectness"],
            "box": self._box_loss(boxes_R4K, labels, regression),
            "proposal_box": proposal_losses["loss_rpn_box_reg"],
            "mask": mask_loss,
            **line_losses(self.border_lines, targets),
        }

    def _box_loss(self, boxes_R4K: Tensor, labels: list[Tensor], regression: list[Tensor]) -> Tensor:
        """Of the regions that show something, over all regions (Girshick 2015, "Fast R-CNN", equation 2)."""
        labels_R, wanted_R4 = torch.cat(labels), torch.cat(regression)
        positive_F = torch.where(labels_R > 0)[0]
        # [F, 4]: of each region the box of its target's class; boxes of other classes get no gradient.
        predicted_F4 = boxes_R4K.reshape(len(labels_R), -1, 4)[positive_F, labels_R[positive_F]]
        distance = nn.functional.smooth_l1_loss(
            predicted_F4, wanted_R4[positive_F], beta=self.box_beta, reduction="sum"
        )
        return distance / len(labels_R)

    def _mask_loss(
        self,
        batch: ImageList,
        levels: dict[str, Tensor],
        *,
        proposals: list[Tensor],
        matched: list[Tensor],
        targets: list[Target],
    ) -> Tensor:
        """``proposals`` are those that show something real, ``matched`` the index of the instance each one shows."""
        roi = self.roi_heads
        # [F, K, 28, 28], or 56: a mask for each class, of which that of the target's class is trained, so that classes
        # don't compete for a pixel (He et al. 2017, section 3).
        logits = roi.mask_predictor(roi.mask_head(roi.mask_roi_pool(levels, proposals, batch.image_sizes)))
        masks = [target["masks"] for target in targets]
        loss: Tensor = maskrcnn_loss(logits, proposals, masks, [target["labels"] for target in targets], matched)
        return loss


def build_mask_rcnn(recipe: Recipe, num_classes: int) -> BorderMaskRCNN:
    """``num_classes`` counts the classes of the dataset; the background is added. Weights are random."""
    base = config_of(recipe, MaskRCNNConfig)
    model = assemble(
        BorderMaskRCNN,
        recipe,
        base,
        backbone_for(recipe, base),
        num_classes + 1,
        anchors=_anchors(base, recipe.image_size),
        poolers=(StridedRoIAlign(base.strides, BOX_SIDE, 2), StridedRoIAlign(base.strides, MASK_SIDE, 2)),
    )
    model.transform = AntialiasedTransform(
        recipe.image_size,
        recipe.image_size,
        list(base.normalisation.mean_rgb),
        list(base.normalisation.deviation_rgb),
        # Swin's windows are laid and shifted by the size of its input, which no graph can follow: it gets squares.
        size_divisible=-(-recipe.image_size // 32) * 32 if base.backbone in CHANNELS_LAST else 32,
    )
    return model


def backbone_for(recipe: Recipe, base: DetectorConfig) -> PyramidBackbone:
    """Detectors have small batches, whose statistics say little: published norms are kept as they are, and from
    scratch there are none over the batch (Wu & He 2018, "Group Normalization", section 4.2)."""
    custom = recipe.architecture_config.custom_modifications
    norm = FrozenBatchNorm2d if starts_published(recipe) else group_norm
    backbone = PyramidBackbone(base, pyramid=custom.feature_pyramid, norm=norm)
    if custom.backbone_freezing != "none":
        freeze(backbone.body, base.early if custom.backbone_freezing == "partial" else tuple(backbone.body))
    return backbone


def starts_published(recipe: Recipe) -> bool:
    return recipe.architecture_config.pretrained_weights != "none"


def assemble(
    kind: type[Network],
    recipe: Recipe,
    base: MaskRCNNConfig,
    backbone: PyramidBackbone,
    num_classes: int,
    *,
    anchors: AnchorGenerator,
    poolers: tuple[StridedRoIAlign, StridedRoIAlign],
) -> Network:
    """``num_classes`` with the background; ``poolers`` of the box head and of the mask head."""
    channels, sizes = base.pyramid_channels, base.heads
    stage = second_stage(recipe, num_classes - 1)
    # Of borders the head made for cards is the second stage: finer masks place them no better.
    heads = recipe.architecture_config.custom_modifications.head_customization if stage is None else "standard"
    mask, mask_predictor = mask_head(heads, channels=channels, layers=sizes.mask_channels, num_classes=num_classes)
    model = kind(
        backbone,
        rpn_anchor_generator=anchors,
        rpn_pre_nms_top_n_train=sizes.proposals_train,
        rpn_post_nms_top_n_train=sizes.proposals_train,
        rpn_pre_nms_top_n_test=sizes.proposals_test,
        rpn_post_nms_top_n_test=sizes.proposals_test,
        box_roi_pool=poolers[0],
        box_head=box_head(
            heads,
            channels=channels,
            side=BOX_SIDE,
            width=sizes.box_width,
            dropout=recipe.loss_config.regularization.dropout,
        ),
        box_predictor=FastRCNNPredictor(sizes.box_width, num_classes),
        box_batch_size_per_image=sizes.rois_per_image,
        box_detections_per_img=sizes.detections_per_image,
        mask_roi_pool=poolers[1],
        mask_head=mask,
        mask_predictor=mask_predictor,
    )
    # An attribute, not an argument: torchvision's constructor refuses what it does not know.
    model.loss_config = recipe.loss_config
    model.border_lines = stage
    return model


def _anchors(base: MaskRCNNConfig, image_size: int) -> AnchorGenerator:
    # Fractions of the image, for networks that see every card at one size; pixels for published weights.
    scale = image_size if base.anchors_scale else 1
    sizes = tuple(tuple(int(side * scale) for side in level) for level in base.anchors)
    if base.fitted_ratios:
        return FittedAnchors(sizes, base.fitted_ratios)
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
