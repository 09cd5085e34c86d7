"""Who builds what: one builder per base architecture of the catalog. A test counts the two against each other."""

from collections.abc import Callable
from types import MappingProxyType

from torch import nn

from truscore.recipes.config import Recipe
from truscore.zoo.bases import BASES
from truscore.zoo.mask_rcnn import build_mask_rcnn

BUILDERS: MappingProxyType[str, Callable[[Recipe, int], nn.Module]] = MappingProxyType(
    dict.fromkeys(BASES, build_mask_rcnn)
)


def build_model(recipe: Recipe, num_classes: int) -> nn.Module:
    """The network of a recipe with random weights, on the CPU. ``num_classes`` counts the real classes, without a
    background."""
    return BUILDERS[recipe.architecture_config.base_architecture](recipe, num_classes)
