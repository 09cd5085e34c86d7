"""Recipes of border detection."""

from collections.abc import Mapping
from dataclasses import replace

from truscore.configuration.recipe import (
    EarlyStopping,
    Recipe,
)
from truscore.recipes.templates.from_scratch import recipe_from_scratch
from truscore.recipes.templates.template import Template


def border_mask_rcnn_small(category: str, option: str, architecture: str) -> Recipe:
    """Trains from scratch on two cores in minutes: small backbone, small heads, small images."""
    return recipe_from_scratch(
        (category, option, architecture),
        base="mask_rcnn_mobilenet_v3_large_fpn",
        image_size=160,
        learning_rate=2e-3,
        weight_decay=1e-4,
        batch_size=2,
        # With 20, two of fifteen trainings on 26 scans had not yet found one printed border (decision 136).
        epochs=40,
        patience=40,  # none stops early: the best epochs are those in which the rate has come down (decision 141)
        gradient_clipping=10.0,
        primary_loss="cross_entropy",
        dropout=0.0,
        # Its second stage: detectors alone are worse than a guess at where cards lie on a scanner (docs/accuracy.md).
        head="phoenix_specialized",
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
    """YOLOX on half a ShuffleNet, with the two-way pyramid that YOLOs have had since the fourth."""
    return _two_way(border_mask_rcnn_small(category, option, architecture), "yolox_shufflenet_v2_x0_5_pan")


def border_yolo_full(category: str, option: str, architecture: str) -> Recipe:
    """YOLOX on ResNet-50 at 640 px, the size it was published at."""
    full = _two_way(border_mask_rcnn_full(category, option, architecture), "yolox_resnet50_pan")
    return replace(full, image_size=640)


def border_detectron2_small(category: str, option: str, architecture: str) -> Recipe:
    """Detectron2's solver at its rate for an image (0.02 for 16), times eight: small networks bear it from scratch."""
    small = border_mask_rcnn_small(category, option, architecture)
    return _solved(small, "detectron2_mask_rcnn_r18_fpn", learning_rate=0.02, accumulate=1, clipping=10.0)


def border_detectron2_full(category: str, option: str, architecture: str) -> Recipe:
    """The model zoo's 1x schedule as its configurations have it: SGD with momentum 0.9 at 0.02 for 16 images, ten times
    less after two thirds and after eight ninths, with a short warm-up; in effect no clipping. Its own runs start from
    ImageNet or COCO weights with the stem and the first stage frozen: ``pretrained_weights`` and ``backbone_freezing``
    ask for that.
    """
    full = border_mask_rcnn_full(category, option, architecture)
    solved = _solved(full, "detectron2_mask_rcnn_r50_fpn", learning_rate=0.02, accumulate=4, clipping=1e3)
    return replace(solved, image_size=1066)


def _solved(recipe: Recipe, base: str, *, learning_rate: float, accumulate: int, clipping: float) -> Recipe:
    """By SGD under Detectron2's schedule; the batch is 4 images a step of accumulation, or the recipe's own."""
    hyper = recipe.hyperparameters
    optimization = replace(
        hyper.optimization,
        learning_rate=learning_rate,
        lr_scheduler="step",
        batch_size=4 if accumulate > 1 else hyper.optimization.batch_size,
        gradient_clipping=clipping,
        weight_decay=1e-4,
        momentum=0.9,
    )
    return replace(
        recipe,
        architecture_config=replace(recipe.architecture_config, base_architecture=base),
        hyperparameters=replace(
            hyper,
            optimization=optimization,
            advanced_settings=replace(hyper.advanced_settings, gradient_accumulation_steps=accumulate),
        ),
    )


def _two_way(recipe: Recipe, base: str) -> Recipe:
    architecture = recipe.architecture_config
    custom = replace(architecture.custom_modifications, feature_pyramid="enhanced")
    return replace(
        recipe,
        architecture_config=replace(architecture, base_architecture=base, custom_modifications=custom),
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


TEMPLATES: Mapping[str, Template] = {
    "border_mask_rcnn": Template(small=border_mask_rcnn_small, full=border_mask_rcnn_full),
    "border_detectron2": Template(small=border_detectron2_small, full=border_detectron2_full),
    "border_yolo": Template(small=border_yolo_small, full=border_yolo_full),
    "border_retinanet": Template(small=border_retinanet_small, full=border_retinanet_full),
}
