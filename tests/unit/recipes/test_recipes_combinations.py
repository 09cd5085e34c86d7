"""Every row and key: a default is never refused, and what has no effect is refused with a reason."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import Row, row_of
from truscore.catalog.tasks import TASKS
from truscore.configuration.recipe import SAMPLINGS
from truscore.recipes import InvalidConfig, config_of, recipe_from_json, recipe_to_json, resolve
from truscore.recipes.combinations import samplings_of, without_effect

from tests.unit.recipes.rows import AVAILABLE, PROFILES, at, keys_and_values, merged, name_of, nested

CUSTOM = "architecture_config.custom_modifications"
STRATEGY = "hyperparameters.advanced_settings.multi_gpu_strategy"
ROWS = pytest.mark.parametrize("row", AVAILABLE, ids=name_of)


def resolved(row: Row, overrides: dict[str, Any], profile: str = "small") -> Any:
    return resolve(row.category, row.option, row.architecture, overrides, profile=profile)


def refused(row: Row, overrides: dict[str, Any]) -> InvalidConfig:
    with pytest.raises(InvalidConfig) as caught:
        resolved(row, overrides)
    return caught.value


@ROWS
@pytest.mark.parametrize("profile", PROFILES)
def test_a_resolved_recipe_sent_back_resolves_to_itself(row: Row, profile: str) -> None:
    recipe = resolved(row, {}, profile)
    assert resolved(row, config_of(recipe), profile) == recipe


@ROWS
def test_the_full_recipe_is_accepted_where_the_small_one_is_the_default(row: Row) -> None:
    full = resolved(row, {}, "full")
    assert resolved(row, config_of(full), "small") == full


@settings(max_examples=100, deadline=None)
@given(data=st.data(), row=st.sampled_from(AVAILABLE), profile=st.sampled_from(PROFILES))
def test_what_was_accepted_comes_back_the_same_from_text_and_as_an_order(
    data: st.DataObject, row: Row, profile: str
) -> None:
    try:
        recipe = resolved(row, data.draw(keys_and_values(row)), profile)
    except InvalidConfig:
        return
    assert recipe_from_json(recipe_to_json(recipe)) == recipe
    assert resolved(row, config_of(recipe), profile) == recipe


OTHER: dict[str, Any] = {
    f"{CUSTOM}.feature_pyramid": "enhanced",
    f"{CUSTOM}.head_customization": "phoenix_specialized",
    "loss_config.loss_weights.classification": 7.0,
    "loss_config.loss_weights.bbox_regression": 7.0,
    "loss_config.loss_weights.mask_loss": 7.0,
}


@ROWS
@pytest.mark.parametrize("key", OTHER)
def test_a_key_has_something_to_change_or_is_refused_with_the_reason(row: Row, key: str) -> None:
    for base in row.bases:
        order = merged(nested("architecture_config.base_architecture", base), nested(key, OTHER[key]))
        if key in without_effect(row, base):
            error = refused(row, order)
            assert (error.key, error.value) == (key, OTHER[key])
            assert error.accepted == without_effect(row, base)[key]
        else:
            assert at(config_of(resolved(row, order)), key) == OTHER[key]


@ROWS
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_sampling_is_taken_by_rows_that_have_a_use_for_it_and_refused_with_theirs_by_others(
    row: Row, sampling: str
) -> None:
    if sampling in samplings_of(row):
        assert resolved(row, {"sampling": sampling}).sampling == sampling
    else:
        error = refused(row, {"sampling": sampling})
        assert (error.key, error.value) == ("sampling", sampling)
        assert error.accepted.startswith(" or ".join(samplings_of(row)) + ":")


def test_defects_alone_are_pasted_and_pixels_alone_are_seen_in_windows() -> None:
    pasted = {(row.category, row.option) for row in AVAILABLE if "copy_paste" in samplings_of(row)}
    assert pasted == {("surface_analysis", "defect_detection")}
    assert {row.task for row in AVAILABLE if "windows" in samplings_of(row)} == {"semantic_segmentation"}


def test_every_task_that_can_be_trained_says_which_weights_count() -> None:
    assert {row.task for row in AVAILABLE} <= set(TASKS)
    assert all(task.loss_parts for task in TASKS.values())


@ROWS
def test_published_weights_are_refused_for_a_network_they_were_not_made_for(row: Row) -> None:
    published = {name for network in NETWORKS.values() for name in network.pretrained}
    for base in row.bases:
        for name in published - set(NETWORKS[base].pretrained):
            chosen = {"base_architecture": base, "pretrained_weights": name}
            error = refused(row, {"architecture_config": chosen})
            assert error.key == "architecture_config.pretrained_weights"
            assert "none" in error.accepted
            assert "is published for" in error.accepted


@ROWS
def test_weights_of_a_site_may_have_any_name(row: Row) -> None:
    for name in ("ours", "ours/2026.pth"):
        recipe = resolved(row, {"architecture_config": {"pretrained_weights": name}})
        assert recipe.architecture_config.pretrained_weights == name


@ROWS
def test_parameters_of_a_focal_loss_need_one(row: Row) -> None:
    for loss in row.losses:
        order = {"loss_config": {"primary_loss": loss, "focal_loss_params": {"gamma": 1.25}}}
        if loss == "focal_loss":
            assert resolved(row, order).loss_config.focal_loss_params.gamma == 1.25
        else:
            assert refused(row, order).key == "loss_config.focal_loss_params.gamma"


@ROWS
def test_a_loss_of_nothing_but_zeros_is_refused(row: Row) -> None:
    nothing = dict.fromkeys(TASKS[row.task].loss_parts, 0)
    error = refused(row, {"loss_config": {"loss_weights": nothing}})
    assert error.key == "loss_config.loss_weights"
    assert all(weight in error.accepted for weight in nothing)


@ROWS
def test_frozen_stages_of_random_weights_are_refused(row: Row) -> None:
    chosen = {"pretrained_weights": "none", "custom_modifications": {"backbone_freezing": "full"}}
    assert refused(row, {"architecture_config": chosen}).key == f"{CUSTOM}.backbone_freezing"


@ROWS
def test_weights_are_sharded_where_that_is_proven(row: Row) -> None:
    order = nested(STRATEGY, "fully_sharded")
    views = ("normal_estimation", "depth_estimation", "reflectance_estimation")
    # The second stage of borders has a scalar parameter.
    if row.task in views or row.category == "border_detection":
        error = refused(row, order)
        assert (error.key, error.value) == (STRATEGY, "fully_sharded")
        assert error.accepted.startswith("data_parallel")
    else:
        assert at(config_of(resolved(row, order)), STRATEGY) == "fully_sharded"


@pytest.mark.parametrize(
    ("beside", "value", "at_fault"),
    [
        ("architecture_config.multi_gpu_support", False, STRATEGY),
        ("architecture_config.optimization_mode", "default", STRATEGY),
        ("loss_config.regularization.l2_weight", 0.1, "loss_config.regularization.l2_weight"),
    ],
)
def test_shards_are_refused_beside_what_they_cannot_be_had_with(beside: str, value: Any, at_fault: str) -> None:
    row = row_of("corner_analysis", "quality_classification", "resnet")
    order = merged(nested(STRATEGY, "fully_sharded"), nested(beside, value))
    assert refused(row, order).key == at_fault
