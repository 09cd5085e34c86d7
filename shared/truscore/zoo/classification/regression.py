"""Builders of the networks that measure named scores."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn
from torchvision.ops import FeaturePyramidNetwork

from truscore.catalog.networks.configs import (
    OF_IMAGENET,
    NetworkConfig,
    Normalisation,
    PyramidScorerConfig,
    StatisticsCNNConfig,
)
from truscore.configuration.recipe import Recipe
from truscore.zoo.classification.network import HIDDEN, Regressor, backbone_of
from truscore.zoo.classification.statistics_cnn import Levels, StatisticsHead, plain_body
from truscore.zoo.configs import config_of
from truscore.zoo.detection.pyramid import PathAggregationNetwork

EARLY = 2  # stages that partial freezing keeps still


def build_statistics_cnn(recipe: Recipe, num_classes: int) -> Regressor:
    """``num_classes`` scores."""
    widths = config_of(recipe, StatisticsCNNConfig).widths
    names = tuple(f"stage{number}" for number in range(1, len(widths) + 1))
    body = plain_body(widths)
    freezing = recipe.architecture_config.custom_modifications.backbone_freezing
    # Without a gradient they are still altogether: norms over groups have no running statistics that go on moving.
    for name in {"none": (), "partial": names[:EARLY], "full": names}[freezing]:
        body.get_submodule(name).requires_grad_(False)
    backbone = Levels(body, names)
    return _regressor(recipe, backbone, widths, num_classes, OF_IMAGENET)


def build_pyramid_regressor(recipe: Recipe, num_classes: int) -> Regressor:
    """A feature pyramid (Lin et al. 2017), which tells the fine levels what the coarse ones make of the image: the
    same gradient is sharp print, or a soft corner. ``enhanced`` also brings the fine levels to the coarse ones."""
    config = config_of(recipe, PyramidScorerConfig)
    levels, channels = config.backbone.levels, config.channels
    inputs = [width for _, width in levels]
    enhanced = recipe.architecture_config.custom_modifications.feature_pyramid == "enhanced"
    # One width for all levels, so that each has as many statistics in the head.
    fpn = PathAggregationNetwork(inputs, channels, None) if enhanced else FeaturePyramidNetwork(inputs, channels)
    backbone = Levels(backbone_of(recipe, config.backbone).body, tuple(name for name, _ in levels), fpn)
    return _regressor(recipe, backbone, (channels,) * len(levels), num_classes, config.backbone.normalisation)


def _regressor(
    recipe: Recipe, backbone: nn.Module, channels: tuple[int, ...], scores: int, normalisation: Normalisation
) -> Regressor:
    specialised = recipe.architecture_config.custom_modifications.head_customization == "phoenix_specialized"
    head = StatisticsHead(
        channels, scores, hidden=HIDDEN if specialised else 0, dropout=recipe.loss_config.regularization.dropout
    )
    return Regressor(
        backbone=backbone, head=head, image_size=recipe.image_size, normalisation=normalisation, scores=scores
    )


BUILDERS: Mapping[type[NetworkConfig], Callable[[Recipe, int], nn.Module]] = MappingProxyType(
    {StatisticsCNNConfig: build_statistics_cnn, PyramidScorerConfig: build_pyramid_regressor}
)
