"""One builder for each kind of configuration in the catalog. A test counts the two against each other."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from torch import nn

from truscore.catalog import network_of, plug_in_of
from truscore.catalog.networks.configs import GraderConfig, MultiLabelConfig, NetworkConfig
from truscore.configuration.errors import InvalidConfig
from truscore.configuration.recipe import Recipe
from truscore.zoo.classification import regression
from truscore.zoo.classification.multilabel import build_multi_label
from truscore.zoo.classification.network import build_ordinal_classifier
from truscore.zoo.detection import builders as detection
from truscore.zoo.photometric import builders as photometric
from truscore.zoo.segmentation import builders as segmentation

Builder = Callable[[Recipe, int], nn.Module]

BUILDERS: Mapping[type[NetworkConfig], Builder] = MappingProxyType(
    {
        **detection.BUILDERS,
        **segmentation.BUILDERS,
        **regression.BUILDERS,
        **photometric.BUILDERS,
        GraderConfig: build_ordinal_classifier,
        MultiLabelConfig: build_multi_label,
    }
)


def build_model(recipe: Recipe, num_classes: int) -> nn.Module:
    """The network of a recipe with random weights, on the CPU. ``num_classes`` counts the dataset's classes, without a
    background: grades of a scale, named scores of a measurement. Raises InvalidConfig for a plug-in that can't build.
    """
    base = recipe.architecture_config.base_architecture
    # By the type of its configuration, not by name: a new network of a known family is data alone.
    config = network_of(base).config
    builder = BUILDERS[type(config)] if config is not None else _plugged_in(base)
    return builder(recipe, num_classes)


def _plugged_in(base: str) -> Builder:
    plug_in = plug_in_of(base)
    module, _, function = plug_in.builder.partition(":")
    try:
        # Here and not where plug-ins are listed: light services list them without torch.
        builder: Builder = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        accepted = f"a plug-in whose builder can be imported; {plug_in.builder}: {error}"
        raise InvalidConfig("architecture", plug_in.architecture, accepted) from error
    return builder
