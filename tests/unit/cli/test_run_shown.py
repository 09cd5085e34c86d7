"""Runs as people and machines are shown them."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from truscore.api.v1 import monitor_pb2
from truscore.events.v1 import dataset_pb2, model_pb2, telemetry_pb2, training_pb2

from services.cli.context import Code, print_json
from services.cli.handlers.runs import states, view_of
from services.cli.output.curves import BARS, sparkline
from services.cli.output.runs import ENDS, RunView, duration_text
from services.cli.output.screen import line, picture, table_of


@pytest.fixture
def training() -> RunView:
    run = monitor_pb2.Run(
        run_id="run-1",
        state=monitor_pb2.RUN_STATE_TRAINING,
        dataset_id="cards",
        dataset_version="2",
        category="border_detection",
        option="dual_class",
        architecture="mask_rcnn",
        attempt=1,
        epoch=2,
        total_epochs=12,
        step=20,
        total_steps=120,
        images_per_second=7.5,
        eta_s=125,
        best_epoch=1,
        best_metrics={"box_AP50": 0.81, "edge_error_all_px": 2.625, "mask_AP50": 0.8},
        epochs=[
            training_pb2.EpochCompleted(
                epoch=1, train_loss=2.0, val_loss=float("nan"), learning_rate=1e-3, metrics={"box_AP50": 0.5}
            ),
            training_pb2.EpochCompleted(
                epoch=2,
                train_loss=1.0,
                val_loss=1.1,
                learning_rate=5e-4,
                metrics={"box_AP50": 0.91},
            ),
        ],
        curve=[monitor_pb2.CurvePoint(step=step, loss=3 - step / 10) for step in range(20)],
        hardware=telemetry_pb2.HardwareSampled(host="box", cpu_percent=93, process_memory_bytes=2_000_000_000),
        host="box",
        device="cpu",
    )
    run.updated_at.FromSeconds(1_700_000_000)
    return view_of(run)


def shown(run: RunView) -> str:
    console = Console(width=100, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(picture(run, width=100))
    return captured.get()


def test_a_run_that_trains_shows_progress_curves_metrics_machine_and_time_to_go(training: RunView) -> None:
    text = shown(training)
    for output in (
        "cards/2",
        "2 of 12",
        "7.5 images/s",
        "2 min 05 s to go",
        "step 20 of 120",
        "box_AP50",
        "0.91",
        "best edge_error_all_px 2.6250 in epoch 1, with  box_AP50 0.8100",
    ):
        assert output in text
    assert "cpu 93 %" in text
    assert any(bar in text for bar in BARS)


def test_a_run_that_failed_shows_why(training: RunView) -> None:
    failed = replace(training, state="FAILED", message="out_of_memory: 9 GB wanted [8 GB there]")
    assert "out_of_memory: 9 GB wanted [8 GB there]" in shown(failed)
    assert "to go" not in shown(failed)


def test_a_rejected_dataset_shows_its_findings_even_where_they_look_like_markup() -> None:
    run = monitor_pb2.Run(
        run_id="order-1",
        state=monitor_pb2.RUN_STATE_REJECTED,
        findings=[
            dataset_pb2.Finding(rule="format.coco.wrapped", severity="error", message="[/red] wrapped", location="a")
        ],
    )
    assert "format.coco.wrapped: [/red] wrapped a" in shown(view_of(run))


def test_an_exported_model_shows_where_it_is_and_how_near(training: RunView) -> None:
    run = monitor_pb2.Run(run_id="run-1", state=monitor_pb2.RUN_STATE_EXPORTED)
    artifact = model_pb2.Artifact(format="onnx", uri="s3://truscore/models/m/1/model.onnx", size_bytes=13_900_000)
    artifact.parity.passed = True
    artifact.benchmark.latency_ms_p50 = 24
    run.model.artifacts.append(artifact)
    text = shown(view_of(run))
    assert "s3://truscore/models/m/1/model.onnx" in text
    assert "13.9 MB, equal to the checkpoint, 24 ms an image" in text


def test_a_line_says_the_state_the_epoch_the_loss_and_by_what_the_best_is_chosen(training: RunView) -> None:
    best = "best edge_error_all_px 2.6250 in epoch 1"
    assert line(training) == f"run-1  training  epoch 2/12  loss 1.0000  {best}  2 min 05 s to go"


def test_a_model_that_is_worth_no_more_than_a_guess_is_shown_beside_it(training: RunView) -> None:
    run = monitor_pb2.Run(
        run_id="run-1", state=monitor_pb2.RUN_STATE_EXPORTING, best_metrics={"edge_error_all_px": 3.25},
        fit_for_use=False, fit_for_use_reason="edge_error_all_px is 3.25, not better", category="border_detection",
        option="dual_class", architecture="mask_rcnn",
    )  # fmt: skip
    run.trivial_comparison.purpose_metrics.append("edge_error_all_px")
    run.trivial_comparison.predictors.add(name="average_border", metrics={"edge_error_all_px": 2.125})
    run.trivial_comparison.intervals.add(metric="edge_error_all_px", lower=2.5, upper=4.75)
    text = shown(view_of(run))
    assert "not fit for use: edge_error_all_px is 3.25, not better" in text
    row = next(part for part in text.splitlines() if "2.5 to 4.75" in part)
    assert ("3.25" in row, "2.125" in row, "average border" in text) == (True, True, True)
    assert "not fit for use" in line(view_of(run))
    run.fit_for_use = True
    assert "not fit for use" not in shown(view_of(run))
    assert view_of(monitor_pb2.Run(run_id="run-1")).fitness is None


def test_the_best_epoch_of_a_run_without_its_primary_metric_is_reported_to_be_chosen_by_the_loss(
    training: RunView,
) -> None:
    assert "best val_loss in epoch 1" in line(replace(training, best_metrics={"box_AR100": 0.5}))


def test_of_an_architecture_that_is_not_known_here_only_what_was_published_is_shown(training: RunView) -> None:
    assert "best box_AP50 0.8100 in epoch 1" in line(replace(training, primary_metric=""))


def test_runs_in_a_table_are_named_with_state_and_best_metric(training: RunView) -> None:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table_of([training]))
    assert "run-1" in captured.get()
    assert "edge_error_all_px 2.625 in epoch 1" in captured.get()


def test_a_run_as_json_holds_no_number_that_json_has_not(training: RunView, capsys: pytest.CaptureFixture[str]) -> None:
    print_json(asdict(training))
    output = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert output["epochs"][0]["val_loss"] is None
    assert output["epochs"][1]["metrics"] == {"box_AP50": 0.91}
    assert output["updated_at"].startswith("2023-11-14T")


def test_every_state_that_is_an_end_has_an_exit_code_and_only_success_is_zero() -> None:
    assert set(ENDS) <= set(states())
    assert {state for state, code in ENDS.items() if code is Code.DONE} == {"EXPORTED", "VALIDATED"}
    going_on = set(states()) - set(ENDS)
    assert going_on == {"VALIDATING", "QUEUED", "TRAINING", "PAUSED", "EXPORTING"}


@given(st.lists(st.floats(), max_size=300), st.integers(0, 80))
def test_a_sparkline_never_fails_and_never_grows_beyond_its_room(values: list[float], width: int) -> None:
    bars = sparkline(values, width=width)
    assert len(bars) == min(len(values), width)
    assert set(bars) <= {*BARS, " "}


def test_a_falling_curve_falls() -> None:
    assert sparkline([4.0, 3.0, 2.0, 1.0], width=4) == "█▆▃▁"
    assert sparkline([1.0, float("nan"), 2.0], width=3) == "▁ █"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (3725, "1 h 02 min")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
