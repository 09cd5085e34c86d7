"""Networks that find instances."""

from dataclasses import replace
from typing import Any

from truscore.catalog.networks.configs import (
    OF_LITE,
    DetectorConfig,
    Detectron2Config,
    HeadSizes,
    MaskRCNNConfig,
    RetinaNetConfig,
    Stages,
    YOLOXConfig,
)
from truscore.catalog.networks.network import IMAGENET_OF_LITE0, Network, PublishedWeights, imagenet

_SMALL_HEADS = HeadSizes(
    box_width=128,
    mask_channels=(32, 32),
    proposals_train=200,
    proposals_test=100,
    rois_per_image=64,
    detections_per_image=50,
)
_STOCK_HEADS = HeadSizes(
    box_width=1024,
    mask_channels=(256, 256, 256, 256),
    proposals_train=2000,
    proposals_test=1000,
    rois_per_image=512,
    detections_per_image=100,
)
# Strides 8, 16, 32 and a pooled 64: from a fruit at an eighth of the image to a card that fills it.
_CARD_ANCHORS = ((0.06, 0.1, 0.15), (0.2, 0.28, 0.38), (0.5, 0.65, 0.8), (0.95, 1.1, 1.3))
# Strides 4, 8, 16 and a pooled 32: from a dent of a few pixels to a crease across the image.
_DEFECT_ANCHORS = ((0.04, 0.07), (0.11, 0.16), (0.24, 0.36), (0.54, 0.8))
_STOCK_ANCHORS = ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,))

_RESNET18_STAGES = (("layer1", 64), ("layer2", 128), ("layer3", 256), ("layer4", 512))
_RESNET50_STAGES = (("layer1", 256), ("layer2", 512), ("layer3", 1024), ("layer4", 2048))


def _small(backbone: str, stages: Stages, early: tuple[str, ...], *, defects: bool = False) -> MaskRCNNConfig:
    return MaskRCNNConfig(
        backbone=backbone,
        stages=stages,
        early=early,
        pyramid_channels=64,
        finest_stride=4 if defects else 8,
        anchors=_DEFECT_ANCHORS if defects else _CARD_ANCHORS,
        anchors_scale=True,
        heads=_SMALL_HEADS,
        # Cards have one shape; damage has that of its kind.
        fitted_ratios=5 if defects else 0,
    )


def _full(backbone: str, stages: Stages, early: tuple[str, ...]) -> MaskRCNNConfig:
    return MaskRCNNConfig(
        backbone=backbone,
        stages=stages,
        early=early,
        pyramid_channels=256,
        finest_stride=4,
        anchors=_STOCK_ANCHORS,
        anchors_scale=False,
        heads=_STOCK_HEADS,
    )


def _detector(*, config: DetectorConfig, **row: Any) -> Network:
    """What the rows below have in common: BSD code, a pyramid and a head to choose: of borders all have the second
    stage, of other instances those that find masks have finer ones."""
    return Network(config=config, licence="BSD-3-Clause", pyramid=True, head=True, **row)


# Three sizes an octave (Lin et al. 2017, section 4).
_OCTAVES = tuple(tuple(float(int(side * 2 ** (third / 3))) for third in range(3)) for side in (32, 64, 128, 256, 512))
# Of Detectron2, stem and res2: MODEL.BACKBONE.FREEZE_AT is 2.
_RESNET_EARLY = ("conv1", "bn1", "layer1")
_SHUFFLENET_EARLY = ("conv1", "stage2")
_LITE_EARLY = ("0", "1", "2", "3")

NETWORKS: tuple[Network, ...] = (
    _detector(
        name="mask_rcnn_mobilenet_v3_large_fpn",
        implementation="torchvision: MaskRCNN on mobilenet_v3_large, small heads",
        parameters=3_439_151,
        image_size=160,
        activation_bytes_per_pixel=939,
        config=_small("mobilenet_v3_large", (("6", 40), ("12", 112), ("15", 160)), ("0", "1", "2", "3", "4", "5", "6")),
    ),
    _detector(
        name="mask_rcnn_mobilenet_v3_small_fpn",
        implementation="torchvision: MaskRCNN on mobilenet_v3_small, small heads",
        parameters=1_484_063,
        image_size=160,
        activation_bytes_per_pixel=377,
        config=_small("mobilenet_v3_small", (("3", 24), ("8", 48), ("11", 96)), ("0", "1", "2", "3")),
    ),
    _detector(
        name="mask_rcnn_resnet50_fpn",
        implementation="torchvision: maskrcnn_resnet50_fpn",
        parameters=43_980_897,
        image_size=800,
        weights=(PublishedWeights(name="coco", torchvision="MaskRCNN_ResNet50_FPN_Weights.COCO_V1"),),
        activation_bytes_per_pixel=2_018,
        config=_full("resnet50", _RESNET50_STAGES, _RESNET_EARLY),
    ),
    _detector(
        name="mask_rcnn_resnet18_fpn",
        implementation="torchvision: MaskRCNN on three stages of resnet18, small heads",
        parameters=3_414_532,
        image_size=160,
        weights=(imagenet("ResNet18"),),
        activation_bytes_per_pixel=530,
        config=_small("resnet18", _RESNET18_STAGES[:3], _RESNET_EARLY, defects=True),
    ),
    _detector(
        name="mask_rcnn_shufflenet_v2_fpn",
        implementation="torchvision: MaskRCNN on three stages of shufflenet_v2_x1_0, small heads",
        parameters=1_431_139,
        image_size=320,
        weights=(
            imagenet("ShuffleNet_V2_X1_0"),
            PublishedWeights(name="nanodet"),
        ),
        config=_small("shufflenet_v2_x1_0", (("stage2", 116), ("stage3", 232), ("stage4", 464)), _SHUFFLENET_EARLY),
    ),
    _detector(
        name="mask_rcnn_shufflenet_v2_fine_fpn",
        implementation="torchvision: MaskRCNN on the finest three maps of shufflenet_v2_x1_0, small heads",
        parameters=901_952,
        image_size=320,
        weights=(
            imagenet("ShuffleNet_V2_X1_0"),
            PublishedWeights(name="nanodet"),
        ),
        config=_small(
            "shufflenet_v2_x1_0", (("maxpool", 24), ("stage2", 116), ("stage3", 232)), _SHUFFLENET_EARLY, defects=True
        ),
    ),
    _detector(
        name="mask_rcnn_efficientnet_lite0_fpn",
        implementation="torchvision: MaskRCNN on three stages of EfficientNet-Lite0 (ours), small heads",
        parameters=3_591_807,
        image_size=320,
        weights=(IMAGENET_OF_LITE0,),
        activation_bytes_per_pixel=1_601,
        config=replace(
            _small("efficientnet_lite0", (("3", 40), ("5", 112), ("7", 320)), _LITE_EARLY), normalisation=OF_LITE
        ),
    ),
    _detector(
        name="mask_rcnn_efficientnet_lite0_fine_fpn",
        implementation="torchvision: MaskRCNN on the finest three maps of EfficientNet-Lite0 (ours), small heads",
        parameters=1_315_108,
        image_size=320,
        weights=(IMAGENET_OF_LITE0,),
        activation_bytes_per_pixel=1_489,
        config=replace(
            _small("efficientnet_lite0", (("2", 24), ("3", 40), ("5", 112)), _LITE_EARLY, defects=True),
            normalisation=OF_LITE,
        ),
    ),
    _detector(
        name="mask_rcnn_swin_mini_fpn",
        implementation="torchvision: MaskRCNN on SwinTransformer of a third of Swin-T's width, small heads",
        parameters=1_583_402,
        image_size=160,
        activation_bytes_per_pixel=827,
        config=_small("swin_mini", (("1", 32), ("3", 64), ("5", 128)), ("0", "1"), defects=True),
    ),
    _detector(
        name="mask_rcnn_swin_t_fpn",
        implementation="torchvision: MaskRCNN on swin_t",
        parameters=47_379_163,
        image_size=800,
        weights=(imagenet("Swin_T"),),
        activation_bytes_per_pixel=2_614,
        config=_full("swin_t", (("1", 96), ("3", 192), ("5", 384), ("7", 768)), ("0", "1")),
    ),
    _detector(
        name="mask_rcnn_convnext_mini_fpn",
        implementation="torchvision: MaskRCNN on ConvNeXt of a third of ConvNeXt-T's width, small heads",
        parameters=1_307_876,
        image_size=160,
        activation_bytes_per_pixel=553,
        config=_small("convnext_mini", (("1", 32), ("3", 64), ("5", 128)), ("0", "1"), defects=True),
    ),
    _detector(
        name="mask_rcnn_convnext_tiny_fpn",
        implementation="torchvision: MaskRCNN on convnext_tiny",
        parameters=47_679_937,
        image_size=800,
        weights=(imagenet("ConvNeXt_Tiny"),),
        activation_bytes_per_pixel=2_530,
        config=_full("convnext_tiny", (("1", 96), ("3", 192), ("5", 384), ("7", 768)), ("0", "1")),
    ),
    _detector(
        name="retinanet_mobilenet_v3_small_fpn",
        implementation="torchvision: RetinaNet on mobilenet_v3_small, narrow towers",
        parameters=1_319_382,
        image_size=160,
        activation_bytes_per_pixel=428,
        config=RetinaNetConfig(
            backbone="mobilenet_v3_small",
            stages=(("3", 24), ("8", 48), ("11", 96)),
            early=("0", "1", "2", "3"),
            pyramid_channels=64,
            anchors=_CARD_ANCHORS,
            anchors_scale=True,
            detections_per_image=50,
        ),
    ),
    _detector(
        name="retinanet_resnet50_fpn",
        implementation="torchvision: retinanet_resnet50_fpn",
        parameters=32_223_862,
        image_size=800,
        weights=(PublishedWeights(name="coco", torchvision="RetinaNet_ResNet50_FPN_Weights.COCO_V1"),),
        activation_bytes_per_pixel=2_110,
        config=RetinaNetConfig(
            backbone="resnet50",
            stages=_RESNET50_STAGES[1:],
            early=_RESNET_EARLY,
            pyramid_channels=256,
            top="p6p7",
            anchors=_OCTAVES,
            anchors_scale=False,
            detections_per_image=300,
        ),
    ),
    _detector(
        name="yolox_shufflenet_v2_x0_5_pan",
        implementation="ours, after YOLOX: on torchvision's shufflenet_v2_x0_5",
        parameters=881_269,
        image_size=160,
        weights=(imagenet("ShuffleNet_V2_X0_5"),),
        activation_bytes_per_pixel=305,
        config=YOLOXConfig(
            backbone="shufflenet_v2_x0_5",
            stages=(("stage2", 48), ("stage3", 96), ("stage4", 192)),
            early=_SHUFFLENET_EARLY,
            pyramid_channels=64,
        ),
    ),
    _detector(
        name="yolox_shufflenet_v2_x1_0_pan",
        implementation="ours, after YOLOX: on torchvision's shufflenet_v2_x1_0",
        parameters=2_463_833,
        image_size=320,
        weights=(
            imagenet("ShuffleNet_V2_X1_0"),
            PublishedWeights(name="nanodet"),
        ),
        activation_bytes_per_pixel=537,
        config=YOLOXConfig(
            backbone="shufflenet_v2_x1_0",
            stages=(("stage2", 116), ("stage3", 232), ("stage4", 464)),
            early=_SHUFFLENET_EARLY,
            pyramid_channels=96,
        ),
    ),
    _detector(
        name="yolox_resnet50_pan",
        implementation="ours, after YOLOX: on torchvision's resnet50",
        parameters=35_844_437,
        image_size=640,
        weights=(imagenet("ResNet50"),),
        activation_bytes_per_pixel=2_080,
        config=YOLOXConfig(
            backbone="resnet50",
            stages=_RESNET50_STAGES[1:],
            early=_RESNET_EARLY,
            pyramid_channels=256,
        ),
    ),
    _detector(
        name="detectron2_mask_rcnn_r18_fpn",
        implementation="torchvision: MaskRCNN as Detectron2 configures it, on three stages of resnet18, small heads",
        parameters=3_414_207,
        image_size=160,
        weights=(imagenet("ResNet18"),),
        solver="sgd",
        activation_bytes_per_pixel=530,
        config=Detectron2Config(
            backbone="resnet18",
            stages=_RESNET18_STAGES[:3],
            early=_RESNET_EARLY,
            pyramid_channels=64,
            finest_stride=4,
            anchors=_CARD_ANCHORS,
            anchors_scale=True,
            heads=_SMALL_HEADS,
        ),
    ),
    _detector(
        name="detectron2_mask_rcnn_r50_fpn",
        implementation="torchvision: MaskRCNN as Detectron2 configures it",
        parameters=43_980_897,
        image_size=1066,
        weights=(PublishedWeights(name="coco"),),
        solver="sgd",
        activation_bytes_per_pixel=1_990,
        config=Detectron2Config(
            backbone="resnet50_caffe",
            stages=_RESNET50_STAGES,
            early=_RESNET_EARLY,
            pyramid_channels=256,
            finest_stride=4,
            anchors=_STOCK_ANCHORS,
            anchors_scale=False,
            heads=replace(_STOCK_HEADS, proposals_train=1000, kept_before_suppression_train=2000),
        ),
    ),
)
