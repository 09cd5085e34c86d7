"""Recipes of the options that find damaged and worn pixels."""

from collections.abc import Callable, Mapping

from truscore.recipes.config import Recipe

RECIPES: Mapping[tuple[str, str, str, str], Callable[[str, str, str], Recipe]] = {}
