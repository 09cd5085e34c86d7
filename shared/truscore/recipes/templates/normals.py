"""Recipes of the options that learn surface normals."""

from collections.abc import Mapping

from truscore.configuration.recipe import Recipe
from truscore.recipes.templates.from_scratch import recipe_from_scratch
from truscore.recipes.templates.template import Template


def normals_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes: an epoch takes 32 x 32 pixels of each object, others in each."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="set_network",
        image_size=32,
        learning_rate=3e-3,
        weight_decay=1e-4,
        batch_size=4,
        epochs=30,
        primary_loss="log_angular",
        dropout=0.0,
    )


def normals_full(category: str, option: str, architecture: str) -> Recipe:
    """Wider, and with what lies around a pixel: 64 x 64 pixels of each object, as one GPU trains it."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="spatial_set_network_wide",
        image_size=64,
        learning_rate=2e-3,
        weight_decay=1e-4,
        batch_size=16,
        epochs=60,
        primary_loss="log_angular",
        dropout=0.0,
    )


def uncalibrated_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes: an epoch takes 32 x 32 pixels of each object, turned otherwise."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="uncalibrated_set_network",
        image_size=32,
        learning_rate=2e-3,
        weight_decay=1e-4,
        batch_size=4,
        epochs=30,
        primary_loss="log_angular",
        dropout=0.0,
    )


def uncalibrated_full(category: str, option: str, architecture: str) -> Recipe:
    """Wider, on 96 x 96 pixels of each object, as one GPU trains it."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="uncalibrated_set_network_wide",
        image_size=96,
        learning_rate=2e-3,
        weight_decay=1e-4,
        batch_size=8,
        epochs=60,
        primary_loss="log_angular",
        dropout=0.0,
    )


TEMPLATES: Mapping[str, Template] = {
    "normals": Template(small=normals_small, full=normals_full),
    "uncalibrated_normals": Template(small=uncalibrated_small, full=uncalibrated_full),
}
