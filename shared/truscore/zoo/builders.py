"""Who builds what: one builder per network of the catalog. A test counts the two against each other."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from truscore.recipes.config import Recipe
from truscore.zoo import detectors, graders, labellers, scorers, segmenters

BUILDERS: Mapping[str, Callable[[Recipe, int], nn.Module]] = MappingProxyType(
    {
        **detectors.BUILDERS,
        **segmenters.BUILDERS,
        **graders.BUILDERS,
        **scorers.BUILDERS,
        **labellers.BUILDERS,
    }
)


def build_model(recipe: Recipe, num_classes: int) -> nn.Module:
    """The network of a recipe with random weights, on the CPU. ``num_classes`` counts the real classes, without a
    background: grades of a scale, named scores of a measurement."""
    return BUILDERS[recipe.architecture_config.base_architecture](recipe, num_classes)
