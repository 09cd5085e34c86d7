"""The loop, on a task that has nothing to do with detection."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from services.trainer.journal import EpochDone, Progressed
from services.trainer.worker.checkpoint import contents, read, restore, weights_sha256, write
from services.trainer.worker.errors import Diverged
from services.trainer.worker.evaluate import evaluate
from services.trainer.worker.loop import Interrupted, TrainingRun, steps_left, take_step, train
from services.trainer.worker.optim import SCHEDULES, learning_rate
from services.trainer.worker.rng_state import capture_rng_state, restore_rng_state, seed_all
from services.trainer.worker.train_state import Progress

MakeRun = Callable[..., TrainingRun]
NAMES = ("a", "b")


def process(**keys: Any) -> dict[str, Any]:
    return {"training_process": {"epochs": 3, **keys}}


def epochs(run: TrainingRun) -> list[EpochDone]:
    return [report for report in train(run) if isinstance(report, EpochDone)]


def test_it_learns_whatever_the_task_is(make_line_run: MakeRun) -> None:
    done = epochs(make_line_run(hyperparameters={"optimization": {"learning_rate": 0.05}, **process(epochs=12)}))
    assert done[-1].train_loss < 0.2 * done[0].train_loss
    assert done[-1].metrics["box_AP"] > done[0].metrics["box_AP"]
    # What is left is the evaluation of the weights that are handed over.
    assert 0 < done[-1].eta_s < done[-1].duration_s


@pytest.mark.parametrize("stop_at", range(1, 20, 3))
def test_interrupted_before_any_step_it_goes_on_to_the_same_bits(
    make_line_run: MakeRun, tmp_path: Path, stop_at: int
) -> None:
    sections: dict[str, Any] = {
        "hyperparameters": {"optimization": {"batch_size": 5}, **process()},
        "loss_config": {"regularization": {"dropout": 0.5}},
    }
    alone = make_line_run(**sections)
    straight = epochs(alone)

    looks = iter(range(1, 1000))
    stopped = make_line_run(**sections, stop_requested=lambda: "drain" if next(looks) >= stop_at else "")
    reports = list(train(stopped))
    assert reports[-1] == Interrupted(stop="drain")
    write(contents(stopped, NAMES), tmp_path / "latest.pt")

    resumed = make_line_run(**sections)
    seed_all(12345)  # whatever the new process did before
    restore(resumed, read(tmp_path / "latest.pt"), NAMES)
    rest = epochs(resumed)
    assert weights_sha256(resumed.network) == weights_sha256(alone.network)
    before = [report for report in reports if isinstance(report, EpochDone)]
    reports = [(done.epoch, done.train_loss, done.val_loss, done.metrics, done.is_best) for done in before + rest]
    assert reports == [(done.epoch, done.train_loss, done.val_loss, done.metrics, done.is_best) for done in straight]


def test_a_stop_request_takes_effect_before_the_next_step(make_line_run: MakeRun) -> None:
    run = make_line_run()
    run.stop_requested = lambda: "cancel" if run.progress.step == 2 else ""
    assert list(train(run))[-1] == Interrupted(stop="cancel")
    assert run.progress.step == 2


def test_many_small_batches_are_one_large_one(make_line_run: MakeRun) -> None:
    def one_epoch(batch_size: int, accumulate: int) -> dict[str, torch.Tensor]:
        run = make_line_run(
            images=22,  # the last step is a smaller one, with an odd batch in it
            hyperparameters={
                "optimization": {"batch_size": batch_size},
                "advanced_settings": {"gradient_accumulation_steps": accumulate},
                **process(epochs=1),
            },
        )
        epochs(run)
        return dict(run.network.state_dict())

    small, large = one_epoch(2, 4), one_epoch(8, 1)
    for name, value in large.items():
        torch.testing.assert_close(small[name], value, rtol=1e-5, atol=1e-6)


def test_the_run_stops_when_patience_is_at_its_end(make_line_run: MakeRun) -> None:
    stopping = {"early_stopping": {"patience": 2, "min_delta": 0.5}}
    done = epochs(make_line_run(hyperparameters=process(epochs=9, **stopping)))
    assert [epoch.epoch for epoch in done] == [1, 2, 3]


def test_an_improvement_above_min_delta_renews_patience(make_line_run: MakeRun) -> None:
    run = make_line_run(hyperparameters=process(epochs=9, early_stopping={"patience": 2, "min_delta": 0.1}))
    scores = [0.1, 0.15, 0.3, 0.35, 0.39, 0.9]
    patience = []
    for score in scores:
        run.progress.record_score(score, {}, min_delta=0.1)
        patience.append(run.progress.evaluations_without_improvement)
    assert patience == [0, 1, 0, 1, 2, 0]


def test_epochs_are_validated_as_often_as_requested_and_at_the_end(make_line_run: MakeRun) -> None:
    done = epochs(make_line_run(hyperparameters=process(epochs=5, validation_frequency=2)))
    assert [epoch.val_loss is not None for epoch in done] == [False, True, False, True, True]
    assert [bool(epoch.metrics) for epoch in done] == [False, True, False, True, True]
    assert not any(epoch.is_best for epoch in done if epoch.val_loss is None)


def test_whether_an_epoch_is_validated_changes_no_weight(make_line_run: MakeRun) -> None:
    dropout = {"loss_config": {"regularization": {"dropout": 0.5}}}
    hashes = set()
    for frequency in (1, 3):
        run = make_line_run(hyperparameters=process(validation_frequency=frequency), **dropout)
        epochs(run)
        hashes.add(weights_sha256(run.network))
    assert len(hashes) == 1


def test_validation_leaves_the_random_generators_as_they_were(make_line_run: MakeRun) -> None:
    run = make_line_run()
    before = torch.get_rng_state()
    evaluate(run)
    assert torch.equal(torch.get_rng_state(), before)


def test_gradients_are_clipped_to_the_norm_requested(make_line_run: MakeRun) -> None:
    run = make_line_run(hyperparameters={"optimization": {"gradient_clipping": 1e-3}})
    batch = run.task.collate([run.task.training[key] for key in steps_left(run)[0][0]])
    take_step(run, [batch])
    gradients = [weight.grad.norm() for weight in run.network.parameters() if weight.grad is not None]
    assert torch.stack(gradients).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_the_norm_that_is_reported_is_that_before_clipping(make_line_run: MakeRun) -> None:
    norms = []
    for bound in (1e-3, 1e6):
        run = make_line_run(hyperparameters={"optimization": {"gradient_clipping": bound, "learning_rate": 1e-12}})
        norms.append(next(report.gradient_norm for report in train(run) if isinstance(report, Progressed)))
    gradients = [weight.grad for weight in run.model.parameters() if weight.grad is not None]
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)
    assert norms[1] > 1e-2
    assert run.gradient_norm is not None
    assert float(run.gradient_norm) == pytest.approx(
        float(torch.linalg.vector_norm(torch.stack([each.norm() for each in gradients]))), rel=1e-5
    )


def test_a_loss_that_is_no_number_ends_the_run_and_nothing_is_saved(make_line_run: MakeRun) -> None:
    run = make_line_run(broken=True)
    with pytest.raises(Diverged, match="square loss became nan"):
        list(train(run))
    assert run.progress.history == []


def test_a_stop_request_does_not_save_what_is_no_number(make_line_run: MakeRun) -> None:
    run = make_line_run(broken=True, images=400)
    run.stop_requested = lambda: "pause" if run.progress.step == 2 else ""
    with pytest.raises(Diverged):
        list(train(run))


def test_progress_is_reported_some_ten_times_an_epoch(make_line_run: MakeRun) -> None:
    run = make_line_run(images=400, hyperparameters=process(epochs=1))
    reported = [report for report in train(run) if isinstance(report, Progressed)]
    every = run.steps_per_epoch // 10
    assert [report.step for report in reported] == list(range(every, 10 * every + 1, every))
    assert all(math.isfinite(report.loss) and report.eta_s >= 0 for report in reported)
    assert reported[-1].step == reported[-1].total_steps


def test_weights_have_one_hash_whatever_their_order(make_line_run: MakeRun) -> None:
    run = make_line_run()
    before = weights_sha256(run.network)
    assert before == weights_sha256(make_line_run().network)
    with torch.no_grad():
        next(run.network.parameters()).view(-1)[0] += 1e-7
    assert weights_sha256(run.network) != before


def test_generators_come_back_as_they_were() -> None:
    import random

    import numpy as np

    device = torch.device("cpu")
    seed_all(3)
    states = capture_rng_state(device)
    drawn = (random.random(), float(np.random.rand()), torch.rand(1).item())
    seed_all(4)
    restore_rng_state(states, device)
    assert (random.random(), float(np.random.rand()), torch.rand(1).item()) == drawn


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_stays_between_nothing_and_the_rate_requested(make_line_run: MakeRun, name: str) -> None:
    settings = make_line_run(
        hyperparameters={"optimization": {"lr_scheduler": name}}
    ).recipe.hyperparameters.optimization
    rates = [learning_rate(settings, step=step, total_steps=100) for step in range(100)]
    assert all(0 < rate <= settings.learning_rate for rate in rates)
    assert max(rates) > 0.99 * settings.learning_rate
    assert rates[-1] < 0.02 * rates[50] or name in {"constant", "step", "linear", "polynomial"}


def test_schedules_go_where_their_names_say() -> None:
    at = {name: [schedule(share) for share in (0.0, 0.5, 0.99)] for name, schedule in SCHEDULES.items()}
    assert at["constant"] == [1.0, 1.0, 1.0]
    assert at["linear"] == pytest.approx([1.0, 0.5, 0.01])
    assert at["cosine_annealing"] == pytest.approx([1.0, 0.5, 0.0], abs=1e-3)
    assert at["step"] == [0.001, 1.0, 0.01]
    assert at["polynomial"] == pytest.approx([1.0, 0.5**0.9, 0.01**0.9])
    assert at["one_cycle"][0] == pytest.approx(0.04)
    assert SCHEDULES["one_cycle"](0.3) == pytest.approx(1.0)


def test_an_epoch_says_how_long_it_waited_for_images_and_how_long_it_validated(make_line_run: MakeRun) -> None:
    now = iter(range(10_000))
    run = make_line_run(images=24, hyperparameters={"optimization": {"batch_size": 6}, **process(epochs=2)})
    run.clock = lambda: float(next(now))
    for done in epochs(run):
        # The clock ticks once each time somebody looks: at both ends of four waits and of finding that no more come.
        assert done.loading_s == 5.0
        assert done.validating_s == 1.0
        assert done.loading_s + done.validating_s < done.duration_s


def test_waiting_before_a_pause_counts_for_the_epoch_it_was_in(make_line_run: MakeRun) -> None:
    run = make_line_run(images=24, hyperparameters={"optimization": {"batch_size": 6}, **process(epochs=1)})
    run.stop_requested = lambda: "pause" if run.progress.step == 2 else ""
    list(train(run))
    again = make_line_run(images=24, hyperparameters={"optimization": {"batch_size": 6}, **process(epochs=1)})
    again.progress = Progress.from_plain(run.progress.to_plain(), again.device)
    (done,) = epochs(again)
    assert done.loading_s == 3.0 + 3.0  # three waits up to the pause, two after it and the end


def test_a_run_ends_within_a_step_once_its_time_is_over(make_line_run: MakeRun) -> None:
    unbounded = make_line_run(**{"hyperparameters": process()})
    first, *_ = epochs(unbounded)
    run = make_line_run(**{"hyperparameters": process()})
    # The clock of this test counts looks at it: somewhere in the second epoch.
    run.time_budget_s = 1.5 * first.duration_s
    *_, last = train(run)
    assert last == Interrupted(stop="time_budget")
    assert len(run.progress.history) == 1
    assert 0 < run.progress.step_in_epoch < run.steps_per_epoch
    assert run.trained_s() >= run.time_budget_s
    # What was spent before counts after a resume as well.
    rest = make_line_run(**{"hyperparameters": process()})
    rest.progress, rest.time_budget_s = run.progress, run.time_budget_s
    step = run.progress.step
    assert list(train(rest)) == [Interrupted(stop="time_budget")]
    assert rest.progress.step == step
