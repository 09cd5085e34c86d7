"""Builders of the networks that grade on an ordered scale."""

from collections.abc import Callable, Mapping

from torch import nn

from truscore.recipes.config import Recipe

BUILDERS: Mapping[str, Callable[[Recipe, int], nn.Module]] = {}
