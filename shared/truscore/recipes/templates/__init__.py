"""The default recipes, for a small machine and for a GPU: functions that return data, a file per family of options."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from truscore.recipes.config import Recipe
from truscore.recipes.templates import borders, damage_classes, damage_masks, defects, grades, sharpness

__all__ = ["PROFILES", "RECIPES"]

PROFILES = ("small", "full")

# By (category, option, architecture, profile).
RECIPES: Mapping[tuple[str, str, str, str], Callable[[str, str, str], Recipe]] = MappingProxyType(
    {
        key: recipe
        for family in (borders, damage_masks, damage_classes, defects, grades, sharpness)
        for key, recipe in family.RECIPES.items()
    }
)
