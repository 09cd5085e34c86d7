"""A template: the default recipe of a row of the catalog, for a small machine and for a GPU."""

from collections.abc import Callable
from dataclasses import dataclass

from truscore.configuration.recipe import Recipe

MakeRecipe = Callable[[str, str, str], Recipe]  # of category, option and architecture


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """``small`` is for two CPU cores, ``full`` for a GPU."""

    small: MakeRecipe
    full: MakeRecipe

    def of(self, profile: str) -> MakeRecipe:
        """``profile`` is one of PROFILES."""
        return self.full if profile == "full" else self.small
