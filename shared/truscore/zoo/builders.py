"""Who builds what: one builder per network of the catalog. A test counts the two against each other."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from torch import nn

from truscore.catalog.table import plug_in_of
from truscore.recipes.config import Recipe
from truscore.recipes.errors import InvalidConfig
from truscore.zoo.classification import multilabel, ordinal, regression
from truscore.zoo.detection import builders as detection
from truscore.zoo.segmentation import builders as segmentation

BUILDERS: Mapping[str, Callable[[Recipe, int], nn.Module]] = MappingProxyType(
    {
        **detection.BUILDERS,
        **segmentation.BUILDERS,
        **ordinal.BUILDERS,
        **regression.BUILDERS,
        **multilabel.BUILDERS,
    }
)


def build_model(recipe: Recipe, num_classes: int) -> nn.Module:
    """The network of a recipe with random weights, on the CPU. ``num_classes`` counts the real classes, without a
    background: grades of a scale, named scores of a measurement. Raises InvalidConfig for a plug-in that can't build.
    """
    base = recipe.architecture_config.base_architecture
    builder = BUILDERS[base] if base in BUILDERS else _plugged_in(base)
    return builder(recipe, num_classes)


def _plugged_in(base: str) -> Callable[[Recipe, int], nn.Module]:
    plug_in = plug_in_of(base)
    module, _, function = plug_in.builder.partition(":")
    try:
        builder: Callable[[Recipe, int], nn.Module] = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        accepted = f"a plug-in whose builder can be imported; {plug_in.builder}: {error}"
        raise InvalidConfig("architecture", plug_in.architecture, accepted) from error
    return builder
