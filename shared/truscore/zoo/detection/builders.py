"""Builders of the networks that find instances."""

from collections.abc import Callable, Mapping

from torch import nn

from truscore.recipes.config import Recipe
from truscore.zoo.detection.configs import BASES
from truscore.zoo.detection.dense_configs import RETINA_BASES, YOLOX_BASES
from truscore.zoo.detection.detectron2 import build_detectron2
from truscore.zoo.detection.detectron2_configs import DETECTRON2_BASES
from truscore.zoo.detection.mask_rcnn import build_mask_rcnn
from truscore.zoo.detection.retinanet import build_retinanet
from truscore.zoo.detection.yolox import build_yolox

BUILDERS: Mapping[str, Callable[[Recipe, int], nn.Module]] = {
    **dict.fromkeys(BASES, build_mask_rcnn),
    **dict.fromkeys(DETECTRON2_BASES, build_detectron2),
    **dict.fromkeys(RETINA_BASES, build_retinanet),
    **dict.fromkeys(YOLOX_BASES, build_yolox),
}
