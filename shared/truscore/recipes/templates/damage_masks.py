"""Recipes of the options that find damaged and worn pixels."""

from collections.abc import Mapping
from dataclasses import replace

from truscore.configuration.recipe import (
    AdvancedSettings,
    ArchitectureConfig,
    CustomModifications,
    EarlyStopping,
    FocalLossParams,
    Hyperparameters,
    LossConfig,
    LossWeights,
    Optimization,
    Recipe,
    Regularization,
    TrainingProcess,
)
from truscore.recipes.templates.template import Template, primary_metric_of


def damage_mask_u_net_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes. Dice counts scratches of few pixels as much as large stains."""
    return Recipe(
        category=category,
        option=option,
        architecture=architecture,
        architecture_config=ArchitectureConfig(
            base_architecture="u_net_shufflenet_v2",
            pretrained_weights="none",
            custom_modifications=CustomModifications(
                backbone_freezing="none", head_customization="standard", feature_pyramid="standard"
            ),
            multi_gpu_support=True,
            optimization_mode="none",
        ),
        hyperparameters=Hyperparameters(
            optimization=Optimization(
                learning_rate=2e-3,
                lr_scheduler="one_cycle",
                batch_size=4,
                gradient_clipping=10.0,
                weight_decay=1e-4,
                momentum=0.9,
            ),
            training_process=TrainingProcess(
                epochs=20,
                early_stopping=EarlyStopping(patience=10, min_delta=0.001),
                validation_frequency=1,
                checkpoint_saving="best_and_latest",
            ),
            advanced_settings=AdvancedSettings(
                mixed_precision=True,
                gradient_accumulation_steps=1,
                multi_gpu_strategy="data_parallel",
                memory_optimization=False,
            ),
        ),
        loss_config=LossConfig(
            primary_loss="dice_loss",
            loss_weights=LossWeights(classification=1.0, bbox_regression=1.0, mask_loss=1.0),
            focal_loss_params=FocalLossParams(alpha=0.25, gamma=2.0),
            regularization=Regularization(l2_weight=0.0, dropout=0.0),
        ),
        seed=0,
        image_size=160,
        primary_metric=primary_metric_of(category, option, architecture),
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
    "damage_mask_u_net": Template(small=damage_mask_u_net_small, full=damage_mask_u_net_full),
    "damage_mask_deeplabv3": Template(small=damage_mask_deeplabv3_small, full=damage_mask_deeplabv3_full),
    "damage_mask_sam": Template(small=damage_mask_sam_small, full=damage_mask_sam_full),
}
