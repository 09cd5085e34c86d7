"""Builders of the networks that find what each pixel shows."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from truscore.catalog.networks.configs import DeepLabV3Config, NetworkConfig, SAMConfig, UNetConfig
from truscore.configuration.recipe import Recipe


def build_u_net(recipe: Recipe, num_classes: int) -> nn.Module:
    # Imported on first use, here and below: each family has a library of its own, which takes seconds to load.
    from truscore.zoo.segmentation.u_net import UNet

    return UNet(recipe, num_classes)


def build_deeplabv3(recipe: Recipe, num_classes: int) -> nn.Module:
    from truscore.zoo.segmentation.deeplabv3 import DeepLabV3

    return DeepLabV3(recipe, num_classes)


def build_segment_anything(recipe: Recipe, num_classes: int) -> nn.Module:
    from truscore.zoo.segmentation.segment_anything import SegmentAnything

    return SegmentAnything(recipe, num_classes)


BUILDERS: Mapping[type[NetworkConfig], Callable[[Recipe, int], nn.Module]] = MappingProxyType(
    {
        UNetConfig: build_u_net,
        DeepLabV3Config: build_deeplabv3,
        SAMConfig: build_segment_anything,
    }
)
