"""Builders of the networks that grade on an ordered scale."""

from collections.abc import Callable, Mapping

from torch import nn

from truscore.catalog.networks.ordinal import NETWORKS
from truscore.recipes.config import Recipe
from truscore.zoo.classification.network import build_grader

BUILDERS: Mapping[str, Callable[[Recipe, int], nn.Module]] = dict.fromkeys(
    (network.name for network in NETWORKS), build_grader
)
