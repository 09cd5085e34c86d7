"""What is said of a run from its curves, its clock and its mistakes: on made ones, whose answer is known."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truscore.recipes import resolve

from services.trainer.journal import EpochDone
from services.trainer.worker.report.convergence import ADVICE, Convergence, assess_convergence
from services.trainer.worker.report.error_analysis import analyse_errors, confused_pairs
from services.trainer.worker.report.performance import measure_performance
from services.trainer.worker.report.properties import Properties
from services.trainer.worker.report.resources import ResourceUsage, assess_resources

FALLING = [math.exp(-epoch / 4) for epoch in range(20)]
RISING = [1 - loss for loss in FALLING]


def epochs(
    train: Sequence[float], val: Sequence[float | None], scores: Sequence[float] | None = None, **more: float
) -> list[EpochDone]:
    return [
        EpochDone(
            epoch=number, total_epochs=len(train), train_loss=loss, val_loss=val[number - 1], learning_rate=1e-3,
            metrics={"AP": scores[number - 1]} if scores is not None and val[number - 1] is not None else {},
            images_per_second=10.0 * number, eta_s=0.0, is_best=False, **{"duration_s": 10.0, **more},
        )
        for number, loss in enumerate(train, start=1)
    ]  # fmt: skip


def verdict(train: Sequence[float], val: Sequence[float | None], scores: Sequence[float] | None = None) -> Convergence:
    return assess_convergence(epochs(train, val, scores), primary_metric="AP", min_delta=0.001)


def test_a_run_that_settles_at_its_best_is_stable() -> None:
    finding = verdict(FALLING, FALLING, [1 - math.exp(-epoch) for epoch in range(20)])
    assert finding.verdict == "stable"
    assert finding.figures["best"] == pytest.approx(1.0)


def test_a_run_whose_score_still_climbs_at_the_end_is_still_improving() -> None:
    finding = verdict(FALLING, FALLING, [epoch / 20 for epoch in range(20)])
    assert finding.verdict == "still_improving"
    assert "more epochs" in finding.advice


def test_a_run_whose_training_loss_climbs_back_is_diverging() -> None:
    losses = [*FALLING[:12], *(0.1 * 1.5**step for step in range(8))]
    assert verdict(losses, losses, RISING).verdict == "diverging"


def test_a_training_loss_that_only_ever_rises_is_diverging() -> None:
    assert verdict([1 + epoch / 5 for epoch in range(8)], [1.0] * 8, [0.0] * 8).verdict == "diverging"


def test_a_validation_loss_that_turns_while_training_goes_on_is_over_fitting() -> None:
    val = [*FALLING[:8], *(FALLING[7] + 0.05 * step for step in range(12))]
    finding = verdict(FALLING, val, [*RISING[:8], *[RISING[7] - 0.01] * 12])
    assert finding.verdict == "over_fitting"
    assert finding.figures["lowest_val_loss"] == pytest.approx(FALLING[7])
    assert "validation 8 of 20" in finding.because


def test_a_validation_loss_that_jitters_is_not_over_fitting() -> None:
    val = [loss + (0.004 if epoch % 2 else 0.0) for epoch, loss in enumerate(FALLING)]
    assert verdict(FALLING, val, RISING).verdict != "over_fitting"


def test_a_score_that_never_rises_has_plateaued() -> None:
    assert verdict([1.0] * 8, [1.0] * 8, [0.3] * 8).verdict == "plateaued"


def test_a_score_that_jumps_about_below_its_best_has_plateaued() -> None:
    scores = [0.0, 0.5, 0.9, *(0.6 if epoch % 2 else 0.8 for epoch in range(12))]
    assert verdict(FALLING[:15], FALLING[:15], scores).verdict == "plateaued"


def test_three_epochs_are_too_few_to_say() -> None:
    assert verdict(FALLING[:3], FALLING[:3], RISING[:3]).verdict == "too_short"
    assert verdict([], [], []).verdict == "too_short"


def test_epochs_that_were_not_validated_are_left_out() -> None:
    val = [loss if epoch % 2 else None for epoch, loss in enumerate(FALLING)]
    assert verdict(FALLING, val, [1 - math.exp(-epoch) for epoch in range(20)]).verdict == "stable"


def test_without_the_metric_the_validation_loss_is_the_score() -> None:
    finding = verdict(FALLING, [math.exp(-epoch) for epoch in range(20)])
    assert finding.verdict == "stable"
    assert finding.figures["best"] == pytest.approx(0.0, abs=1e-6)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=30))
def test_whatever_the_curves_there_is_one_verdict_with_finite_figures(rows: list[tuple[float, float, float]]) -> None:
    train, val, scores = ([row[place] for row in rows] for place in range(3))
    finding = verdict(train, val, scores)
    assert finding.verdict in ADVICE
    assert all(math.isfinite(value) for value in finding.figures.values())


def test_time_is_reported_by_phase_and_adds_up() -> None:
    history = epochs(FALLING[:4], FALLING[:4], [0.5, 0.96, 1.0, 0.9], loading_s=2.0, validating_s=3.0)
    performance = measure_performance(history, primary_metric="AP", best_epoch=3, saving_s=4.0)
    assert performance.seconds == {"computing": 20.0, "loading": 8.0, "validating": 12.0, "saving": 4.0}
    assert performance.total_s == 44.0
    assert performance.after_best_s == 10.0
    assert performance.epochs_to_95_percent == 2
    assert performance.images_per_second == 30.0


def test_where_the_best_score_is_not_above_nought_there_is_no_95_percent_of_it() -> None:
    history = epochs(FALLING[:2], FALLING[:2], [-2.0, -1.0])
    assert measure_performance(history, primary_metric="AP", best_epoch=2, saving_s=0).epochs_to_95_percent is None
    assert measure_performance([], primary_metric="AP", best_epoch=0, saving_s=0).images_per_second == 0


MACHINE = ResourceUsage(
    device="cpu (x86_64, 2 threads)", gpu=False, cores=2, busy_cores=1.9, loader_processes=0,
    memory_peak_bytes=2 << 30, memory_total_bytes=16 << 30, half_precision=False,
)  # fmt: skip
GPU = replace(MACHINE, device="H100", gpu=True, loader_processes=4)


def resources(
    machine: ResourceUsage = MACHINE,
    *,
    best_epoch: int = 9,
    saving_s: float = 0.0,
    found_batch: bool = False,
    **phases: float,
):  # type: ignore[no-untyped-def]
    history = epochs(FALLING[:10], FALLING[:10], RISING[:10], **phases)
    performance = measure_performance(history, primary_metric="AP", best_epoch=best_epoch, saving_s=saving_s)
    overrides = {"hyperparameters": {"optimization": {"find_batch_size": found_batch}}}
    return assess_resources(performance, machine, resolve("border_detection", "dual_class", "", overrides))


@pytest.mark.parametrize(
    ("found", "bound_by"),
    [
        (resources(), "compute"),
        (resources(loading_s=4.0), "data loading"),
        (resources(validating_s=5.0), "validation"),
        (resources(saving_s=50.0), "saving"),
        (resources(replace(GPU, memory_peak_bytes=15 << 30)), "memory"),
    ],
)
def test_what_took_most_bound_the_run(found, bound_by: str) -> None:  # type: ignore[no-untyped-def]
    assert found.bound_by == bound_by
    assert found.advice
    for advice in found.advice:
        assert advice.figures
        assert any(character.isdigit() for character in advice.text)


def test_waiting_for_images_is_reported_with_the_seconds_it_cost() -> None:
    text = resources(loading_s=4.0).advice[0].text
    assert "40.0 s, 40% of the run" in text
    assert "no loader processes" in text


def test_epochs_after_the_best_one_are_reported_with_the_seconds_they_cost() -> None:
    assert any("the 6 epochs after the best one, 4 of 10" in one.text for one in resources(best_epoch=4).advice)
    assert not any("after the best one" in one.text for one in resources(best_epoch=9).advice)


def test_an_idle_gpu_is_advised_to_take_a_larger_batch_and_half_precision() -> None:
    texts = " ".join(advice.text for advice in resources(GPU).advice)
    assert "has room, and keeps the GPU busier: 12% of its memory was in use" in texts
    assert "mixed_precision" in texts
    assert "a GPU would" not in texts


@pytest.mark.parametrize("machine", [GPU, replace(MACHINE, busy_cores=0.5)])
def test_a_larger_batch_than_the_one_that_was_found_is_not_advised(machine: ResourceUsage) -> None:
    assert "batch_size" in " ".join(advice.text for advice in resources(machine).advice)
    assert "batch_size" not in " ".join(advice.text for advice in resources(machine, found_batch=True).advice)


def properties(brightness: float, instances: int = 1) -> Properties:
    return Properties(brightness=brightness, contrast=100.0, sharpness=0.1, megapixels=1.0, instances=instances)


def test_errors_that_grow_with_darkness_are_linked_to_it() -> None:
    errors = [{"image": image, "error": image / 10, "text": f"off by {image}"} for image in range(12)]
    found = analyse_errors(
        {"image_errors": errors, "error_name": "grades off", "pictures": [{"image": "11.png", "file": "p.png"}]},
        [f"{image}.png" for image in range(12)],
        {image: properties(brightness=200.0 - image) for image in range(12)},
    )
    links = {link["property"]: link for link in found["by_property"]}
    assert links["brightness"]["correlation"] == pytest.approx(-1.0)
    assert links["brightness"]["notable"] is True
    assert links["contrast"]["correlation"] is None
    assert links["contrast"]["images"] == 12
    assert found["worst"][0] == {"image": "11.png", "error": 1.1, "text": "off by 11", "picture": "p.png"}
    assert len(found["worst"]) == 11  # the faultless one is not among them
    assert found["mean_error"] == pytest.approx(np.mean([one["error"] for one in errors]))


def test_of_a_handful_of_images_no_link_is_claimed() -> None:
    errors = [{"image": image, "error": float(image), "text": ""} for image in range(5)]
    looked_at = {image: properties(brightness=float(image)) for image in range(5)}
    assert analyse_errors({"image_errors": errors}, [str(n) for n in range(5)], looked_at)["by_property"] == []


def test_a_report_without_evidence_has_empty_findings() -> None:
    found = analyse_errors({}, [], {})
    assert (found["worst"], found["confused"], found["by_property"], found["mean_error"]) == ([], [], [], None)


def test_confused_pairs_come_by_their_share_of_the_target_class() -> None:
    matrix = {"title": "m", "real": ["a", "b"], "found": ["a", "b"], "counts": [[90, 10], [3, 1]]}
    assert [(pair.target, pair.prediction, pair.count, pair.share) for pair in confused_pairs([matrix])] == [
        ("b", "a", 3, 0.75),
        ("a", "b", 10, 0.1),
    ]
