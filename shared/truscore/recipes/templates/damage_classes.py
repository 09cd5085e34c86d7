"""Recipes of the options that name the damages on a surface."""

from collections.abc import Mapping

from truscore.configuration.recipe import Recipe
from truscore.recipes.templates.from_scratch import recipe_from_scratch
from truscore.recipes.templates.template import Template

_NETWORKS = {"multi_head_cnn": "multi_head", "attention_network": "attention"}


def damage_classes_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes: a slim network at 96 px."""
    return recipe_from_scratch(
        (category, option, architecture),
        base=f"{_NETWORKS[architecture]}_resnet10_slim",
        image_size=96,
        learning_rate=2e-3,
        weight_decay=0.02,
        batch_size=8,
        epochs=30,
        primary_loss="cross_entropy",
    )


def damage_classes_full(category: str, option: str, architecture: str) -> Recipe:
    """ResNet-50 at 448 px, the size that the attention's paper uses, as one GPU trains it: scratches are thin."""
    return recipe_from_scratch(
        (category, option, architecture),
        base=f"{_NETWORKS[architecture]}_resnet50",
        image_size=448,
        learning_rate=1e-3,
        weight_decay=0.02,
        batch_size=16,
        epochs=25,
        primary_loss="cross_entropy",
    )


TEMPLATES: Mapping[str, Template] = {"damage_classes": Template(small=damage_classes_small, full=damage_classes_full)}
