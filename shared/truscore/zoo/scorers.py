"""Builders of the networks that score an image, or name the damages on it."""

from collections.abc import Callable, Mapping

from torch import nn

from truscore.recipes.config import Recipe

BUILDERS: Mapping[str, Callable[[Recipe, int], nn.Module]] = {}
