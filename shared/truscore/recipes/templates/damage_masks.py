"""Recipes of the options that find damaged and worn pixels."""

from collections.abc import Mapping
from dataclasses import replace

from truscore.configuration.recipe import (
    EarlyStopping,
    Recipe,
)
from truscore.recipes.templates.from_scratch import recipe_from_scratch
from truscore.recipes.templates.template import Template, from_published


def damage_mask_u_net_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes. Dice counts scratches of few pixels as much as large stains."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="u_net_shufflenet_v2",
        image_size=160,
        learning_rate=2e-3,
        weight_decay=1e-4,
        batch_size=4,
        epochs=20,
        patience=10,
        gradient_clipping=10.0,
        primary_loss="dice_loss",
        dropout=0.0,
    )


def damage_mask_u_net_published(category: str, option: str, architecture: str) -> Recipe:
    """On EfficientNet-Lite0, which knows ImageNet and is left as it is. Windows at native resolution, of each class as
    many; whether a pixel is damage is learnt apart from which damage it is."""
    small = damage_mask_u_net_small(category, option, architecture)
    published = from_published(small, base="u_net_efficientnet_lite0_slim")
    architecture_config, hyper = published.architecture_config, published.hyperparameters
    custom = replace(architecture_config.custom_modifications, backbone_freezing="full")
    # A picture of a scanner is many tiles: looking at them all costs more than an epoch. Few validation images choose
    # an epoch by chance; the last one's rate has come down to nothing, and its weights are what is handed over.
    process = replace(hyper.training_process, epochs=40, validation_frequency=10, checkpoint_saving="latest")
    optimization = replace(hyper.optimization, batch_size=8)
    return replace(
        published,
        architecture_config=replace(architecture_config, custom_modifications=custom),
        hyperparameters=replace(hyper, optimization=optimization, training_process=process),
        loss_config=replace(published.loss_config, primary_loss="hierarchical_dice_loss"),
        image_size=192,
        sampling="windows",
    )


def damage_mask_deeplabv3_small(category: str, option: str, architecture: str) -> Recipe:
    return _on(damage_mask_u_net_small(category, option, architecture), "deeplabv3_mobilenet_v3_small")


def damage_mask_sam_small(category: str, option: str, architecture: str) -> Recipe:
    """A small transformer from scratch; its steps are kept short where its attention first finds a hold."""
    small = _on(damage_mask_u_net_small(category, option, architecture), "sam_vit_tiny")
    return _at(small, learning_rate=2e-3, batch_size=4, gradient_clipping=1.0)


def damage_mask_u_net_full(category: str, option: str, architecture: str) -> Recipe:
    """At 512 px, as one GPU trains it from scratch or from ImageNet weights."""
    return _full(_on(damage_mask_u_net_small(category, option, architecture), "u_net_resnet34"), learning_rate=5e-4)


def damage_mask_deeplabv3_full(category: str, option: str, architecture: str) -> Recipe:
    """At 512 px, as one GPU trains it from scratch or from ImageNet or COCO weights."""
    return _full(_on(damage_mask_u_net_small(category, option, architecture), "deeplabv3_resnet50"), learning_rate=3e-4)


def damage_mask_sam_full(category: str, option: str, architecture: str) -> Recipe:
    """At 512 px: published for 1024, where its attention takes sixteen times the memory (Zhang & Liu 2023, "SAMed",
    fine-tune it at 512 likewise)."""
    return _full(_on(damage_mask_u_net_small(category, option, architecture), "sam_vit_base"), learning_rate=1e-4)


def _on(recipe: Recipe, base: str) -> Recipe:
    return replace(recipe, architecture_config=replace(recipe.architecture_config, base_architecture=base))


def _at(recipe: Recipe, *, learning_rate: float, batch_size: int, gradient_clipping: float) -> Recipe:
    hyper = recipe.hyperparameters
    optimization = replace(
        hyper.optimization,
        learning_rate=learning_rate,
        batch_size=batch_size,
        gradient_clipping=gradient_clipping,
    )
    return replace(recipe, hyperparameters=replace(hyper, optimization=optimization))


def _full(recipe: Recipe, *, learning_rate: float) -> Recipe:
    larger = _at(recipe, learning_rate=learning_rate, batch_size=8, gradient_clipping=1.0)
    hyper = larger.hyperparameters
    process = replace(hyper.training_process, epochs=40, early_stopping=EarlyStopping(patience=10, min_delta=0.001))
    return replace(larger, hyperparameters=replace(hyper, training_process=process), image_size=512)


TEMPLATES: Mapping[str, Template] = {
    "damage_mask_u_net": Template(
        small=damage_mask_u_net_small,
        full=damage_mask_u_net_full,
        published={"u_net": damage_mask_u_net_published},
    ),
    "damage_mask_deeplabv3": Template(small=damage_mask_deeplabv3_small, full=damage_mask_deeplabv3_full),
    "damage_mask_sam": Template(small=damage_mask_sam_small, full=damage_mask_sam_full),
}
