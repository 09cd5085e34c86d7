"""Networks that name the damages on an image, several at once."""

from truscore.catalog.networks.network import Network, RowBases

_MULTI_HEAD = ("multi_head_resnet10_slim", "multi_head_resnet18", "multi_head_resnet50")
_ATTENTION = ("attention_resnet10_slim", "attention_resnet18", "attention_resnet50")

NETWORKS: tuple[Network, ...] = (
    Network(
        name="multi_head_resnet10_slim",
        implementation="timm: ResNet-D of 10 layers, 32 to 256 wide; a convolutional head for each class",
        licence="Apache-2.0",
        parameters=1_246_964,
        image_size=96,
    ),
    Network(
        name="multi_head_resnet18",
        implementation="torchvision: resnet18; a convolutional head for each class",
        licence="BSD-3-Clause",
        parameters=11_199_748,
        image_size=224,
        pretrained=("imagenet",),
    ),
    Network(
        name="multi_head_resnet50",
        implementation="torchvision: resnet50; a convolutional head for each class",
        licence="BSD-3-Clause",
        parameters=23_586_564,
        image_size=224,
        pretrained=("imagenet",),
    ),
    Network(
        name="attention_resnet10_slim",
        implementation="timm: ResNet-D of 10 layers, 32 to 256 wide; an attention for each class",
        licence="Apache-2.0",
        parameters=1_233_458,
        image_size=96,
    ),
    Network(
        name="attention_resnet18",
        implementation="torchvision: resnet18; an attention for each class",
        licence="BSD-3-Clause",
        parameters=11_177_538,
        image_size=224,
        pretrained=("imagenet",),
    ),
    Network(
        name="attention_resnet50",
        implementation="torchvision: resnet50; an attention for each class",
        licence="BSD-3-Clause",
        parameters=23_512_130,
        image_size=224,
        pretrained=("imagenet",),
    ),
)

BASES: RowBases = {
    ("surface_analysis", "damage_classification", "multi_head_cnn"): _MULTI_HEAD,
    ("surface_analysis", "damage_classification", "attention_network"): _ATTENTION,
}
