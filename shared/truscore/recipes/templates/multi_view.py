"""Recipes of the option that learns depths out of several cameras' views."""

from collections.abc import Mapping

from truscore.configuration.recipe import Recipe
from truscore.recipes.templates.from_scratch import recipe_from_scratch
from truscore.recipes.templates.template import Template


def multi_view_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes: an epoch takes 48 x 48 pixels of one view of each scene."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="multi_view_network",
        image_size=48,
        learning_rate=3e-3,
        weight_decay=1e-4,
        batch_size=2,
        epochs=10,
        primary_loss="smooth_l1",
        dropout=0.0,
    )


def multi_view_full(category: str, option: str, architecture: str) -> Recipe:
    """Wider, on 96 x 96 pixels of a view, as one GPU trains it."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="multi_view_network_wide",
        image_size=96,
        learning_rate=2e-3,
        weight_decay=1e-4,
        batch_size=4,
        epochs=60,
        primary_loss="smooth_l1",
        dropout=0.0,
    )


TEMPLATES: Mapping[str, Template] = {"multi_view": Template(small=multi_view_small, full=multi_view_full)}
