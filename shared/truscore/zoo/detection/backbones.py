"""Bodies of detectors: networks that classify, up to their last stage, and without the classifier.

A body's children are its stages, first to last, under the names of torchvision's published weights.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import torchvision
from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.resnet import Bottleneck
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.ops import FrozenBatchNorm2d

from truscore.zoo.efficientnet_lite import LITE, efficientnet_lite

Norm = Callable[[int], nn.Module]

GROUPS = 8
# Their stages give channels last; and neither has norms over the batch, which would be frozen or replaced.
CHANNELS_LAST = ("swin_t", "swin_mini")
LAYER_NORMED = (*CHANNELS_LAST, "convnext_tiny", "convnext_mini")


def body_of(name: str, norm: Norm) -> nn.Module:
    """The module whose children are the stages; norms over the batch are made by ``norm``, given their channels."""
    return _BACKBONES[name](norm)


def group_norm(channels: int) -> nn.GroupNorm:
    """In 8 groups (Wu & He 2018), or as many as the channels can be dealt into."""
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


def _resnet(name: str, norm: Norm) -> nn.Module:
    network: nn.Module = getattr(torchvision.models, name)(weights=None, norm_layer=norm)
    return network


def _caffe_resnet50(norm: Norm) -> nn.Module:
    """ResNet-50 as first published (He et al. 2016): a stage's stride is in its first 1 x 1 convolution."""
    network = _resnet("resnet50", norm)
    for block in network.modules():
        if isinstance(block, Bottleneck):
            # Torchvision has the stride in the 3 x 3 convolution (ResNet v1.5); the shortcut has it in both.
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
    return network


def _features(name: str, norm: Norm) -> nn.Module:
    features: nn.Module = getattr(torchvision.models, name)(weights=None, norm_layer=norm).features
    return features


def _shufflenet(name: str, norm: Norm) -> nn.Module:
    # It takes no norm as an argument.
    network: nn.Module = getattr(torchvision.models, name)(weights=None)
    for parent in list(network.modules()):
        for child_name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, child_name, norm(child.num_features))
    return network


def _efficientnet_lite(name: str, norm: Norm) -> nn.Module:
    body = efficientnet_lite(name)
    for parent in list(body.modules()):
        for child_name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                made = norm(child.num_features)
                if isinstance(made, FrozenBatchNorm2d):
                    made.eps = child.eps  # that its statistics were published with
                setattr(parent, child_name, made)
    return body


def _layer_normed(name: str, norm: Norm) -> nn.Module:
    features: nn.Module = getattr(torchvision.models, name)(weights=None).features
    return features


def _swin_mini(norm: Norm) -> nn.Module:
    """Swin (Liu et al. 2021) at a third of Swin-T's width, with three stages of two, two and four blocks."""
    network = SwinTransformer(
        # Strides 4, 8, 16; heads of 32 channels each, as in Swin-T.
        patch_size=[4, 4], embed_dim=32, depths=[2, 2, 4], num_heads=[1, 2, 4], window_size=[7, 7],
        stochastic_depth_prob=0.0,
    )  # fmt: skip
    features: nn.Module = network.features
    return features


def _convnext_mini(norm: Norm) -> nn.Module:
    """ConvNeXt (Liu et al. 2022) at a third of ConvNeXt-T's width, with three stages of two, two and four blocks."""
    # Channels in, channels out (halving the side), blocks.
    widths = ((32, 64, 2), (64, 128, 2), (128, None, 4))
    features: nn.Module = ConvNeXt([CNBlockConfig(*width) for width in widths], layer_scale=0.1).features
    return features


_BACKBONES: Mapping[str, Callable[[Norm], nn.Module]] = MappingProxyType(
    {
        "mobilenet_v3_small": partial(_features, "mobilenet_v3_small"),
        "mobilenet_v3_large": partial(_features, "mobilenet_v3_large"),
        "resnet18": partial(_resnet, "resnet18"),
        "resnet50": partial(_resnet, "resnet50"),
        # As Detectron2's weights were trained.
        "resnet50_caffe": _caffe_resnet50,
        "shufflenet_v2_x0_5": partial(_shufflenet, "shufflenet_v2_x0_5"),
        "shufflenet_v2_x1_0": partial(_shufflenet, "shufflenet_v2_x1_0"),
        **{name: partial(_efficientnet_lite, name) for name in LITE},
        "swin_t": partial(_layer_normed, "swin_t"),
        "swin_mini": _swin_mini,
        "convnext_tiny": partial(_layer_normed, "convnext_tiny"),
        "convnext_mini": _convnext_mini,
    }
)
