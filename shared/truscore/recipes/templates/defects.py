"""Recipes of the options that find defects on a surface."""

from collections.abc import Mapping
from dataclasses import replace

from truscore.configuration.recipe import EarlyStopping, Recipe
from truscore.recipes.templates.borders import border_mask_rcnn_small
from truscore.recipes.templates.template import Template, from_published

_SMALL = {
    "fpn": "mask_rcnn_resnet18_fpn",
    "swin_transformer": "mask_rcnn_swin_mini_fpn",
    "convnext": "mask_rcnn_convnext_mini_fpn",
}
_FULL = {
    "fpn": "mask_rcnn_resnet50_fpn",
    "swin_transformer": "mask_rcnn_swin_t_fpn",
    "convnext": "mask_rcnn_convnext_tiny_fpn",
}


def defects_small(category: str, option: str, architecture: str) -> Recipe:
    """From scratch on two cores in minutes."""
    borders = border_mask_rcnn_small(category, option, architecture)
    hyper, architecture_config = borders.hyperparameters, borders.architecture_config
    custom = replace(architecture_config.custom_modifications, head_customization="standard")
    return replace(
        borders,
        architecture_config=replace(
            architecture_config, base_architecture=_SMALL[architecture], custom_modifications=custom
        ),
        hyperparameters=replace(hyper, optimization=replace(hyper.optimization, learning_rate=1e-3)),
    )


def defects_published(category: str, option: str, architecture: str) -> Recipe:
    """On EfficientNet-Lite0, which knows ImageNet, at maps fine enough for a scratch. Its first stages are left as they
    are; the last two learn what a surface looks like."""
    small = defects_small(category, option, architecture)
    published = from_published(small, base="mask_rcnn_efficientnet_lite0_fine_fpn")
    architecture_config, hyper = published.architecture_config, published.hyperparameters
    custom = replace(architecture_config.custom_modifications, backbone_freezing="partial")
    optimization = replace(hyper.optimization, learning_rate=2e-3, batch_size=4)
    return replace(
        published,
        architecture_config=replace(architecture_config, custom_modifications=custom),
        hyperparameters=replace(
            hyper,
            optimization=optimization,
            # Ten validations, as many as early stopping waits for: the few images of one would end a run by chance
            # before its rate has fallen.
            training_process=replace(hyper.training_process, epochs=50, validation_frequency=5),
        ),
        image_size=256,
    )


def defects_full(category: str, option: str, architecture: str) -> Recipe:
    """The published networks at 800 px, as one GPU trains them; learning rates are those of their papers' detectors."""
    small = defects_small(category, option, architecture)
    hyper = small.hyperparameters
    return replace(
        small,
        architecture_config=replace(small.architecture_config, base_architecture=_FULL[architecture]),
        hyperparameters=replace(
            hyper,
            optimization=replace(
                hyper.optimization, learning_rate=1e-4, batch_size=8, gradient_clipping=1.0, weight_decay=0.05
            ),
            training_process=replace(
                hyper.training_process, epochs=25, early_stopping=EarlyStopping(patience=8, min_delta=0.001)
            ),
        ),
        image_size=800,
    )


TEMPLATES: Mapping[str, Template] = {
    "defects": Template(small=defects_small, full=defects_full, published={"fpn": defects_published})
}
