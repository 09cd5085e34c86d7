"""Builders of the networks that see one object under many lights."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from torch import nn

from truscore.catalog.networks.configs import (
    BrdfNetworkConfig,
    MultiViewNetworkConfig,
    NetworkConfig,
    ReflectanceNetworkConfig,
    SetNetworkConfig,
    SpatialSetNetworkConfig,
    SurfaceNetworkConfig,
    UncalibratedSetNetworkConfig,
)
from truscore.configuration.recipe import Recipe
from truscore.zoo.configs import config_of
from truscore.zoo.photometric.brdf_network import BrdfNetwork
from truscore.zoo.photometric.multi_view_network import FeatureBackbone, MultiViewNetwork
from truscore.zoo.photometric.reflectance_network import ReflectanceNetwork
from truscore.zoo.photometric.set_network import Backbone, SetNetwork
from truscore.zoo.photometric.spatial_network import SpatialSetNetwork
from truscore.zoo.photometric.surface_network import SurfaceNetwork
from truscore.zoo.photometric.uncalibrated_network import UncalibratedSetNetwork

Reflective = TypeVar("Reflective", bound=ReflectanceNetwork)


def build_set_network(recipe: Recipe, num_classes: int) -> SetNetwork:
    """``num_classes`` is not looked at: a normal is no class. Partial freezing keeps the encoder of a light still."""
    config = config_of(recipe, SetNetworkConfig)
    network = SetNetwork(width=config.width, blocks=config.blocks, dropout=recipe.loss_config.regularization.dropout)
    _freeze(network.backbone, recipe)
    return network


def build_spatial_set_network(recipe: Recipe, num_classes: int) -> SpatialSetNetwork:
    """As the set network."""
    config = config_of(recipe, SpatialSetNetworkConfig)
    dropout = recipe.loss_config.regularization.dropout
    network = SpatialSetNetwork(width=config.width, blocks=config.blocks, context=config.context, dropout=dropout)
    _freeze(network.backbone, recipe)
    return network


def build_uncalibrated_set_network(recipe: Recipe, num_classes: int) -> UncalibratedSetNetwork:
    """As the set network, whose stages are frozen alike; the lights' stage never is."""
    config = config_of(recipe, UncalibratedSetNetworkConfig)
    dropout = recipe.loss_config.regularization.dropout
    network = UncalibratedSetNetwork(config.width, config.blocks, config.lights, dropout)
    _freeze(network.backbone, recipe)
    return network


def build_surface_network(recipe: Recipe, num_classes: int) -> SurfaceNetwork:
    """As the set network, whose stages are frozen alike."""
    config = config_of(recipe, SurfaceNetworkConfig)
    dropout = recipe.loss_config.regularization.dropout
    network = SurfaceNetwork(
        width=config.width,
        blocks=config.blocks,
        context=config.context,
        refits_lights=config.refits_lights,
        dropout=dropout,
    )
    _freeze(network.backbone, recipe)
    return network


def build_multi_view_network(recipe: Recipe, num_classes: int) -> MultiViewNetwork:
    """``num_classes`` is not looked at. Partial freezing keeps the first of what is compared between views still."""
    config = config_of(recipe, MultiViewNetworkConfig)
    dropout = recipe.loss_config.regularization.dropout
    network = MultiViewNetwork(width=config.width, volume=config.volume, dropout=dropout)
    _freeze(network.backbone, recipe)
    return network


def build_reflectance_network(recipe: Recipe, num_classes: int) -> ReflectanceNetwork:
    """``num_classes`` is not looked at. Freezing keeps both bodies still, that of normals and that of reflectance."""
    config = config_of(recipe, ReflectanceNetworkConfig)
    dropout = recipe.loss_config.regularization.dropout
    return _frozen(ReflectanceNetwork(config.width, config.blocks, config.materials, dropout), recipe)


def build_brdf_network(recipe: Recipe, num_classes: int) -> BrdfNetwork:
    """As the network of reflectance."""
    config = config_of(recipe, BrdfNetworkConfig)
    dropout = recipe.loss_config.regularization.dropout
    network = BrdfNetwork(config.width, config.blocks, config.materials, config.steps, dropout)
    return _frozen(network, recipe)


def _frozen(network: Reflective, recipe: Recipe) -> Reflective:
    for backbone in (network.shape.backbone, network.backbone):
        _freeze(backbone, recipe)
    return network


def _freeze(backbone: Backbone | FeatureBackbone, recipe: Recipe) -> None:
    frozen = {"none": 0, "partial": 1, "full": len(backbone.body)}
    for stage in backbone.body[: frozen[recipe.architecture_config.custom_modifications.backbone_freezing]]:
        stage.requires_grad_(False)


BUILDERS: Mapping[type[NetworkConfig], Callable[[Recipe, int], nn.Module]] = MappingProxyType(
    {
        SetNetworkConfig: build_set_network,
        SpatialSetNetworkConfig: build_spatial_set_network,
        UncalibratedSetNetworkConfig: build_uncalibrated_set_network,
        MultiViewNetworkConfig: build_multi_view_network,
        SurfaceNetworkConfig: build_surface_network,
        ReflectanceNetworkConfig: build_reflectance_network,
        BrdfNetworkConfig: build_brdf_network,
    }
)
