"""A template: the default recipe of a row of the catalog, for a small machine and for a GPU."""

from collections.abc import Callable
from dataclasses import dataclass

from truscore.catalog import row_of
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


def primary_metric_of(category: str, option: str, architecture: str) -> str:
    """What the best epoch is chosen by: the first thing that the option's models are for."""
    return row_of(category, option, architecture).purpose_metrics[0]
