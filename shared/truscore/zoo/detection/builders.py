"""Builders of the networks that find instances."""

from collections.abc import Callable, Mapping

from torch import nn

from truscore.catalog.networks.configs import (
    Detectron2Config,
    MaskRCNNConfig,
    NetworkConfig,
    RetinaNetConfig,
    YOLOXConfig,
)
from truscore.configuration.recipe import Recipe
from truscore.zoo.detection.detectron2 import build_detectron2
from truscore.zoo.detection.mask_rcnn import build_mask_rcnn
from truscore.zoo.detection.retinanet import build_retinanet
from truscore.zoo.detection.yolox import build_yolox

BUILDERS: Mapping[type[NetworkConfig], Callable[[Recipe, int], nn.Module]] = {
    MaskRCNNConfig: build_mask_rcnn,
    Detectron2Config: build_detectron2,
    RetinaNetConfig: build_retinanet,
    YOLOXConfig: build_yolox,
}
