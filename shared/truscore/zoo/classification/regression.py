"""Builders of the networks that measure named scores."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from torch import nn
from torchvision.ops import FeaturePyramidNetwork

from truscore.recipes.config import Recipe
from truscore.zoo.classification.backbones import BODIES
from truscore.zoo.classification.network import HIDDEN, Scorer, backbone_of
from truscore.zoo.classification.statistics_cnn import Levels, StatisticsHead, plain_body
from truscore.zoo.detection.pyramid import PathAggregationNetwork

EARLY = 2  # stages that partial freezing keeps still


def build_statistics_cnn(widths: tuple[int, ...], recipe: Recipe, num_classes: int) -> Scorer:
    """``num_classes`` scores; stages of these widths."""
    names = tuple(f"stage{number}" for number in range(1, len(widths) + 1))
    body = plain_body(widths)
    freezing = recipe.architecture_config.custom_modifications.backbone_freezing
    for name in {"none": (), "partial": names[:EARLY], "full": names}[freezing]:
        body.get_submodule(name).requires_grad_(False)
    backbone = Levels(body, names)
    return _scorer(recipe, backbone, widths, num_classes)


def build_pyramid_scorer(body: str, channels: int, recipe: Recipe, num_classes: int) -> Scorer:
    """A feature pyramid (Lin et al. 2017), which tells the fine levels what the coarse ones make of the image: the
    same gradient is sharp print, or a soft corner. ``enhanced`` also brings the fine levels to the coarse ones."""
    levels = BODIES[body].levels
    inputs = [width for _, width in levels]
    enhanced = recipe.architecture_config.custom_modifications.feature_pyramid == "enhanced"
    fpn = PathAggregationNetwork(inputs, channels, None) if enhanced else FeaturePyramidNetwork(inputs, channels)
    backbone = Levels(backbone_of(recipe, body).body, tuple(name for name, _ in levels), fpn)
    return _scorer(recipe, backbone, (channels,) * len(levels), num_classes)


def _scorer(recipe: Recipe, backbone: nn.Module, channels: tuple[int, ...], scores: int) -> Scorer:
    specialised = recipe.architecture_config.custom_modifications.head_customization == "phoenix_specialized"
    head = StatisticsHead(
        channels, scores, hidden=HIDDEN if specialised else 0, dropout=recipe.loss_config.regularization.dropout
    )
    return Scorer(backbone=backbone, head=head, image_size=recipe.image_size, scores=scores)


BUILDERS: Mapping[str, Callable[[Recipe, int], nn.Module]] = MappingProxyType(
    {
        "statistics_cnn": partial(build_statistics_cnn, (16, 24, 32, 48)),
        "statistics_cnn_wide": partial(build_statistics_cnn, (32, 64, 96, 128, 192)),
        "pyramid_resnet10_slim": partial(build_pyramid_scorer, "resnet10_slim", 32),
        "pyramid_resnet50": partial(build_pyramid_scorer, "resnet50", 128),
    }
)
