"""Which batch fits: the largest that memory, the training images and the device's ceiling leave, and its rate."""

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from truscore.catalog.networks import NETWORKS
from truscore.recipes import FoundBatch, InvalidConfig, Recipe, recipe_to_json, resolve, run_id_for
from truscore.recipes.batch_size import (
    LEAST_STEPS,
    MemoryNeed,
    find_batch,
    rate_factor,
    with_words_resolved,
)

MIB = 1 << 20
SGD = next(network.name for network in NETWORKS.values() if network.solver == "sgd")


def recipe_of(**optimization: Any) -> Recipe:
    return resolve("border_detection", "dual_class", "", {"hyperparameters": {"optimization": optimization}})


def found(
    *, stated: int = 2, images: int = 100_000, limit_mib: float = 1 << 20, image_mib: float = 1.0, processes: int = 1,
    world: int = 1, least: int = 1, ceiling: int = 256,
) -> FoundBatch:  # fmt: skip
    need = MemoryNeed(
        image_bytes=int(image_mib * MIB), fixed_bytes=10 * MIB, limit_bytes=int(limit_mib * MIB)
    )  # fmt: skip
    return find_batch(
        recipe_of(batch_size=stated, find_batch_size=True), need, processes=processes, least=least, ceiling=ceiling,
        steps=lambda batch: math.ceil(math.ceil(images / world) / batch),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given_", "batch", "bound_by"),
    [
        ({}, 256, "ceiling"),
        ({"ceiling": 8}, 8, "ceiling"),
        ({"stated": 3}, 192, "ceiling"),  # 3 doubled: whatever shares 3 images evenly shares these
        ({"limit_mib": 42}, 32, "memory"),
        ({"limit_mib": 41.9}, 16, "memory"),
        ({"images": 100}, 8, "training_images"),  # of 16 there would be seven steps
        ({"images": 100, "world": 2}, 4, "training_images"),
        ({"stated": 32, "limit_mib": 14}, 4, "memory"),
        ({"stated": 32, "limit_mib": 11}, 1, "memory"),
        ({"stated": 32, "limit_mib": 11, "least": 2}, 2, "memory"),
        ({"stated": 32, "images": 9}, 2, "training_images"),  # one image a step is for want of memory only
        ({"stated": 6, "limit_mib": 11, "processes": 3}, 3, "memory"),
        ({"stated": 6, "processes": 3, "ceiling": 8}, 24, "ceiling"),
        ({"stated": 3, "limit_mib": 11}, 3, "memory"),  # it has no half
    ],
)
def test_the_batch_is_the_largest_that_fits(given_: dict[str, Any], batch: int, bound_by: str) -> None:
    one = found(**given_)
    assert (one.batch_size, one.bound_by) == (batch, bound_by)


SIZES = {
    "stated": st.integers(1, 64), "images": st.integers(1, 5000), "limit_mib": st.floats(1, 4000),
    "image_mib": st.floats(0.01, 100), "ceiling": st.integers(1, 512),
}  # fmt: skip


@given(**SIZES)
def test_it_fits_or_nothing_smaller_does_and_twice_of_it_does_not(**sizes: Any) -> None:
    one = found(**sizes)
    factor = one.batch_size / one.stated_batch_size
    assert math.log2(factor).is_integer()

    def fits(batch: float) -> bool:
        memory = one.fixed_bytes + batch * one.image_bytes <= one.limit_bytes
        return memory and math.ceil(sizes["images"] / batch) >= LEAST_STEPS and batch <= sizes["ceiling"]

    assert not fits(2 * one.batch_size)
    if not fits(one.batch_size):
        assert one.batch_size <= one.stated_batch_size
        assert one.batch_size % 2 or one.batch_size == 2


@given(more=st.floats(1, 10), **SIZES)
def test_more_memory_never_makes_it_smaller(more: float, **sizes: Any) -> None:
    assert found(**{**sizes, "limit_mib": more * sizes["limit_mib"]}).batch_size >= found(**sizes).batch_size


@given(processes=st.integers(1, 6), share=st.integers(1, 8), limit_mib=st.floats(11, 500))
def test_processes_share_it_evenly(processes: int, share: int, limit_mib: float) -> None:
    one = found(stated=processes * share, processes=processes, limit_mib=limit_mib)
    assert one.batch_size % processes == 0


def test_the_rate_goes_with_the_batch_for_sgd_and_with_its_root_for_adam() -> None:
    assert rate_factor(SGD, 4.0) == 4.0
    assert rate_factor("mask_rcnn_resnet50_fpn", 4.0) == 2.0
    assert rate_factor("a plug-in's", 0.25) == 0.5


@given(factor=st.floats(0.01, 100), again=st.floats(0.01, 100))
def test_scaling_twice_is_scaling_by_both(factor: float, again: float) -> None:
    for base in (SGD, "mask_rcnn_resnet50_fpn"):
        assert rate_factor(base, factor) * rate_factor(base, again) == pytest.approx(rate_factor(base, factor * again))


def test_the_recipe_is_trained_with_what_was_found_and_is_else_the_same() -> None:
    recipe = recipe_of(batch_size=2, find_batch_size=True, learning_rate=1e-3)
    one = found(images=100)
    trained = one.applied_to(recipe)
    assert trained == recipe_of(batch_size=8, find_batch_size=True, learning_rate=one.learning_rate)
    assert "8 images instead of 2" in one.reason
    assert FoundBatch(**one.to_plain()) == one


@given(
    optimization=st.fixed_dictionaries(
        {}, optional={"batch_size": st.sampled_from(("auto", "Auto", 4, 0, None)), "learning_rate": st.just(1e-3),
                      "find_batch_size": st.sampled_from((True, False, "yes"))},
    ),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_the_word_becomes_the_key_of_the_contract_and_nothing_else_changes(
    optimization: dict[str, Any], seed: int
) -> None:
    tree = {"seed": seed, "hyperparameters": {"optimization": optimization, "training_process": {"epochs": 3}}}
    resolved = with_words_resolved(tree)
    again = with_words_resolved(resolved)
    assert again == resolved
    if optimization.get("batch_size") == "auto" and optimization.get("find_batch_size", True) is True:
        rest = {key: value for key, value in optimization.items() if key != "batch_size"}
        expected = {**tree["hyperparameters"], "optimization": rest | {"find_batch_size": True}}  # type: ignore[dict-item]
        assert resolved == {**tree, "hyperparameters": expected}
    else:
        assert resolved == tree


@given(tree=st.dictionaries(st.text(), st.one_of(st.none(), st.integers(), st.lists(st.integers()), st.just("auto"))))
def test_trees_of_any_shape_are_left_to_the_resolver(tree: dict[str, Any]) -> None:
    assume("hyperparameters" not in tree)
    assert with_words_resolved({**tree, "hyperparameters": "auto"}) == {**tree, "hyperparameters": "auto"}
    assert with_words_resolved({"hyperparameters": tree}) == {"hyperparameters": tree}


@pytest.mark.parametrize(
    ("optimization", "refused"),
    [
        ({"batch_size": "automatic"}, "batch_size: 'automatic' is not accepted; accepted: a whole number from 1"),
        ({"batch_size": "auto", "find_batch_size": False}, "or auto where find_batch_size is not false"),
        ({"find_batch_size": "auto"}, "find_batch_size: 'auto' is not accepted; accepted: true or false"),
    ],
)
def test_what_means_nothing_is_refused_by_name(optimization: dict[str, Any], refused: str) -> None:
    with pytest.raises(InvalidConfig, match=refused):
        recipe_of(**optimization)


def test_both_ways_to_ask_are_the_same_run_and_a_number_keeps_its_name() -> None:
    word, key = recipe_of(batch_size="auto"), recipe_of(find_batch_size=True)
    assert word == key
    assert run_id_for("digest", word, "request") != run_id_for("digest", recipe_of(), "request")
    assert "find_batch_size" not in recipe_to_json(recipe_of())
