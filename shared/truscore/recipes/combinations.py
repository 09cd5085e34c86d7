"""Pairs of choices that are each fine and together aren't."""

from truscore.recipes.config import Recipe
from truscore.recipes.refusal import InvalidConfig


def refuse_impossible(recipe: Recipe, changed: frozenset[str]) -> None:
    """Raise InvalidConfig on the first impossible pair; ``changed`` are the keys that the order itself named."""
    _freezing_needs_weights(recipe)
    _sharding_has_to_fit(recipe)
    _focal_params_need_focal_loss(recipe, changed)
    _some_loss_must_count(recipe)


def _freezing_needs_weights(recipe: Recipe) -> None:
    architecture = recipe.architecture_config
    freezing = architecture.custom_modifications.backbone_freezing
    if freezing != "none" and architecture.pretrained_weights == "none":
        raise InvalidConfig(
            "architecture_config.custom_modifications.backbone_freezing",
            freezing,
            "none, as architecture_config.pretrained_weights is none: frozen stages would stay random",
        )


def _sharding_has_to_fit(recipe: Recipe) -> None:
    if recipe.hyperparameters.advanced_settings.multi_gpu_strategy == "fully_sharded":
        raise InvalidConfig(
            "hyperparameters.advanced_settings.multi_gpu_strategy",
            "fully_sharded",
            f"data_parallel; {recipe.architecture} calls its parts one by one, which can't be sharded yet",
        )


def _focal_params_need_focal_loss(recipe: Recipe, changed: frozenset[str]) -> None:
    if recipe.loss_config.primary_loss == "focal_loss":
        return
    for key in sorted(changed):
        if key.startswith("loss_config.focal_loss_params."):
            value = getattr(recipe.loss_config.focal_loss_params, key.rsplit(".", 1)[-1])
            raise InvalidConfig(key, value, "nothing, as loss_config.primary_loss is not focal_loss")


def _some_loss_must_count(recipe: Recipe) -> None:
    weights = recipe.loss_config.loss_weights
    if weights.classification == weights.bbox_regression == weights.mask_loss == 0:
        raise InvalidConfig("loss_config.loss_weights", "all zero", "at least one weight above 0")
