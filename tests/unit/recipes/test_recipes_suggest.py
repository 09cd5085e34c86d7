"""Whatever the data and the machine: a suggestion is complete, resolves, and moves the way it says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import Row, row_of
from truscore.datasets.statistics import Statistics
from truscore.recipes import InvalidConfig, config_of, resolve
from truscore.recipes.accepted_values import RULES
from truscore.recipes.memory import batch_that_fits, image_bytes, weights_bytes
from truscore.recipes.resolve import ROW_KEYS
from truscore.recipes.suggest import EVEN_HANDED, FOCAL_IMBALANCE, suggest
from truscore.recipes.suggestion import Gpu, Hardware, Suggestion

from tests.unit.recipes.rows import AVAILABLE, name_of

GIB = 2**30
TWO_CORES = Hardware(cpu_cores=2, free_bytes=16 * GIB)
ONE_GPU = Hardware(cpu_cores=16, free_bytes=128 * GIB, gpus=(Gpu(name="H100", free_bytes=79 * GIB),))

BATCH = "hyperparameters.optimization.batch_size"
LOSS = "loss_config.primary_loss"
RECOMPUTE = "hyperparameters.advanced_settings.memory_optimization"

SHARES = st.floats(0, 1)
FACTS = st.builds(
    Statistics,
    images=st.integers(1, 10**6),
    groups=st.integers(1, 10**6),
    unlabelled_images=st.integers(0, 10),
    longer_side=st.integers(1, 20_000),
    longest_side=st.integers(1, 20_000),
    instances=st.integers(0, 10**7),
    most_instances=st.integers(0, 1000),
    outlined=st.integers(0, 10**7),
    small_object_side=SHARES,
    object_side=SHARES,
    marked_share=SHARES,
    class_counts=st.dictionaries(st.text(max_size=5), st.integers(0, 10**6), max_size=12),
    graded_images=st.integers(0, 10**6),
    scored_images=st.integers(0, 10**6),
)
BYTES = st.integers(0, 1 << 42)
HARDWARE = st.builds(
    Hardware,
    cpu_cores=st.integers(1, 512),
    free_bytes=BYTES,
    gpus=st.lists(st.builds(Gpu, name=st.text(max_size=5), free_bytes=BYTES), max_size=9).map(tuple),
)
ROWS = st.sampled_from(AVAILABLE)
PLENTY = Statistics(
    images=2000,
    groups=2000,
    unlabelled_images=0,
    longer_side=1600,
    longest_side=1600,
    instances=4000,
    most_instances=2,
    outlined=4000,
    small_object_side=0.5,
    object_side=0.5,
    marked_share=0.5,
    class_counts={"a": 2000, "b": 2000},
    graded_images=0,
    scored_images=0,
)


def chosen(suggestion: Suggestion) -> dict[str, Any]:
    return {choice.key: choice.value for choice in suggestion.choices}


def for_row(row: Row, facts: Statistics, hardware: Hardware, **more: Any) -> Suggestion:
    return suggest(row.category, row.option, facts, hardware, architecture=row.architecture, **more)


@settings(max_examples=100, deadline=None)
@given(row=ROWS, named=st.booleans(), facts=FACTS, hardware=HARDWARE)
def test_any_dataset_on_any_machine_gets_a_complete_configuration_that_resolves_to_itself(
    row: Row, named: bool, facts: Statistics, hardware: Hardware
) -> None:
    proposal = suggest(row.category, row.option, facts, hardware, architecture=row.architecture if named else "")
    assert {choice.key for choice in proposal.choices} == {"architecture", *RULES, *ROW_KEYS}
    assert len(proposal.choices) == len(RULES) + len(ROW_KEYS) + 1
    assert all(choice.reason for choice in proposal.choices)
    for profile in ("small", "full"):
        recipe = resolve(proposal.category, proposal.option, proposal.architecture, proposal.config, profile=profile)
        assert config_of(recipe) == proposal.config
    process = proposal.config["hyperparameters"]["training_process"]
    patience, epochs = process["early_stopping"]["patience"], process["epochs"]
    stated = [
        resolve(proposal.category, proposal.option, proposal.architecture, profile=profile).hyperparameters
        for profile in ("small", "full")
    ]
    to_its_end = any(each.training_process.early_stopping.patience >= each.training_process.epochs for each in stated)
    assert (to_its_end and patience == epochs) or patience * process["validation_frequency"] < epochs


def test_borders_are_suggested_to_the_end_of_their_schedule_where_their_recipe_is() -> None:
    for architecture in ("mask_rcnn", "detectron2"):
        recipe = resolve("border_detection", "dual_class", architecture)
        process = recipe.hyperparameters.training_process
        assert recipe.primary_metric == "edge_error_all_px"
        assert process.early_stopping.patience >= process.epochs
        chosen = suggest("border_detection", "dual_class", PLENTY, TWO_CORES, architecture=architecture).config
        suggested = chosen["hyperparameters"]["training_process"]
        assert suggested["early_stopping"]["patience"] == suggested["epochs"]


@settings(max_examples=20, deadline=None)
@given(row=ROWS, facts=FACTS, hardware=HARDWARE)
def test_the_same_facts_give_the_same_suggestion(row: Row, facts: Statistics, hardware: Hardware) -> None:
    assert for_row(row, facts, hardware) == for_row(row, facts, hardware)


@settings(max_examples=100, deadline=None)
@given(row=ROWS, facts=FACTS, least=BYTES, more=BYTES, gpus=st.integers(0, 4))
def test_more_memory_never_makes_the_batch_smaller(
    row: Row, facts: Statistics, least: int, more: int, gpus: int
) -> None:
    def batch(free: int) -> int:
        gpu = Gpu(name="", free_bytes=free)
        hardware = Hardware(cpu_cores=4, free_bytes=free, gpus=(gpu,) * gpus)
        return int(chosen(for_row(row, facts, hardware))[BATCH])

    assert batch(least) <= batch(least + more)


@settings(max_examples=60, deadline=None)
@given(row=ROWS, facts=FACTS, hardware=HARDWARE)
def test_an_epoch_has_at_least_eight_steps_wherever_there_are_images_for_them(
    row: Row, facts: Statistics, hardware: Hardware
) -> None:
    assume(facts.images >= 60 * max(1, len(hardware.gpus)))
    proposal = chosen(for_row(row, facts, hardware))
    step = proposal[BATCH] * proposal["hyperparameters.advanced_settings.gradient_accumulation_steps"]
    # Rounded up to whole batches per process.
    assert step * max(1, len(hardware.gpus)) < 2 * 0.7 * facts.images / 8 + 2


@settings(max_examples=60, deadline=None)
@given(row=ROWS, facts=FACTS, common=st.integers(1, 10**5), times=st.floats(1, 100))
def test_classes_further_apart_than_the_line_get_a_focal_loss_where_there_is_one(
    row: Row, facts: Statistics, common: int, times: float
) -> None:
    counts = {"rare": common, "common": round(common * times), "never": 0}
    facts = replace(facts, class_counts=counts)
    proposal = chosen(for_row(row, facts, TWO_CORES))
    usual = resolve(row.category, row.option, row.architecture).loss_config.primary_loss
    moves = "focal_loss" in row.losses and usual not in EVEN_HANDED
    assert proposal[LOSS] == ("focal_loss" if moves and facts.class_imbalance >= FOCAL_IMBALANCE else usual)


@pytest.mark.parametrize("row", AVAILABLE, ids=name_of)
def test_a_large_gpu_gets_the_rows_recipe_for_gpus(row: Row) -> None:
    full = resolve(row.category, row.option, row.architecture, profile="full")
    proposal = chosen(for_row(row, PLENTY, ONE_GPU))
    base = full.architecture_config.base_architecture
    assert proposal["architecture_config.base_architecture"] == base
    assert proposal["hyperparameters.advanced_settings.mixed_precision"] is True
    assert not proposal[RECOMPUTE]
    room = int(0.8 * ONE_GPU.gpus[0].free_bytes)
    assert weights_bytes(base) + proposal[BATCH] * image_bytes(base, proposal["image_size"]) <= room


def test_a_gpu_that_is_too_small_gets_the_small_recipe_and_says_so() -> None:
    tiny = Hardware(cpu_cores=2, free_bytes=GIB, gpus=(Gpu(name="Tiny", free_bytes=1 * GIB),))
    proposal = suggest("border_detection", "dual_class", PLENTY, tiny)
    base = next(choice for choice in proposal.choices if choice.key.endswith("base_architecture"))
    assert base.value == resolve("border_detection", "dual_class").architecture_config.base_architecture
    assert "doesn't fit Tiny" in base.reason


def test_a_batch_is_made_of_parts_and_stages_recomputed_where_memory_is_short() -> None:
    recipe = resolve("border_detection", "dual_class")
    base, size = recipe.architecture_config.base_architecture, recipe.image_size
    room = weights_bytes(base) + image_bytes(base, size)
    short = Hardware(cpu_cores=2, free_bytes=2 * room)
    proposal = chosen(suggest("border_detection", "dual_class", PLENTY, short))
    assert proposal[RECOMPUTE]
    assert batch_that_fits(base, size, room, recomputed=True) >= proposal[BATCH]
    nothing = chosen(suggest("border_detection", "dual_class", PLENTY, Hardware(cpu_cores=2, free_bytes=0)))
    assert nothing[BATCH] == 1
    assert nothing["hyperparameters.advanced_settings.gradient_accumulation_steps"] == 2


def test_small_objects_make_images_larger_and_small_images_keep_their_size() -> None:
    def size(**changes: Any) -> int:
        facts = replace(PLENTY, **changes)
        return int(chosen(suggest("border_detection", "dual_class", facts, TWO_CORES))["image_size"])

    usual = resolve("border_detection", "dual_class").image_size
    assert size() == usual
    assert size(small_object_side=0.04) == 416  # 16 px of 400, in steps of 32
    assert size(small_object_side=0.001) == 1024
    assert size(longer_side=90) == 96
    assert size(longer_side=90, small_object_side=0.001) == 96


def test_weights_are_taken_where_the_store_has_them_and_nobody_guesses_otherwise() -> None:
    def weights(known: frozenset[str] | None) -> Mapping[str, Any]:
        proposal = suggest("border_detection", "dual_class", PLENTY, ONE_GPU, weights=known)
        return {choice.key.rsplit(".", 1)[-1]: (choice.value, choice.reason) for choice in proposal.choices}

    base = resolve("border_detection", "dual_class", profile="full").architecture_config.base_architecture
    assert "coco" in NETWORKS[base].pretrained
    unknown, none = weights(None), weights(frozenset())
    assert unknown["pretrained_weights"][0] == none["pretrained_weights"][0] == "none"
    assert "not known" in unknown["pretrained_weights"][1]
    assert "the store has none" in none["pretrained_weights"][1]
    here = weights(frozenset({f"pretrained/{base}/coco.pth", "pretrained/other/coco.pth"}))
    assert here["pretrained_weights"][0] == "coco"
    assert here["backbone_freezing"][0] == "none"  # 2,000 sources
    assert weights(frozenset({"pretrained/other/coco.pth"}))["pretrained_weights"][0] == "none"


def test_from_published_weights_a_small_recipes_body_gets_a_fifth_of_the_rate_and_new_parts_all_of_it() -> None:
    def rates(known: frozenset[str]) -> tuple[float, float, str]:
        proposal = suggest("corner_analysis", "damage_detection", PLENTY, TWO_CORES, weights=known)
        [rate] = [choice for choice in proposal.choices if choice.key.endswith(".learning_rate")]
        [share] = [choice for choice in proposal.choices if choice.key.endswith("backbone_lr_multiplier")]
        return rate.value, share.value, share.reason

    base = resolve("corner_analysis", "damage_detection").architecture_config.base_architecture
    scratch, gentle = rates(frozenset()), rates(frozenset({f"pretrained/{base}/nanodet.pth"}))
    assert gentle[0] == scratch[0]
    assert (scratch[1], gentle[1]) == (1.0, 0.2)
    assert "published weights" in gentle[2]


@pytest.mark.parametrize(
    ("category", "option", "architecture", "base"),
    [
        ("surface_analysis", "quality_rating", "efficientnet", "statistics_efficientnet_lite0"),
        ("corner_analysis", "damage_detection", "u_net", "u_net_efficientnet_lite0_slim"),
    ],
)
def test_a_published_body_that_a_package_has_is_preferred_with_its_reason(
    category: str, option: str, architecture: str, base: str
) -> None:
    def network(packaged: frozenset[tuple[str, str]]) -> tuple[Any, Any, str]:
        proposal = suggest(category, option, PLENTY, TWO_CORES, architecture=architecture, packaged=packaged)
        by_key = {choice.key.rsplit(".", 1)[-1]: choice for choice in proposal.choices}
        return by_key["base_architecture"].value, by_key["pretrained_weights"].value, by_key["base_architecture"].reason

    assert network(frozenset())[1] == "none"
    taken, weights, reason = network(frozenset({(base, "imagenet")}))
    assert (taken, weights) == (base, "imagenet")
    assert "an installed package has" in reason


def test_windows_keep_their_size_however_small_the_marks_are_and_their_loss() -> None:
    row = ("corner_analysis", "damage_detection")
    named = {"architecture": "u_net", "packaged": frozenset({("u_net_efficientnet_lite0_slim", "imagenet")})}
    proposal = suggest(*row, replace(PLENTY, small_object_side=0.001), TWO_CORES, **named)  # type: ignore[arg-type]
    by_key = {choice.key: choice for choice in proposal.choices}
    assert (by_key["sampling"].value, by_key["image_size"].value) == ("windows", 192)
    assert "at native resolution" in by_key["image_size"].reason
    assert by_key[LOSS].value == "hierarchical_dice_loss"
    assert suggest(*row, PLENTY, TWO_CORES).config["image_size"] == 160


def test_boxes_without_outlines_get_a_network_that_needs_none_where_the_option_has_one() -> None:
    boxes = replace(PLENTY, outlined=0)
    proposal = suggest("border_detection", "single_class", boxes, TWO_CORES)
    finders = [row for row in AVAILABLE if (row.option, row.task) == ("single_class", "detection")]
    row = row_of("border_detection", "single_class", proposal.architecture)
    assert row.task == ("detection" if finders else "instance_segmentation")
    assert suggest("border_detection", "dual_class", boxes, TWO_CORES).architecture == "mask_rcnn"


@pytest.mark.parametrize(
    ("category", "option", "architecture", "key"),
    [
        ("cards", "dual_class", "", "category"),
        ("border_detection", "triple", "", "option"),
        ("border_detection", "dual_class", "alexnet", "architecture"),
    ],
)
def test_a_row_that_is_not_there_is_refused_by_name(category: str, option: str, architecture: str, key: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        suggest(category, option, PLENTY, TWO_CORES, architecture=architecture)
    assert caught.value.key == key
