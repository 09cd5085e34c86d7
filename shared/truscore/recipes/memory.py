"""How much memory training takes, estimated without building anything.

    bytes = 16 · parameters + images · pixels · a

16 bytes a weight: itself, its gradient and AdamW's two moments, in float32 (half precision casts on the fly and keeps
these). ``a`` is what one pixel of the network's input keeps for the gradient: measured for every network by
``python -m tests.bench.activation_memory``, in float32, so that half precision leaves room to spare.
"""

from collections.abc import Mapping
from types import MappingProxyType

from truscore.catalog.table import network_of

BYTES_PER_WEIGHT = 16
# Recomputing keeps the inputs of the stages and one stage's inside (Chen et al. 2016); heads and pyramid keep theirs.
RECOMPUTED_SHARE = 0.5
# Of what is free: the rest is the driver's, the allocator's, and the images waiting.
GPU_SHARE = 0.8
CPU_SHARE = 0.5

ACTIVATION_BYTES_PER_PIXEL: Mapping[str, int] = MappingProxyType(
    {
        "mask_rcnn_mobilenet_v3_large_fpn": 939,
        "mask_rcnn_mobilenet_v3_small_fpn": 377,
        "mask_rcnn_resnet50_fpn": 2_018,
        "mask_rcnn_resnet18_fpn": 530,
        "mask_rcnn_swin_mini_fpn": 827,
        "mask_rcnn_swin_t_fpn": 2_614,
        "mask_rcnn_convnext_mini_fpn": 553,
        "mask_rcnn_convnext_tiny_fpn": 2_530,
        "retinanet_mobilenet_v3_small_fpn": 428,
        "retinanet_resnet50_fpn": 2_110,
        "yolox_shufflenet_v2_x0_5_pan": 305,
        "yolox_shufflenet_v2_x1_0_pan": 537,
        "yolox_resnet50_pan": 2_080,
        "detectron2_mask_rcnn_r18_fpn": 530,
        "detectron2_mask_rcnn_r50_fpn": 1_990,
        "u_net_shufflenet_v2": 1_001,
        "u_net_resnet34": 1_478,
        "deeplabv3_mobilenet_v3_small": 477,
        "deeplabv3_resnet50": 4_061,
        "sam_vit_tiny": 870,
        "resnet10_slim": 235,
        "resnet18": 442,
        "resnet50": 1_712,
        "vit_compact": 392,
        "vit_tiny_patch16": 595,
        "vit_b_16": 2_343,
        "efficientnet_v2_slim": 319,
        "efficientnet_b0": 1_758,
        "efficientnet_v2_s": 3_067,
        "shufflenet_v2_x1_0": 396,
        "densenet_slim": 352,
        "densenet121": 2_598,
        "statistics_cnn": 449,
        "statistics_cnn_wide": 1_089,
        "pyramid_resnet10_slim": 267,
        "pyramid_resnet50": 1_840,
        "multi_head_resnet10_slim": 235,
        "multi_head_resnet18": 442,
        "multi_head_resnet50": 1_712,
        "attention_resnet10_slim": 237,
        "attention_resnet18": 446,
        "attention_resnet50": 1_728,
        "sam_vit_base": 4_580,
    }
)


def weights_bytes(base: str) -> int:
    """Of a network's weights while it is trained, with their gradients and moments."""
    return BYTES_PER_WEIGHT * network_of(base).parameters


def image_bytes(base: str, image_size: int, *, recomputed: bool = False) -> int:
    """Of one image of ``image_size`` x ``image_size`` pixels between the passes forward and back.

    A network that nobody measured counts as the hungriest that was.
    """
    per_pixel = ACTIVATION_BYTES_PER_PIXEL.get(base, max(ACTIVATION_BYTES_PER_PIXEL.values()))
    return round(per_pixel * image_size**2 * (RECOMPUTED_SHARE if recomputed else 1.0))


def batch_that_fits(base: str, image_size: int, budget_bytes: int, *, recomputed: bool = False) -> int:
    """Images of a batch within ``budget_bytes``; 0 where not even one fits."""
    return max(0, (budget_bytes - weights_bytes(base)) // image_bytes(base, image_size, recomputed=recomputed))
