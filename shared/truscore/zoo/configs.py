"""The configuration of a recipe's network, as its builder knows it."""

from typing import TypeVar

from truscore.catalog.networks import NETWORKS
from truscore.catalog.networks.configs import NetworkConfig
from truscore.configuration.recipe import Recipe

Config = TypeVar("Config", bound=NetworkConfig)


def config_of(recipe: Recipe, kind: type[Config]) -> Config:
    """The row's configuration. Raises TypeError where the network is of another family than ``kind``."""
    base = recipe.architecture_config.base_architecture
    config = NETWORKS[base].config
    if not isinstance(config, kind):
        raise TypeError(f"{base} is built from {type(config).__name__}, not from {kind.__name__}")
    return config
