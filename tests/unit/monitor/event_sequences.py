"""Events of a run as the services say them, for tests of the monitor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from google.protobuf.message import Message
from truscore.events.v1 import control_pb2, dataset_pb2, model_pb2, order_pb2, telemetry_pb2, training_pb2

from services.monitor.board import Board
from services.monitor.handlers import fact_of

RUN = "run-0123456789abcdef0123"
BEGIN_S = 1_800_000_000.0
TRACE = "a" * 32


class PublishedEvent(NamedTuple):
    """A message, when it was said, and the trace it belongs to."""

    message: Message
    at: float
    trace: str = TRACE
    event_id: str = ""


def ready(
    at: float = 0, *, request_id: str = "r1", architecture: str = "mask_rcnn", trace: str = TRACE, **more: Any
) -> PublishedEvent:
    spec = training_pb2.TrainingSpec(architecture=architecture)
    requested = {"dataset_id": "cards", "version": "1", "category": "border_detection", "option": "dual_class"} | more
    return PublishedEvent(
        dataset_pb2.DatasetReady(**requested, training=spec, request_id=request_id), BEGIN_S + at, trace
    )


def validated(
    at: float = 1, *, request_id: str = "r1", architecture: str = "mask_rcnn", trace: str = TRACE, **more: Any
) -> PublishedEvent:
    spec = training_pb2.TrainingSpec(architecture=architecture)
    requested = {"dataset_id": "cards", "version": "1", "category": "border_detection", "option": "dual_class"} | more
    message = dataset_pb2.DatasetValidated(**requested, training=spec, request_id=request_id, dataset_digest="d" * 64)
    return PublishedEvent(message, BEGIN_S + at, trace)


def attached(
    event_id: str, at: float = 1.5, *, state: str = "QUEUED", run_id: str = RUN, trace: str = TRACE, **more: Any
) -> PublishedEvent:
    named = {"dataset_id": "cards", "version": "1", "request_id": "r1"} | more
    message = order_pb2.OrderAttached(
        **named, order_event_id=event_id, run_id=run_id, state=order_pb2.OrderState.Value(f"ORDER_STATE_{state}")
    )
    return PublishedEvent(message, BEGIN_S + at, trace)


def validating(done: int, at: float = 0.5, *, request_id: str = "r1") -> PublishedEvent:
    message = dataset_pb2.DatasetProgress(
        dataset_id="cards",
        version="1",
        request_id=request_id,
        stage="reading",
        images_done=done,
        images_total=100,
        eta_s=9,
    )
    return PublishedEvent(message, BEGIN_S + at)


def rejected(at: float = 1, *, request_id: str = "r1", trace: str = TRACE) -> PublishedEvent:
    finding = dataset_pb2.Finding(
        rule="classes.few", severity="error", message="19 images, 20 wanted", location="a.json"
    )
    message = dataset_pb2.DatasetRejected(
        dataset_id="cards", version="1", request_id=request_id, findings=[finding], error_count=3
    )
    return PublishedEvent(message, BEGIN_S + at, trace)


def started(at: float = 2, *, attempt: int = 1, run_id: str = RUN, trace: str = TRACE, **more: Any) -> PublishedEvent:
    reported = {"category": "border_detection", "option": "dual_class", "architecture": "mask_rcnn"} | more
    message = training_pb2.TrainingStarted(
        run_id=run_id,
        dataset_id="cards",
        dataset_version="1",
        attempt=attempt,
        total_epochs=3,
        host="gpu-1",
        device="cpu",
        **reported,
    )
    message.started_at.FromNanoseconds(round((BEGIN_S + at) * 1e9))
    return PublishedEvent(message, BEGIN_S + at, trace)


def progressed(
    step: int, at: float | None = None, *, attempt: int = 1, loss: float = 1.0, epoch: int = 1, run_id: str = RUN
) -> PublishedEvent:
    message = training_pb2.TrainingProgressed(
        run_id=run_id, attempt=attempt, step=step, total_steps=300, epoch=epoch, loss=loss, learning_rate=1e-3,
        images_per_second=8 + step, eta_s=300 - step,
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + (3 + step if at is None else at))


def epoch_done(
    epoch: int, at: float | None = None, *, attempt: int = 1, is_best: bool = True, loss: float = 0.5
) -> PublishedEvent:
    message = training_pb2.EpochCompleted(
        run_id=RUN, attempt=attempt, epoch=epoch, total_epochs=3, train_loss=loss, val_loss=0.6, learning_rate=1e-3,
        metrics={"box_AP50": 0.5 + epoch / 10}, duration_s=100, images_per_second=9,
        eta_s=100 * (3 - epoch), is_best=is_best,
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + (3.5 + 100 * epoch if at is None else at))


def evaluated(*, attempt: int = 1, area: float = 0.9) -> PublishedEvent:
    series = training_pb2.CurveSeries(name="crease", x=[0, 1], y=[area, area])
    message = training_pb2.TrainingEvaluated(
        run_id=RUN, attempt=attempt, epoch=3, split="validation",
        curves=[training_pb2.EvaluationCurve(kind=training_pb2.CURVE_KIND_ROC, title="ROC", series=[series])],
        classes=[training_pb2.ClassMetrics(class_name="crease", metrics={"F1": area})],
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + 399)


def completed(at: float = 400) -> PublishedEvent:
    message = training_pb2.TrainingCompleted(
        run_id=RUN, metrics={"box_AP50": 0.8}, dataset_id="cards", dataset_version="1", category="border_detection",
        option="dual_class", architecture="mask_rcnn", epochs=3, best_epoch=3, attempts=1,
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + at)


def exported(at: float = 420) -> PublishedEvent:
    message = model_pb2.ModelExported(
        model_id="border_detection.dual_class.mask_rcnn", version=RUN, run_id=RUN, dataset_id="cards",
        dataset_version="1",
        package_uri="s3://truscore/models/m/package.tar", category="border_detection", option="dual_class",
        architecture="mask_rcnn",
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + at)


def export_failed(at: float = 420, *, request_id: str = "") -> PublishedEvent:
    message = model_pb2.ExportFailed(
        run_id=RUN, format="onnx", code="parity", message="0.3 apart", request_id=request_id
    )
    return PublishedEvent(message, BEGIN_S + at)


def failed(at: float = 50, *, attempt: int = 1, run_id: str = RUN, trace: str = TRACE) -> PublishedEvent:
    message = training_pb2.TrainingFailed(
        run_id=run_id,
        code="out_of_memory",
        message="8 GiB asked for",
        attempt=attempt,
        dataset_id="cards",
        dataset_version="1",
    )
    return PublishedEvent(message, BEGIN_S + at, trace)


def cancelled(at: float = 50, *, attempt: int = 1) -> PublishedEvent:
    return PublishedEvent(
        training_pb2.TrainingCancelled(run_id=RUN, reason="wrong data", step=9, attempt=attempt), BEGIN_S + at
    )


def paused(at: float = 50, *, attempt: int = 1) -> PublishedEvent:
    return PublishedEvent(training_pb2.TrainingPaused(run_id=RUN, step=9, attempt=attempt), BEGIN_S + at)


def resume_requested(at: float = 60) -> PublishedEvent:
    return PublishedEvent(control_pb2.RunResume(run_id=RUN), BEGIN_S + at)


def sampled(at: float = 10, *, run_id: str = RUN, host: str = "gpu-1", **more: Any) -> PublishedEvent:
    reported = {
        "memory_used_bytes": 2**30,
        "memory_total_bytes": 2**34,
        "disk_free_bytes": 2**37,
        "cpu_percent": 50.0,
    } | more
    message = telemetry_pb2.HardwareSampled(service="trainer", host=host, run_id=run_id, **reported)
    message.sampled_at.FromNanoseconds(round((BEGIN_S + at) * 1e9))
    return PublishedEvent(message, BEGIN_S + at)


def whole_run() -> list[PublishedEvent]:
    """From the order to the model, with a lost trainer and a pause on the way."""
    return [
        ready(), validating(20, 0.4), validating(40), validated(), started(), sampled(),
        *(progressed(step) for step in (10, 20, 30)), epoch_done(1),
        progressed(40, epoch=2), started(120, attempt=2), progressed(40, 121, attempt=2, epoch=2),
        epoch_done(2, attempt=2, is_best=False), paused(250, attempt=2), resume_requested(260),
        started(270, attempt=3), epoch_done(3, attempt=3), completed(), exported(),
    ]  # fmt: skip


def board_after(events: Iterable[PublishedEvent], board: Board | None = None) -> Board:
    board = board or Board()
    for published in events:
        fact = fact_of(published.message, published.event_id)
        assert fact is not None
        board.apply(fact, published.at, published.trace)
    return board
