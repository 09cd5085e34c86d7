"""What an order's run is: the recipe that its trainer's profile gives, where the ordered files can be made of it."""

from dataclasses import replace

import pytest
from truscore.catalog.packaged_weights import at_hand
from truscore.storage import MemoryStore

from services.trainer.handlers.consume import order_of
from services.trainer.plan import TrainingOrder, plan
from tests.unit.trainer.service.stand import an_envelope, some_dataset


@pytest.fixture
def damage() -> TrainingOrder:
    order = order_of(some_dataset(MemoryStore()), an_envelope())
    return replace(order, category="corner_analysis", option="damage_detection", architecture="u_net", overrides={})


@pytest.mark.skipif(not at_hand("u_net_efficientnet_lite0_slim", "imagenet"), reason="needs the extra `weights`")
@pytest.mark.parametrize(
    ("formats", "sampling"), [((), "windows"), (("onnx",), "windows"), (("onnx", "quantized"), "whole")]
)
def test_damage_is_learnt_from_windows_unless_a_file_is_ordered_that_windows_are_in_the_way_of(
    damage: TrainingOrder, formats: tuple[str, ...], sampling: str
) -> None:
    planned = plan(replace(damage, export_formats=formats), profile="published")
    assert planned.recipe.sampling == sampling


@pytest.mark.skipif(not at_hand("statistics_efficientnet_lite0", "imagenet"), reason="needs the extra `weights`")
@pytest.mark.parametrize(
    ("formats", "base"), [((), "statistics_efficientnet_lite0"), (("quantized",), "efficientnet_v2_slim")]
)
def test_grades_are_learnt_on_statistics_unless_a_file_is_ordered_that_they_are_in_the_way_of(
    damage: TrainingOrder, formats: tuple[str, ...], base: str
) -> None:
    grades = replace(
        damage,
        category="surface_analysis",
        option="quality_rating",
        architecture="efficientnet",
        export_formats=formats,
    )
    assert plan(grades, profile="published").recipe.architecture_config.base_architecture == base
