"""Recipes of the options that rate how sharp a corner is."""

from collections.abc import Mapping

from truscore.configuration.recipe import Recipe
from truscore.recipes.templates.from_scratch import recipe_from_scratch
from truscore.recipes.templates.template import Template

_SMALL = {"custom_cnn": "statistics_cnn", "feature_pyramid": "pyramid_resnet10_slim"}
_FULL = {"custom_cnn": "statistics_cnn_wide", "feature_pyramid": "pyramid_resnet50"}


def sharpness_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes. Crops of more than 96 px are scaled down, and lose what is finer."""
    return recipe_from_scratch(
        (category, option, architecture),
        base=_SMALL[architecture],
        image_size=96,
        learning_rate=2e-3,
        weight_decay=0.01,
        batch_size=8,
        epochs=30,
        primary_loss="smooth_l1",
        dropout=0.0,
    )


def sharpness_full(category: str, option: str, architecture: str) -> Recipe:
    """At 256 px, as one GPU trains it: crops of corners are seldom larger."""
    return recipe_from_scratch(
        (category, option, architecture),
        base=_FULL[architecture],
        image_size=256,
        learning_rate=1e-3,
        weight_decay=0.02,
        batch_size=32,
        epochs=25,
        primary_loss="smooth_l1",
        dropout=0.1,
    )


TEMPLATES: Mapping[str, Template] = {"sharpness": Template(small=sharpness_small, full=sharpness_full)}
