"""Builders of the networks that find what each pixel shows."""

from collections.abc import Callable, Mapping

from torch import nn

from truscore.recipes.config import Recipe

BUILDERS: Mapping[str, Callable[[Recipe, int], nn.Module]] = {}
