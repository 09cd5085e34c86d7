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
)

BASES: RowBases = {
    ("border_detection", "single_class", "mask_rcnn"): _MASK_RCNN,
    ("border_detection", "dual_class", "mask_rcnn"): _MASK_RCNN,
}
