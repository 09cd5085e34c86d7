"""A template: the default recipe of a row of the catalog, for a small machine and for a GPU."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from truscore.catalog import row_of
from truscore.configuration.recipe import Recipe

# Of the learning rate, to keep what published weights know: at the rate of random ones they are soon lost.
BODYS_SHARE = 0.2

MakeRecipe = Callable[[str, str, str], Recipe]  # of category, option and architecture


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """``small`` is for two CPU cores, ``full`` for a GPU; ``published`` is small, too, on a body with published
    weights, for the architectures that have one."""

    small: MakeRecipe
    full: MakeRecipe
    published: Mapping[str, MakeRecipe] = field(default_factory=dict)

    def of(self, profile: str) -> MakeRecipe:
        """``profile`` is one of PROFILES."""
        return self.full if profile == "full" else self.small


def primary_metric_of(category: str, option: str, architecture: str) -> str:
    """What the best epoch is chosen by: the first thing that the option's models are for."""
    return row_of(category, option, architecture).purpose_metrics[0]


def from_published(recipe: Recipe, *, base: str, backbone_lr_multiplier: float = BODYS_SHARE) -> Recipe:
    """The recipe on that network, from its ImageNet weights; the new parts keep the recipe's rate."""
    hyper = recipe.hyperparameters
    optimization = replace(hyper.optimization, backbone_lr_multiplier=backbone_lr_multiplier)
    architecture = replace(recipe.architecture_config, base_architecture=base, pretrained_weights="imagenet")
    return replace(recipe, architecture_config=architecture, hyperparameters=replace(hyper, optimization=optimization))
