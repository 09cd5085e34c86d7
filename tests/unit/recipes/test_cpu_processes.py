"""How many processes a run trains by where there is no GPU, and the reason that is given."""

from dataclasses import replace
from typing import Any

import pytest
from truscore.recipes import cpu_processes, resolve

LARGE = 10_000  # images: training takes hours


def decided(*, images: int = LARGE, cores: int = 4, batch: int = 4, **architecture: Any) -> tuple[int, str]:
    overrides = {"architecture_config": architecture, "hyperparameters": {"optimization": {"batch_size": batch}}}
    found = cpu_processes(resolve("border_detection", "dual_class", "", overrides), images=images, cores=cores)
    return found.count, found.reason


@pytest.mark.parametrize(
    ("cores", "batch", "count"), [(4, 4, 4), (3, 4, 2), (2, 6, 2), (8, 6, 6), (4, 3, 3), (16, 2, 2)]
)
def test_as_many_processes_as_cores_that_have_equal_parts_of_the_batch(cores: int, batch: int, count: int) -> None:
    assert decided(cores=cores, batch=batch)[0] == count


def test_a_run_that_one_core_trains_in_two_minutes_has_one_process() -> None:
    assert decided(images=15) != decided(images=2_600)
    count, reason = decided(images=15)
    assert count == 1
    assert "pays from 120 s" in reason


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cores": 1}, "one core"),
        ({"batch": 1}, "no equal parts"),
        ({"batch": 5, "cores": 4}, "no equal parts"),
        ({"multi_gpu_support": False}, "multi_gpu_support is false"),
    ],
)
def test_one_process_says_why(settings: dict[str, Any], reason: str) -> None:
    count, why = decided(**settings)
    assert count == 1
    assert reason in why


def test_the_second_stage_counts_and_larger_images_count_more() -> None:
    recipe = resolve("border_detection", "dual_class")
    plain = resolve(
        "border_detection", "dual_class", "",
        {"architecture_config": {"custom_modifications": {"head_customization": "standard"}}},
    )  # fmt: skip
    small, whole = cpu_processes(plain, images=30, cores=2), cpu_processes(recipe, images=30, cores=2)
    assert (small.count, whole.count) == (1, 2)
    assert cpu_processes(replace(plain, image_size=640), images=30, cores=2).count == 2
