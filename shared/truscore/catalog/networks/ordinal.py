"""Networks that grade on an ordered scale."""

from truscore.catalog.networks.network import Network, RowBases

_RESNETS = ("resnet10_slim", "resnet18", "resnet50")
_TRANSFORMERS = ("vit_compact", "vit_tiny_patch16", "vit_b_16")
_EFFICIENT = ("efficientnet_v2_slim", "efficientnet_b0", "efficientnet_v2_s", "shufflenet_v2_x1_0")
_DENSE = ("densenet_slim", "densenet121")

NETWORKS: tuple[Network, ...] = (
    Network(
        name="resnet10_slim",
        implementation="timm: ResNet-D of 10 layers, 32 to 256 wide",
        licence="Apache-2.0",
        parameters=1_233_201,
        image_size=96,
        head=True,
    ),
    Network(
        name="resnet18",
        implementation="torchvision: resnet18",
        licence="BSD-3-Clause",
        parameters=11_177_025,
        image_size=224,
        pretrained=("imagenet",),
        head=True,
    ),
    Network(
        name="resnet50",
        implementation="torchvision: resnet50",
        licence="BSD-3-Clause",
        parameters=23_510_081,
        image_size=224,
        pretrained=("imagenet",),
        head=True,
    ),
    Network(
        name="vit_compact",
        implementation="ours on torchvision's EncoderBlock: 4 layers, patches read by 3 convolutions",
        licence="BSD-3-Clause",
        parameters=367_705,
        image_size=96,
        head=True,
    ),
    Network(
        name="vit_tiny_patch16",
        implementation="ours on torchvision's EncoderBlock: reads timm's vit_tiny_patch16_224",
        licence="BSD-3-Clause",
        parameters=5_524_609,
        image_size=224,
        pretrained=("imagenet",),
        head=True,
    ),
    Network(
        name="vit_b_16",
        implementation="ours on torchvision's EncoderBlock: reads torchvision's vit_b_16",
        licence="BSD-3-Clause",
        parameters=85_799_425,
        image_size=224,
        pretrained=("imagenet",),
        head=True,
    ),
    Network(
        name="efficientnet_v2_slim",
        implementation="torchvision: EfficientNet of 6 blocks, in the order of V2",
        licence="BSD-3-Clause",
        parameters=205_179,
        image_size=96,
        head=True,
    ),
    Network(
        name="efficientnet_b0",
        implementation="torchvision: efficientnet_b0",
        licence="BSD-3-Clause",
        parameters=4_008_829,
        image_size=224,
        pretrained=("imagenet",),
        head=True,
    ),
    Network(
        name="efficientnet_v2_s",
        implementation="torchvision: efficientnet_v2_s",
        licence="BSD-3-Clause",
        parameters=20_178_769,
        image_size=384,
        pretrained=("imagenet",),
        head=True,
    ),
    Network(
        name="shufflenet_v2_x1_0",
        implementation="torchvision: shufflenet_v2_x1_0 without its last convolution; NanoDet's weights fit it",
        licence="BSD-3-Clause",
        parameters=776_885,
        image_size=224,
        pretrained=("imagenet", "nanodet"),
        head=True,
    ),
    Network(
        name="densenet_slim",
        implementation="torchvision: DenseNet of 2, 4, 6 and 4 layers, 16 wide",
        licence="BSD-3-Clause",
        parameters=252_569,
        image_size=96,
        head=True,
    ),
    Network(
        name="densenet121",
        implementation="torchvision: densenet121",
        licence="BSD-3-Clause",
        parameters=6_954_881,
        image_size=224,
        pretrained=("imagenet",),
        head=True,
    ),
)

BASES: RowBases = {
    ("corner_analysis", "quality_classification", "resnet"): _RESNETS,
    ("corner_analysis", "quality_classification", "vision_transformer"): _TRANSFORMERS,
    ("corner_analysis", "quality_classification", "efficientnet"): _EFFICIENT,
    ("edge_analysis", "quality_rating", "resnet"): _RESNETS,
    ("edge_analysis", "quality_rating", "vision_transformer"): _TRANSFORMERS,
    ("edge_analysis", "quality_rating", "efficientnet"): _EFFICIENT,
    ("surface_analysis", "quality_rating", "efficientnet"): _EFFICIENT,
    ("surface_analysis", "quality_rating", "resnet"): _RESNETS,
    ("surface_analysis", "quality_rating", "densenet"): _DENSE,
}
