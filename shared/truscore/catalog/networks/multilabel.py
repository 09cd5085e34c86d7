"""Networks that name the damages on an image, several at once."""

from truscore.catalog.networks.backbones import EFFICIENTNET_LITE0, RESNET10_SLIM, RESNET18, RESNET50
from truscore.catalog.networks.configs import MultiLabelConfig
from truscore.catalog.networks.network import IMAGENET_OF_LITE0, Network, imagenet

NETWORKS: tuple[Network, ...] = (
    Network(
        name="multi_head_resnet10_slim",
        implementation="timm: ResNet-D of 10 layers, 32 to 256 wide; a convolutional head for each class",
        licence="Apache-2.0",
        parameters=1_246_964,
        image_size=96,
        activation_bytes_per_pixel=235,
        config=MultiLabelConfig(head="multi_head", backbone=RESNET10_SLIM),
    ),
    Network(
        name="multi_head_resnet18",
        implementation="torchvision: resnet18; a convolutional head for each class",
        licence="BSD-3-Clause",
        parameters=11_199_748,
        image_size=224,
        weights=(imagenet("ResNet18"),),
        activation_bytes_per_pixel=442,
        config=MultiLabelConfig(head="multi_head", backbone=RESNET18),
    ),
    Network(
        name="multi_head_resnet50",
        implementation="torchvision: resnet50; a convolutional head for each class",
        licence="BSD-3-Clause",
        parameters=23_586_564,
        image_size=224,
        weights=(imagenet("ResNet50"),),
        activation_bytes_per_pixel=1_712,
        config=MultiLabelConfig(head="multi_head", backbone=RESNET50),
    ),
    Network(
        name="multi_head_efficientnet_lite0",
        implementation="ours, on torch: EfficientNet-Lite0; a convolutional head for each class",
        licence="BSD-3-Clause",
        parameters=3_421_892,
        image_size=224,
        weights=(IMAGENET_OF_LITE0,),
        activation_bytes_per_pixel=1_596,
        config=MultiLabelConfig(head="multi_head", backbone=EFFICIENTNET_LITE0),
    ),
    Network(
        name="attention_resnet10_slim",
        implementation="timm: ResNet-D of 10 layers, 32 to 256 wide; an attention for each class",
        licence="Apache-2.0",
        parameters=1_233_458,
        image_size=96,
        activation_bytes_per_pixel=237,
        config=MultiLabelConfig(head="attention", backbone=RESNET10_SLIM),
    ),
    Network(
        name="attention_resnet18",
        implementation="torchvision: resnet18; an attention for each class",
        licence="BSD-3-Clause",
        parameters=11_177_538,
        image_size=224,
        weights=(imagenet("ResNet18"),),
        activation_bytes_per_pixel=446,
        config=MultiLabelConfig(head="attention", backbone=RESNET18),
    ),
    Network(
        name="attention_resnet50",
        implementation="torchvision: resnet50; an attention for each class",
        licence="BSD-3-Clause",
        parameters=23_512_130,
        image_size=224,
        weights=(imagenet("ResNet50"),),
        activation_bytes_per_pixel=1_728,
        config=MultiLabelConfig(head="attention", backbone=RESNET50),
    ),
)
