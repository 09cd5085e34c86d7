"""Recipes of the options that learn what a surface does to light."""

from collections.abc import Mapping
from dataclasses import replace

from truscore.configuration.recipe import Recipe
from truscore.recipes.templates.from_scratch import recipe_from_scratch
from truscore.recipes.templates.template import Template


def reflectance_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes: an epoch takes 32 x 32 pixels of each object, others in each."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="reflectance_network",
        image_size=32,
        learning_rate=3e-3,
        weight_decay=1e-4,
        batch_size=2,
        epochs=30,
        primary_loss="log_l1_rendering",
        dropout=0.0,
    )


def reflectance_full(category: str, option: str, architecture: str) -> Recipe:
    """Wider, on 64 x 64 pixels of each object, as one GPU trains it."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="reflectance_network_wide",
        image_size=64,
        learning_rate=2e-3,
        weight_decay=1e-4,
        batch_size=16,
        epochs=60,
        primary_loss="log_l1_rendering",
        dropout=0.0,
    )


def brdf_small(category: str, option: str, architecture: str) -> Recipe:
    """The same, with a fit unrolled behind it."""
    return _on("brdf_network", reflectance_small(category, option, architecture))


def brdf_full(category: str, option: str, architecture: str) -> Recipe:
    """The same, with a fit unrolled behind it."""
    return _on("brdf_network_wide", reflectance_full(category, option, architecture))


def _on(base: str, recipe: Recipe) -> Recipe:
    return replace(recipe, architecture_config=replace(recipe.architecture_config, base_architecture=base))


TEMPLATES: Mapping[str, Template] = {
    "reflectance": Template(small=reflectance_small, full=reflectance_full),
    "brdf": Template(small=brdf_small, full=brdf_full),
}
