"""Recipes of the options that grade corners, edges and surfaces."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from truscore.configuration.recipe import Recipe
from truscore.recipes.templates.from_scratch import recipe_from_scratch
from truscore.recipes.templates.template import Template, from_published


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    base: str
    learning_rate: float
    weight_decay: float = 0.02


# Transformers know nothing of neighbouring pixels to begin with: they take smaller steps and stronger decay.
_SMALL: Mapping[str, _Choice] = MappingProxyType(
    {
        "resnet": _Choice(base="resnet10_slim", learning_rate=2e-3),
        "vision_transformer": _Choice(base="vit_compact", learning_rate=1e-3, weight_decay=0.05),
        "efficientnet": _Choice(base="efficientnet_v2_slim", learning_rate=3e-3),
        "densenet": _Choice(base="densenet_slim", learning_rate=3e-3),
    }
)
_FULL: Mapping[str, _Choice] = MappingProxyType(
    {
        "resnet": _Choice(base="resnet50", learning_rate=1e-3),
        "vision_transformer": _Choice(base="vit_b_16", learning_rate=1e-4, weight_decay=0.1),
        "efficientnet": _Choice(base="efficientnet_v2_s", learning_rate=1e-3),
        "densenet": _Choice(base="densenet121", learning_rate=1e-3),
    }
)


def grades_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes: a slim network at 96 px, eight images a step."""
    choice = _SMALL[architecture]
    return recipe_from_scratch(
        (category, option, architecture),
        base=choice.base,
        image_size=96,
        learning_rate=choice.learning_rate,
        weight_decay=choice.weight_decay,
        batch_size=8,
        epochs=30,
        primary_loss="corn",
    )


def grades_published(category: str, option: str, architecture: str) -> Recipe:
    """A linear head on what all stages of EfficientNet-Lite0 see, as a whole and part by part; the body stays as
    ImageNet made it: a few hundred graded cards teach a head, and spoil a body. At 384 px, where print and corners are
    still there. The head begins at a ridge regression: small steps, few of them."""
    recipe = from_published(
        recipe_from_scratch(
            (category, option, architecture),
            base="statistics_efficientnet_lite0",
            image_size=384,
            learning_rate=1e-5,
            weight_decay=0.02,
            batch_size=8,
            epochs=6,
            primary_loss="coral",
            dropout=0.5,
        ),
        base="statistics_efficientnet_lite0",
    )
    custom = replace(recipe.architecture_config.custom_modifications, backbone_freezing="full")
    return replace(recipe, architecture_config=replace(recipe.architecture_config, custom_modifications=custom))


def grades_full(category: str, option: str, architecture: str) -> Recipe:
    """A full-sized network at the size that published weights of it were trained at, as one GPU trains it."""
    choice = _FULL[architecture]
    return recipe_from_scratch(
        (category, option, architecture),
        base=choice.base,
        image_size=224,
        learning_rate=choice.learning_rate,
        weight_decay=choice.weight_decay,
        batch_size=32,
        epochs=25,
        primary_loss="corn",
        dropout=0.2,
    )


TEMPLATES: Mapping[str, Template] = {
    "grades": Template(small=grades_small, full=grades_full, published={"efficientnet": grades_published})
}
