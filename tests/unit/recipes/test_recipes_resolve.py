"""Overrides over defaults: what is accepted, and how the rest is refused."""

import copy
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore import catalog
from truscore.configuration.text import as_tree
from truscore.recipes import InvalidConfig, processes_for, resolve
from truscore.recipes.accepted_values import RULES
from truscore.recipes.placement import pretrained_key, published_name
from truscore.recipes.resolve import ROW_KEYS
from truscore.recipes.templates import TEMPLATES

# The configuration of the mission, as it stands.
MISSION: dict[str, Any] = {
    "architecture_config": {
        "base_architecture": "mask_rcnn_resnet50_fpn",
        "pretrained_weights": "coco",
        "custom_modifications": {
            "backbone_freezing": "partial",
            "head_customization": "phoenix_specialized",
            "feature_pyramid": "enhanced",
        },
        "multi_gpu_support": True,
        "optimization_mode": "max_autotune",
    },
    "hyperparameters": {
        "optimization": {
            "learning_rate": 8e-4,
            "lr_scheduler": "cosine_annealing",
            "batch_size": 12,
            "gradient_clipping": 1.0,
            "weight_decay": 1e-4,
            "momentum": 0.9,
        },
        "training_process": {
            "epochs": 25,
            "early_stopping": {"patience": 5, "min_delta": 0.001},
            "validation_frequency": 1,
            "checkpoint_saving": "best_and_latest",
        },
        "advanced_settings": {
            "mixed_precision": True,
            "gradient_accumulation_steps": 1,
            "multi_gpu_strategy": "data_parallel",
            "memory_optimization": True,
        },
    },
    "loss_config": {
        "primary_loss": "focal_loss",
        "loss_weights": {"classification": 1.0, "bbox_regression": 1.0, "mask_loss": 1.0},
        "focal_loss_params": {"alpha": 0.25, "gamma": 2.0},
        "regularization": {"l2_weight": 1e-4, "dropout": 0.1},
    },
}


FOLDS = "hyperparameters.training_process.cross_validation_folds"


def folded(folds: Any) -> dict[str, Any]:
    return {"hyperparameters": {"training_process": {"cross_validation_folds": folds}}}


def refused(**overrides: Any) -> InvalidConfig:
    with pytest.raises(InvalidConfig) as caught:
        resolve("border_detection", "dual_class", "", overrides)
    return caught.value


@pytest.mark.parametrize("profile", ["small", "full"])
def test_the_missions_configuration_is_accepted_as_it_stands(profile: str) -> None:
    tree = as_tree(resolve("border_detection", "dual_class", "mask_rcnn", MISSION, profile=profile))
    assert {key: tree[key] for key in MISSION} == MISSION


def test_every_key_of_a_recipe_has_a_rule_or_comes_from_the_catalog() -> None:
    def leaves(tree: dict[str, Any], prefix: str = "") -> set[str]:
        found = set()
        for key, value in tree.items():
            found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
        return found

    tree = asdict(resolve("border_detection", "dual_class"))
    decided_by_the_row = {"category", "option", "architecture", "primary_metric"}
    assert leaves(tree) - decided_by_the_row == {*RULES, *ROW_KEYS}


def test_an_empty_architecture_is_the_options_first() -> None:
    assert resolve("border_detection", "single_class").architecture == "mask_rcnn"


def test_what_is_not_overridden_keeps_its_default() -> None:
    before = as_tree(resolve("border_detection", "dual_class"))
    changed = {"hyperparameters": {"training_process": {"epochs": 3}}}
    after = as_tree(resolve("border_detection", "dual_class", "", changed))
    before["hyperparameters"]["training_process"]["epochs"] = 3
    assert after == before


@pytest.mark.parametrize(
    ("overrides", "key", "accepted"),
    [
        ({"hyperparameters": {"optimization": {"lr": 1}}}, "hyperparameters.optimization.lr", "learning_rate"),
        ({"architecture": {}}, "architecture", "architecture_config"),
        ({"hyperparameters": 3}, "hyperparameters", "optimization"),
        ({"seed": {"a": 1}}, "seed", "a whole number from 0"),
        ({"seed": True}, "seed", "a whole number"),
        ({"seed": 2**63}, "seed", "9223372036854775807"),
        ({"image_size": 8}, "image_size", "from 32"),
        (folded(1), FOLDS, "0 for none, or a whole number from 2 to 20"),
        (folded(21), FOLDS, "0 for none, or a whole number from 2 to 20"),
        (folded(True), FOLDS, "0 for none, or a whole number from 2 to 20"),
        ({"split": {"validation_fraction": 0}}, "split.validation_fraction", "above 0"),
        ({"split": {"validation_fraction": 0.5, "test_fraction": 0.5}}, "split.test_fraction", "from 0 to 0.4"),
        (
            {"architecture_config": {"base_architecture": "yolo11"}},
            "architecture_config.base_architecture",
            "mobilenet",
        ),
        (
            {"architecture_config": {"optimization_mode": ["none"]}},
            "architecture_config.optimization_mode",
            "max_autotune",
        ),
        (
            {"architecture_config": {"pretrained_weights": "../coco"}},
            "architecture_config.pretrained_weights",
            "pretrained/",
        ),
        (
            {"hyperparameters": {"optimization": {"learning_rate": float("nan")}}},
            "hyperparameters.optimization.learning_rate",
            "above 0",
        ),
        ({"hyperparameters": {"optimization": {"momentum": 1}}}, "hyperparameters.optimization.momentum", "below 1"),
        (
            {"hyperparameters": {"training_process": {"early_stopping": None}}},
            "hyperparameters.training_process.early_stopping",
            "patience, min_delta",
        ),
    ],
)
def test_an_unknown_key_or_value_is_refused_naming_what_is_accepted(
    overrides: dict[str, Any], key: str, accepted: str
) -> None:
    error = refused(**overrides)
    assert error.key == key
    assert accepted in error.accepted
    assert key in str(error)
    assert accepted in str(error)


def test_freezing_random_weights_is_refused() -> None:
    error = refused(architecture_config={"custom_modifications": {"backbone_freezing": "full"}})
    assert error.key.endswith("backbone_freezing")
    assert "pretrained_weights" in error.accepted


def test_parameters_of_a_focal_loss_without_a_focal_loss_are_refused() -> None:
    assert refused(loss_config={"focal_loss_params": {"gamma": 1.0}}).key == "loss_config.focal_loss_params.gamma"
    focal = {"primary_loss": "focal_loss", "focal_loss_params": {"gamma": 1.0}}
    recipe = resolve("border_detection", "dual_class", "", {"loss_config": focal})
    assert recipe.loss_config.focal_loss_params.gamma == 1.0


def test_a_loss_of_nothing_is_refused() -> None:
    nothing = {"classification": 0, "bbox_regression": 0, "mask_loss": 0}
    assert refused(loss_config={"loss_weights": nothing}).key == "loss_config.loss_weights"


def test_sharding_is_refused_for_what_cannot_be_sharded() -> None:
    error = refused(hyperparameters={"advanced_settings": {"multi_gpu_strategy": "fully_sharded"}})
    assert error.key == "hyperparameters.advanced_settings.multi_gpu_strategy"
    assert "data_parallel" in error.accepted


@pytest.mark.parametrize(
    ("row", "key"),
    [
        (("bodies", "dual_class", ""), "category"),
        (("border_detection", "triple_class", ""), "option"),
        (("border_detection", "dual_class", "yolo"), "architecture"),
    ],
)
def test_a_row_that_is_not_there_or_not_ready_is_refused(row: tuple[str, str, str], key: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        resolve(*row)
    assert caught.value.key == key


def test_no_template_is_without_a_row() -> None:
    assert {row.template for row in catalog.ROWS if row.available} == set(TEMPLATES)


def test_every_available_row_has_a_recipe_for_every_profile() -> None:
    for row in catalog.ROWS:
        assert (row.template in TEMPLATES) == row.available, row
        for profile in ("small", "full"):
            if row.available:
                recipe = resolve(row.category, row.option, row.architecture, profile=profile)
                assert recipe.architecture_config.base_architecture in row.bases
                assert recipe.loss_config.primary_loss in row.losses


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from([*RULES, *ROW_KEYS, "loss_config", "hyperparameters.optimization"])


@settings(max_examples=200, deadline=None)
@given(path=PATHS, value=JSON)
def test_whatever_stands_at_a_key_it_is_taken_as_it_is_or_refused(path: str, value: Any) -> None:
    overrides: Any = value
    for part in reversed(path.split(".")):
        overrides = {part: overrides}
    kept = copy.deepcopy(overrides)
    try:
        tree: Any = asdict(resolve("border_detection", "dual_class", "", overrides))
    except InvalidConfig:
        pass
    else:
        for part in path.split("."):
            tree = tree[part]
        assert isinstance(value, dict) or tree == value
    assert repr(overrides) == repr(kept)


def test_a_run_takes_all_gpus_of_a_host_only_where_it_may() -> None:
    many = resolve("border_detection", "dual_class")
    one = resolve("border_detection", "dual_class", "", {"architecture_config": {"multi_gpu_support": False}})
    assert (processes_for(many, 8), processes_for(many, 0), processes_for(one, 8)) == (8, 1, 1)


@pytest.mark.parametrize(
    ("name", "key", "published"),
    [
        ("none", None, ""),
        ("ours", "pretrained/mask_rcnn_mobilenet_v3_large_fpn/ours.pth", "ours"),
        ("nanodet/coco.pth", "pretrained/nanodet/coco.pth", ""),
    ],
)
def test_weights_have_a_key_in_the_store_and_a_bare_name_may_be_published(
    name: str, key: str | None, published: str
) -> None:
    recipe = resolve("border_detection", "dual_class", "", {"architecture_config": {"pretrained_weights": name}})
    assert (pretrained_key(recipe), published_name(recipe)) == (key, published)


def test_recipes_and_catalog_import_without_torch_or_numpy() -> None:
    code = "import sys, truscore.recipes, truscore.catalog; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout.strip() == "[]"
