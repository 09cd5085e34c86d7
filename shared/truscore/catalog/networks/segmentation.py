"""Networks that find what each pixel shows."""

from truscore.catalog.networks.network import Network, RowBases

NETWORKS: tuple[Network, ...] = (
    Network(
        name="u_net_shufflenet_v2",
        implementation="segmentation-models-pytorch: UnetDecoder; torchvision: shufflenet_v2_x1_0",
        licence="MIT AND BSD-3-Clause",
        parameters=1_678_647,
        image_size=160,
        pretrained=("imagenet", "nanodet"),
        head=True,
    ),
    Network(
        name="u_net_resnet34",
        implementation="segmentation-models-pytorch: UnetDecoder; torchvision: resnet34",
        licence="MIT AND BSD-3-Clause",
        parameters=24_436_659,
        image_size=512,
        pretrained=("imagenet",),
        head=True,
    ),
    Network(
        name="deeplabv3_mobilenet_v3_small",
        implementation="segmentation-models-pytorch: DeepLabV3Decoder; torchvision: mobilenet_v3_small",
        licence="MIT AND BSD-3-Clause",
        parameters=2_054_499,
        image_size=160,
        pretrained=("imagenet",),
    ),
    Network(
        name="deeplabv3_resnet50",
        implementation="segmentation-models-pytorch: DeepLabV3Decoder; torchvision: resnet50",
        licence="MIT AND BSD-3-Clause",
        parameters=39_634_243,
        image_size=512,
        pretrained=("imagenet", "coco"),
    ),
    Network(
        name="sam_vit_tiny",
        implementation="transformers: SamVisionEncoder and SamMaskDecoder, small",
        licence="Apache-2.0",
        parameters=677_314,
        image_size=160,
    ),
    Network(
        name="sam_vit_base",
        implementation="transformers: SamVisionEncoder and SamMaskDecoder",
        licence="Apache-2.0",
        parameters=90_053_762,
        image_size=512,
        pretrained=("sa_1b",),
    ),
)

_BASES = {
    "u_net": ("u_net_shufflenet_v2", "u_net_resnet34"),
    "deeplabv3": ("deeplabv3_mobilenet_v3_small", "deeplabv3_resnet50"),
    "segment_anything": ("sam_vit_tiny", "sam_vit_base"),
}

BASES: RowBases = {
    (category, option, architecture): bases
    for category, option in (("corner_analysis", "damage_detection"), ("edge_analysis", "wear_detection"))
    for architecture, bases in _BASES.items()
}
