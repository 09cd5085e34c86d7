"""Builders of the networks that find what each pixel shows."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import nn

from truscore.catalog.networks.configs import DeepLabV3Config, NetworkConfig, SAMConfig, UNetConfig
from truscore.configuration.recipe import Recipe


def build_u_net(recipe: Recipe, num_classes: int) -> nn.Module:
    # Imported on first use, here and below: each family has a library of its own, which takes seconds to load.
    from truscore.zoo.segmentation.u_net import UNet

    return _with_threshold(UNet(recipe, num_classes), recipe)


def build_deeplabv3(recipe: Recipe, num_classes: int) -> nn.Module:
    from truscore.zoo.segmentation.deeplabv3 import DeepLabV3

    return _with_threshold(DeepLabV3(recipe, num_classes), recipe)


def build_segment_anything(recipe: Recipe, num_classes: int) -> nn.Module:
    from truscore.zoo.segmentation.segment_anything import SegmentAnything

    return _with_threshold(SegmentAnything(recipe, num_classes), recipe)


def _with_threshold(network: nn.Module, recipe: Recipe) -> nn.Module:
    """The network; one of windows with ``damage_threshold``, the probability from which a pixel is damage. Training
    sets it after each validation; other networks are without, as their files have always been."""
    if recipe.sampling == "windows":
        network.register_buffer("damage_threshold", torch.tensor(0.5))
    return network


BUILDERS: Mapping[type[NetworkConfig], Callable[[Recipe, int], nn.Module]] = MappingProxyType(
    {
        UNetConfig: build_u_net,
        DeepLabV3Config: build_deeplabv3,
        SAMConfig: build_segment_anything,
    }
)
