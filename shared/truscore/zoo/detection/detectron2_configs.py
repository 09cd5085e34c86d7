"""The networks that Detectron2's Mask R-CNN is built on, as data: one row per ``base_architecture``."""

from dataclasses import replace
from types import MappingProxyType

from truscore.zoo.detection.configs import (
    BASES,
    CARD_ANCHORS,
    RESNET50_STAGES,
    SMALL_HEADS,
    STOCK_ANCHORS,
    STOCK_HEADS,
    Base,
)

# Stem and res2: MODEL.BACKBONE.FREEZE_AT is 2.
_EARLY = ("conv1", "bn1", "layer1")

DETECTRON2_BASES: MappingProxyType[str, Base] = MappingProxyType(
    {
        # MODEL.RESNETS.DEPTH 18, up to res4; narrow pyramid and heads.
        "detectron2_mask_rcnn_r18_fpn": replace(
            BASES["mask_rcnn_resnet18_fpn"], anchors=CARD_ANCHORS, heads=SMALL_HEADS
        ),
        "detectron2_mask_rcnn_r50_fpn": Base(
            body="resnet50_caffe",
            stages=RESNET50_STAGES,
            early=_EARLY,
            pyramid_channels=256,
            anchors=STOCK_ANCHORS,
            anchors_scale=False,
            heads=replace(
                STOCK_HEADS,
                proposals_train=1000,
                kept_before_suppression_train=2000,
            ),
        ),
    }
)
