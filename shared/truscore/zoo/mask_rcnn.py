"""Mask R-CNN (He et al. 2017) as recipes ask for it, from torchvision's parts.

Legend: B images, C channels, H, W sides, R regions, K classes with the background as class 0.
"""

import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import fastrcnn_loss, maskrcnn_loss
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

from truscore.recipes.config import LossConfig, Recipe
from truscore.zoo.bases import BASES, Base
from truscore.zoo.detector_bodies import group_norm
from truscore.zoo.heads import box_head, mask_head
from truscore.zoo.losses import classification_loss
from truscore.zoo.pyramid import PyramidBackbone, freeze
from truscore.zoo.resize import AntialiasedTransform

Target = dict[str, Tensor]
Detections = dict[str, Tensor]

_BOX_SIDE = 7
_MASK_SIDE = 14


class BorderMaskRCNN(MaskRCNN):  # type: ignore[misc]
    """Gives losses while training and detections otherwise, as torchvision's does, with the recipe's loss."""

    loss_config: LossConfig

    def forward(
        self, images: list[Tensor], targets: list[Target] | None = None
    ) -> dict[str, Tensor] | list[Detections]:
        """``images`` are CHW, 0 to 1, of any size; targets have boxes (xyxy), labels (from 1) and masks (NHW)."""
        if self.training:
            return self.losses(images, targets or [])
        detections: list[Detections] = super().forward(images)
        return detections

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
        proposals, _ = self.rpn(batch, levels)
        detections, _ = self.roi_heads(levels, proposals, batch.image_sizes)
        return losses, self.transform.postprocess(detections, batch.image_sizes, sizes)

    def _losses(self, batch: ImageList, levels: dict[str, Tensor], targets: list[Target]) -> dict[str, Tensor]:
        proposals, proposal_losses = self.rpn(batch, levels, targets)
        roi = self.roi_heads
        proposals, matches, labels, regression = roi.select_training_samples(proposals, targets)
        regions = roi.box_head(roi.box_roi_pool(levels, proposals, batch.image_sizes))
        logits_RK, boxes_R4K = roi.box_predictor(regions)
        _, box_loss = fastrcnn_loss(logits_RK, boxes_R4K, labels, regression)
        real = [labels_R > 0 for labels_R in labels]
        mask_loss = self._mask_loss(
            batch,
            levels,
            proposals=[boxes_R4[keep] for boxes_R4, keep in zip(proposals, real, strict=True)],
            matched=[match_R[keep] for match_R, keep in zip(matches, real, strict=True)],
            targets=targets,
        )
        return {
            "classification": classification_loss(logits_RK, torch.cat(labels), self.loss_config),
            "objectness": proposal_losses["loss_objectness"],
            "box": box_loss,
            "proposal_box": proposal_losses["loss_rpn_box_reg"],
            "mask": mask_loss,
        }

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
        logits = roi.mask_predictor(roi.mask_head(roi.mask_roi_pool(levels, proposals, batch.image_sizes)))
        masks = [target["masks"] for target in targets]
        loss: Tensor = maskrcnn_loss(logits, proposals, masks, [target["labels"] for target in targets], matched)
        return loss


def build_mask_rcnn(recipe: Recipe, num_classes: int) -> BorderMaskRCNN:
    """``num_classes`` counts the real classes; the background is added. Weights are random."""
    base = BASES[recipe.architecture_config.base_architecture]
    custom = recipe.architecture_config.custom_modifications
    pretrained = recipe.architecture_config.pretrained_weights != "none"
    backbone = PyramidBackbone(
        base,
        pyramid=custom.feature_pyramid,
        # Detectors have small batches, whose statistics say little: published norms are kept as they are, and from
        # scratch there are none over the batch (Wu & He 2018, "Group Normalization", section 4.2).
        norm=FrozenBatchNorm2d if pretrained else group_norm,
    )
    if custom.backbone_freezing != "none":
        freeze(backbone.body, base.early if custom.backbone_freezing == "partial" else tuple(backbone.body))
    model = _assemble(recipe, base, backbone, num_classes + 1)
    model.loss_config = recipe.loss_config
    model.transform = AntialiasedTransform(
        recipe.image_size, recipe.image_size, model.transform.image_mean, model.transform.image_std
    )
    return model


def _assemble(recipe: Recipe, base: Base, backbone: PyramidBackbone, num_classes: int) -> BorderMaskRCNN:
    levels = [str(level) for level in range(len(base.stages))]
    channels, sizes, heads = base.pyramid_channels, base.heads, recipe.architecture_config.custom_modifications
    mask, mask_predictor = mask_head(
        heads.head_customization, channels=channels, layers=sizes.mask_channels, num_classes=num_classes
    )
    return BorderMaskRCNN(
        backbone,
        rpn_anchor_generator=_anchors(base, recipe.image_size),
        rpn_pre_nms_top_n_train=sizes.proposals_train,
        rpn_post_nms_top_n_train=sizes.proposals_train,
        rpn_pre_nms_top_n_test=sizes.proposals_test,
        rpn_post_nms_top_n_test=sizes.proposals_test,
        box_roi_pool=MultiScaleRoIAlign(levels, output_size=_BOX_SIDE, sampling_ratio=2),
        box_head=box_head(
            heads.head_customization,
            channels=channels,
            side=_BOX_SIDE,
            width=sizes.box_width,
            dropout=recipe.loss_config.regularization.dropout,
        ),
        box_predictor=FastRCNNPredictor(sizes.box_width, num_classes),
        box_batch_size_per_image=sizes.rois_per_image,
        box_detections_per_img=sizes.detections_per_image,
        mask_roi_pool=MultiScaleRoIAlign(levels, output_size=_MASK_SIDE, sampling_ratio=2),
        mask_head=mask,
        mask_predictor=mask_predictor,
    )


def _anchors(base: Base, image_size: int) -> AnchorGenerator:
    scale = image_size if base.anchors_scale else 1
    sizes = tuple(tuple(int(side * scale) for side in level) for level in base.anchors)
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
