"""Bodies of networks that see an image as a whole: from a square to a map of features, stage by stage.

Legend: B images, C channels, S side of the square, h, w sides of the map.

A body is a sequence whose children are its stages, under the names of the published weights. From scratch it is
normalised over groups, with published weights by their frozen statistics: small batches say little of either
(decision 16), and many small batches then equal a large one.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import torchvision
from torch import Tensor, nn
from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig
from torchvision.ops import FrozenBatchNorm2d

from truscore.catalog.networks.configs import BackboneConfig
from truscore.zoo.classification.vision_transformer import transformer_body
from truscore.zoo.efficientnet_lite import LITE, efficientnet_lite

GROUPS = 8


class Backbone(nn.Module):
    """Holds the body under the name that published detectors have it under."""

    def __init__(self, body: nn.Sequential) -> None:
        super().__init__()
        self.body = body

    def forward(self, image_BCSS: Tensor) -> Tensor:
        map_BChw: Tensor = self.body(image_BCSS)
        return map_BChw


def make_backbone(
    config: BackboneConfig, *, image_size: int, pretrained: bool, freezing: str, dropped: float
) -> Backbone:
    """The backbone with random weights; ``freezing`` is the recipe's backbone_freezing."""
    if config.transformer:
        body = transformer_body(config.transformer, image_size, dropped)
    else:
        body = MAKERS[config.name](image_size, dropped)
    replace_norms(body, frozen=pretrained)
    # By name, as the catalog has them: what counts as early differs from family to family.
    stages = {"none": (), "partial": config.early, "full": tuple(dict(body.named_children()))}[freezing]
    for stage in stages:
        body.get_submodule(stage).requires_grad_(requires_grad=False)
    return Backbone(body)


def replace_norms(module: nn.Module, *, frozen: bool) -> None:
    """Put frozen norms, or norms over groups, in the place of norms over the batch, in place."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, _norm(child, frozen=frozen))
        else:
            replace_norms(child, frozen=frozen)


def _norm(norm: nn.BatchNorm2d, *, frozen: bool) -> nn.Module:
    channels = norm.num_features
    if frozen:
        # The published eps: that of EfficientNetV2 is 1e-3, and its statistics were taken with it.
        kept: nn.Module = FrozenBatchNorm2d(channels, eps=norm.eps)
        return kept
    # As many groups of up to 8 as divide the channels (24 channels: 8 groups of 3).
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


def _children(network: nn.Module, *names: str) -> nn.Sequential:
    # By name and not by position: published weights are matched by them. The classifier stays behind.
    return nn.Sequential(OrderedDict((name, network.get_submodule(name)) for name in names))


def _resnet10_slim(image_size: int, dropped: float) -> nn.Sequential:
    """A basic block in each stage, half as wide as ResNet-18, with the stem of three small convolutions and averaging
    shortcuts of ResNet-D (He et al. 2019, "Bag of tricks", section 4)."""
    # Here and not above: timm imports all of its families, 1.4 s at the start of every training process.
    from timm.models.resnet import BasicBlock, ResNet

    network = ResNet(
        BasicBlock,  # type: ignore[arg-type]  # timm's annotation means the class
        (1, 1, 1, 1),
        channels=(32, 64, 128, 256),
        stem_width=16,
        stem_type="deep",
        avg_down=True,
        zero_init_last=False,
    )
    return _children(network, "conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4")


def _resnet(name: str, image_size: int, dropped: float) -> nn.Sequential:
    network = getattr(torchvision.models, name)(weights=None)
    return _children(network, "conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


def _efficientnet_v2_slim(image_size: int, dropped: float) -> nn.Sequential:
    """EfficientNetV2's order of blocks, fused ones first (Tan & Le 2021, section 3.3), with one or two in a stage."""
    blocks = [
        # expansion, kernel, stride, channels in and out, layers: strides 2 x 2 x 2 and the stem's 2 make 16 in all.
        FusedMBConvConfig(1, 3, 1, 16, 16, 1),
        FusedMBConvConfig(4, 3, 2, 16, 24, 1),
        FusedMBConvConfig(4, 3, 2, 24, 40, 1),
        MBConvConfig(4, 3, 2, 40, 64, 2),
        MBConvConfig(6, 3, 1, 64, 80, 1),
    ]
    features: nn.Sequential = EfficientNet(
        blocks, dropout=0.0, stochastic_depth_prob=dropped, last_channel=320
    ).features
    return features


def _efficientnet(name: str, image_size: int, dropped: float) -> nn.Sequential:
    features: nn.Sequential = getattr(torchvision.models, name)(weights=None, stochastic_depth_prob=dropped).features
    return features


def _efficientnet_lite(name: str, image_size: int, dropped: float) -> nn.Sequential:
    return efficientnet_lite(name, dropped)


def _shufflenet_v2(image_size: int, dropped: float) -> nn.Sequential:
    """Without its last convolution, which detectors' weights don't have."""
    network = torchvision.models.shufflenet_v2_x1_0(weights=None)
    return _children(network, "conv1", "maxpool", "stage2", "stage3", "stage4")


def _densenet_slim(image_size: int, dropped: float) -> nn.Sequential:
    # Growth 16 and four blocks: half of DenseNet-121's growth and under a third of its layers.
    network = torchvision.models.DenseNet(growth_rate=16, block_config=(2, 4, 6, 4), num_init_features=32)
    return _dense(network)


def _densenet121(image_size: int, dropped: float) -> nn.Sequential:
    return _dense(torchvision.models.densenet121(weights=None))


def _dense(network: nn.Module) -> nn.Sequential:
    body: nn.Sequential = network.get_submodule("features")  # type: ignore[assignment]
    # Published DenseNets end in a norm; torchvision's has its ReLU outside.
    body.add_module("relu5", nn.ReLU(inplace=True))
    return body


# By the name of the backbone; each takes the image's side and the rate at which branches are dropped.
MAKERS: Mapping[str, Callable[[int, float], nn.Sequential]] = MappingProxyType(
    {
        "resnet10_slim": _resnet10_slim,
        "resnet18": partial(_resnet, "resnet18"),
        "resnet50": partial(_resnet, "resnet50"),
        "efficientnet_v2_slim": _efficientnet_v2_slim,
        "efficientnet_b0": partial(_efficientnet, "efficientnet_b0"),
        "efficientnet_v2_s": partial(_efficientnet, "efficientnet_v2_s"),
        "shufflenet_v2_x1_0": _shufflenet_v2,
        **{name: partial(_efficientnet_lite, name) for name in LITE},
        "densenet_slim": _densenet_slim,
        "densenet121": _densenet121,
    }
)
