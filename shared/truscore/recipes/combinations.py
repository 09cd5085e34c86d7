"""Choices that are each fine and together aren't, and keys that a row of the catalog has nothing to do with."""

from collections.abc import Iterator, Mapping
from typing import Any

from truscore.catalog import Row, network_of
from truscore.catalog.networks import NETWORKS
from truscore.catalog.tasks import TASKS
from truscore.configuration.errors import InvalidConfig
from truscore.configuration.recipe import Recipe

_CUSTOM = "architecture_config.custom_modifications"
_PRETRAINED = "architecture_config.pretrained_weights"
_MULTIPLIER = "hyperparameters.optimization.backbone_lr_multiplier"
_STRATEGY = "hyperparameters.advanced_settings.multi_gpu_strategy"
_WEIGHTS = "loss_config.loss_weights"

# What a training sample may be beside a whole image.
_WINDOWS, _COPY_PASTE = "semantic_segmentation", "instance_segmentation of defects"

# Of the images; the rest is what there is to train on.
MOST_HELD_OUT = 0.9


def refuse_impossible(recipe: Recipe, row: Row, changed: Mapping[str, Any]) -> None:
    """Raise InvalidConfig on the first impossible choice.

    ``changed`` are the keys, with their values, that the order turned away from the row's defaults: a default is never
    refused for having no effect.
    """
    for key, value, accepted in _impossible(recipe, row, changed):
        raise InvalidConfig(key, value, accepted)


def without_effect(row: Row, base: str) -> dict[str, str]:
    """Keys that this row leaves at their defaults when built on ``base``, each with what it says on a refusal."""
    network = network_of(base)
    silent = {}
    if not network.pyramid:
        silent[f"{_CUSTOM}.feature_pyramid"] = f"standard: {base} has no feature pyramid"
    if not network.head:
        silent[f"{_CUSTOM}.head_customization"] = f"standard: {base} has one head only"
    counted = TASKS[row.task].loss_parts if row.task in TASKS else ()
    for weight in ("classification", "bbox_regression", "mask_loss"):
        if weight not in counted:
            others = ", ".join(counted)
            silent[f"{_WEIGHTS}.{weight}"] = f"its default: the loss of {row.task} has no such part, only {others}"
    if samplings_of(row) == ("whole",):
        silent["sampling"] = _sampling_said(row)
    return silent


def samplings_of(row: Row) -> tuple[str, ...]:
    """What a training sample of the row's task can be."""
    if row.task == "semantic_segmentation":
        return "whole", "windows"
    # A card has its own borders and no others; what a plug-in's labels survive, only the plug-in knows.
    if row.task == "instance_segmentation" and row.category not in ("border_detection", "experimental"):
        return "whole", "copy_paste"
    return ("whole",)


def _sampling_said(row: Row) -> str:
    accepted = " or ".join(samplings_of(row))
    return f"{accepted}: windows are for {_WINDOWS}, copy_paste for {_COPY_PASTE}, and this row is for {row.task}"


def _impossible(recipe: Recipe, row: Row, changed: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    silent = without_effect(row, recipe.architecture_config.base_architecture)
    yield from ((key, value, silent[key]) for key, value in changed.items() if key in silent)
    if "sampling" not in silent and recipe.sampling not in samplings_of(row):
        yield "sampling", recipe.sampling, _sampling_said(row)
    yield from _weights_that_fit_another(recipe)
    yield from _freezing_random_weights(recipe)
    yield from _multiplier_of_random_weights(recipe, changed)
    yield from _sharding_that_does_not_fit(recipe, row)
    yield from _parameters_of_no_focal_loss(recipe, changed)
    yield from _a_loss_of_nothing(recipe, row)
    yield from _nothing_to_train_on(recipe)


def _nothing_to_train_on(recipe: Recipe) -> Iterator[tuple[str, Any, str]]:
    split = recipe.split
    most = round(MOST_HELD_OUT - split.validation_fraction, 6)
    if split.test_fraction > most:
        accepted = f"a number from 0 to {most:g}, as split.validation_fraction is {split.validation_fraction:g}"
        yield "split.test_fraction", split.test_fraction, accepted


def _weights_that_fit_another(recipe: Recipe) -> Iterator[tuple[str, Any, str]]:
    """A published name stands for one file per network; a site's own names are found out when they are fetched."""
    base, name = recipe.architecture_config.base_architecture, recipe.architecture_config.pretrained_weights
    fitting = network_of(base).pretrained
    others = sorted(network.name for network in NETWORKS.values() if name in network.pretrained)
    if name not in fitting and others:
        own = ", ".join(("none", *fitting))
        yield _PRETRAINED, name, f"{own}, or a name of your own; {name} is published for {', '.join(others)}"


def _freezing_random_weights(recipe: Recipe) -> Iterator[tuple[str, Any, str]]:
    freezing = recipe.architecture_config.custom_modifications.backbone_freezing
    if freezing != "none" and recipe.architecture_config.pretrained_weights == "none":
        yield f"{_CUSTOM}.backbone_freezing", freezing, f"none, as {_PRETRAINED} is none: frozen stages stay random"


def _multiplier_of_random_weights(recipe: Recipe, changed: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    if _MULTIPLIER in changed and recipe.architecture_config.pretrained_weights == "none":
        yield _MULTIPLIER, changed[_MULTIPLIER], f"its default, as {_PRETRAINED} is none: all of it is new"


def _sharding_that_does_not_fit(recipe: Recipe, row: Row) -> Iterator[tuple[str, Any, str]]:
    if recipe.hyperparameters.advanced_settings.multi_gpu_strategy != "fully_sharded":
        return
    if not TASKS[row.task].shardable:
        yield _STRATEGY, "fully_sharded", f"data_parallel; {row.architecture} is not yet proven in shards"
    elif recipe.architecture_config.custom_modifications.head_customization == "phoenix_specialized":
        # FSDP2 takes no scalar parameter, and the stage has one: how sharp its lines are.
        reason = f"data_parallel, as {_CUSTOM}.head_customization is phoenix_specialized: standard can be sharded"
        yield _STRATEGY, "fully_sharded", reason
    elif not recipe.architecture_config.multi_gpu_support:
        yield _STRATEGY, "fully_sharded", "data_parallel, as architecture_config.multi_gpu_support is false"
    elif recipe.architecture_config.optimization_mode != "none":
        yield _STRATEGY, "fully_sharded", "data_parallel, as architecture_config.optimization_mode is not none"
    elif recipe.loss_config.regularization.l2_weight:
        key = "loss_config.regularization.l2_weight"
        yield key, recipe.loss_config.regularization.l2_weight, f"0, as {_STRATEGY} is fully_sharded: use weight_decay"


def _parameters_of_no_focal_loss(recipe: Recipe, changed: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    if recipe.loss_config.primary_loss != "focal_loss":
        for key, value in changed.items():
            if key.startswith("loss_config.focal_loss_params."):
                yield key, value, "its default, as loss_config.primary_loss is not focal_loss"


def _a_loss_of_nothing(recipe: Recipe, row: Row) -> Iterator[tuple[str, Any, str]]:
    counted = TASKS[row.task].loss_parts if row.task in TASKS else ()
    if counted and not any(getattr(recipe.loss_config.loss_weights, weight) for weight in counted):
        yield _WEIGHTS, "all zero", f"at least one of {', '.join(counted)} above 0"
