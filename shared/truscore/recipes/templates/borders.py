"""Recipes of border detection."""

from collections.abc import Callable
from dataclasses import replace

from truscore.recipes.config import (
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


def border_mask_rcnn_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes: small backbone, small heads, small images."""
    return Recipe(
        category=category,
        option=option,
        architecture=architecture,
        architecture_config=ArchitectureConfig(
            base_architecture="mask_rcnn_mobilenet_v3_large_fpn",
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
                batch_size=2,
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
            primary_loss="cross_entropy",
            loss_weights=LossWeights(classification=1.0, bbox_regression=1.0, mask_loss=1.0),
            focal_loss_params=FocalLossParams(alpha=0.25, gamma=2.0),
            regularization=Regularization(l2_weight=0.0, dropout=0.0),
        ),
        seed=0,
        image_size=160,
        primary_metric="box_AP",
    )


def border_mask_rcnn_full(category: str, option: str, architecture: str) -> Recipe:
    """Torchvision's Mask R-CNN with ResNet-50 at 800 px, as one GPU trains it from scratch or from COCO weights."""
    small = border_mask_rcnn_small(category, option, architecture)
    hyper = small.hyperparameters
    return replace(
        small,
        architecture_config=replace(small.architecture_config, base_architecture="mask_rcnn_resnet50_fpn"),
        hyperparameters=replace(
            hyper,
            optimization=replace(hyper.optimization, learning_rate=3e-4, batch_size=8, gradient_clipping=1.0),
            training_process=replace(
                hyper.training_process, epochs=25, early_stopping=EarlyStopping(patience=8, min_delta=0.001)
            ),
        ),
        image_size=800,
    )


def border_retinanet_small(category: str, option: str, architecture: str) -> Recipe:
    """As Mask R-CNN's small recipe, with the focal loss that RetinaNet was made for."""
    return _dense(border_mask_rcnn_small(category, option, architecture), "retinanet_mobilenet_v3_small_fpn")


def border_retinanet_full(category: str, option: str, architecture: str) -> Recipe:
    """Torchvision's RetinaNet with ResNet-50 at 800 px, with the rate its second published version was trained by."""
    full = _dense(border_mask_rcnn_full(category, option, architecture), "retinanet_resnet50_fpn")
    return _with_rate(full, 1e-4)


def border_yolo_small(category: str, option: str, architecture: str) -> Recipe:
    """YOLOX on half a ShuffleNet."""
    small = border_mask_rcnn_small(category, option, architecture)
    return replace(
        small,
        architecture_config=replace(small.architecture_config, base_architecture="yolox_shufflenet_v2_x0_5_pan"),
    )


def border_yolo_full(category: str, option: str, architecture: str) -> Recipe:
    """YOLOX on ResNet-50 at 640 px, the size it was published at."""
    full = border_mask_rcnn_full(category, option, architecture)
    return replace(
        full,
        architecture_config=replace(full.architecture_config, base_architecture="yolox_resnet50_pan"),
        image_size=640,
    )


def _dense(recipe: Recipe, base: str) -> Recipe:
    return replace(
        recipe,
        architecture_config=replace(recipe.architecture_config, base_architecture=base),
        loss_config=replace(recipe.loss_config, primary_loss="focal_loss"),
    )


def _with_rate(recipe: Recipe, learning_rate: float) -> Recipe:
    hyper = recipe.hyperparameters
    return replace(
        recipe,
        hyperparameters=replace(hyper, optimization=replace(hyper.optimization, learning_rate=learning_rate)),
    )


_BY_ROW = {
    ("single_class", "mask_rcnn"): (border_mask_rcnn_small, border_mask_rcnn_full),
    ("dual_class", "mask_rcnn"): (border_mask_rcnn_small, border_mask_rcnn_full),
    ("single_class", "yolo"): (border_yolo_small, border_yolo_full),
    ("single_class", "retinanet"): (border_retinanet_small, border_retinanet_full),
}

RECIPES: dict[tuple[str, str, str, str], Callable[[str, str, str], Recipe]] = {
    ("border_detection", option, architecture, profile): recipe
    for (option, architecture), recipes in _BY_ROW.items()
    for profile, recipe in zip(("small", "full"), recipes, strict=True)
}
