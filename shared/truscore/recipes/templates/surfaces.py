"""Recipes of the options that learn surfaces out of views under many lights."""

from collections.abc import Mapping

from truscore.configuration.recipe import Recipe
from truscore.recipes.templates.from_scratch import recipe_from_scratch
from truscore.recipes.templates.template import Template


def depth_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes: an epoch takes 48 x 48 pixels of each object, others in each."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="surface_network",
        image_size=48,
        learning_rate=3e-3,
        weight_decay=1e-4,
        batch_size=4,
        epochs=30,
        primary_loss="log_depth_and_normals",
        dropout=0.0,
    )


def depth_full(category: str, option: str, architecture: str) -> Recipe:
    """Wider, on 96 x 96 pixels of each object, as one GPU trains it."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="surface_network_wide",
        image_size=96,
        learning_rate=2e-3,
        weight_decay=1e-4,
        batch_size=8,
        epochs=60,
        primary_loss="log_depth_and_normals",
        dropout=0.0,
    )


def surface_small(category: str, option: str, architecture: str) -> Recipe:
    """As that of depths, by the angles between normals."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="light_refit_surface_network",
        image_size=40,
        learning_rate=3e-3,
        weight_decay=1e-4,
        batch_size=4,
        epochs=30,
        primary_loss="log_angular",
        dropout=0.0,
    )


def surface_full(category: str, option: str, architecture: str) -> Recipe:
    """Wider, on 96 x 96 pixels of each object, as one GPU trains it."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="light_refit_surface_network_wide",
        image_size=96,
        learning_rate=2e-3,
        weight_decay=1e-4,
        batch_size=8,
        epochs=60,
        primary_loss="log_angular",
        dropout=0.0,
    )


TEMPLATES: Mapping[str, Template] = {
    "depth": Template(small=depth_small, full=depth_full),
    "surfaces": Template(small=surface_small, full=surface_full),
}
