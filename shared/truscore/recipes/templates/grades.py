"""Recipes of the options that grade corners, edges and surfaces."""

from collections.abc import Callable, Mapping

from truscore.recipes.config import Recipe

RECIPES: Mapping[tuple[str, str, str, str], Callable[[str, str, str], Recipe]] = {}
