"""Networks that find instances."""

from truscore.zoo.networks.network import Network, RowBases

_MASK_RCNN = (
    "mask_rcnn_mobilenet_v3_large_fpn",
    "mask_rcnn_mobilenet_v3_small_fpn",
    "mask_rcnn_resnet50_fpn",
)

NETWORKS: tuple[Network, ...] = (
    Network(
        name="mask_rcnn_mobilenet_v3_large_fpn",
        implementation="torchvision: MaskRCNN on mobilenet_v3_large, small heads",
        licence="BSD-3-Clause",
        parameters=3_439_151,
        image_size=160,
        pyramid=True,
        head=True,
    ),
    Network(
        name="mask_rcnn_mobilenet_v3_small_fpn",
        implementation="torchvision: MaskRCNN on mobilenet_v3_small, small heads",
        licence="BSD-3-Clause",
        parameters=1_484_063,
        image_size=160,
        pyramid=True,
        head=True,
    ),
    Network(
        name="mask_rcnn_resnet50_fpn",
        implementation="torchvision: maskrcnn_resnet50_fpn",
        licence="BSD-3-Clause",
        parameters=43_980_897,
        image_size=800,
        pretrained=("coco",),
        pyramid=True,
        head=True,
    ),
    Network(
        name="mask_rcnn_resnet18_fpn",
        implementation="torchvision: MaskRCNN on three stages of resnet18, small heads",
        licence="BSD-3-Clause",
        parameters=3_413_232,
        image_size=160,
        pretrained=("imagenet",),
        pyramid=True,
        head=True,
    ),
    Network(
        name="mask_rcnn_swin_mini_fpn",
        implementation="torchvision: MaskRCNN on SwinTransformer of a third of Swin-T's width, small heads",
        licence="BSD-3-Clause",
        parameters=1_582_102,
        image_size=160,
        pyramid=True,
        head=True,
    ),
    Network(
        name="mask_rcnn_swin_t_fpn",
        implementation="torchvision: MaskRCNN on swin_t",
        licence="BSD-3-Clause",
        parameters=47_379_163,
        image_size=800,
        pretrained=("imagenet",),
        pyramid=True,
        head=True,
    ),
    Network(
        name="mask_rcnn_convnext_mini_fpn",
        implementation="torchvision: MaskRCNN on ConvNeXt of a third of ConvNeXt-T's width, small heads",
        licence="BSD-3-Clause",
        parameters=1_306_576,
        image_size=160,
        pyramid=True,
        head=True,
    ),
    Network(
        name="mask_rcnn_convnext_tiny_fpn",
        implementation="torchvision: MaskRCNN on convnext_tiny",
        licence="BSD-3-Clause",
        parameters=47_679_937,
        image_size=800,
        pretrained=("imagenet",),
        pyramid=True,
        head=True,
    ),
    Network(
        name="retinanet_mobilenet_v3_small_fpn",
        implementation="torchvision: RetinaNet on mobilenet_v3_small, narrow towers",
        licence="BSD-3-Clause",
        parameters=1_319_382,
        image_size=160,
        pyramid=True,
    ),
    Network(
        name="retinanet_resnet50_fpn",
        implementation="torchvision: retinanet_resnet50_fpn",
        licence="BSD-3-Clause",
        parameters=32_223_862,
        image_size=800,
        pretrained=("coco",),
        pyramid=True,
    ),
)

BASES: RowBases = {
    ("border_detection", "single_class", "retinanet"): ("retinanet_mobilenet_v3_small_fpn", "retinanet_resnet50_fpn"),
    ("border_detection", "single_class", "mask_rcnn"): _MASK_RCNN,
    ("border_detection", "dual_class", "mask_rcnn"): _MASK_RCNN,
    ("surface_analysis", "defect_detection", "fpn"): ("mask_rcnn_resnet18_fpn", "mask_rcnn_resnet50_fpn"),
    ("surface_analysis", "defect_detection", "swin_transformer"): ("mask_rcnn_swin_mini_fpn", "mask_rcnn_swin_t_fpn"),
    ("surface_analysis", "defect_detection", "convnext"): (
        "mask_rcnn_convnext_mini_fpn",
        "mask_rcnn_convnext_tiny_fpn",
    ),
}
