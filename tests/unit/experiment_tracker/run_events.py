"""Events of a run as the trainer and the exporter say them, for tests of the tracker."""

from __future__ import annotations

from typing import NamedTuple

from google.protobuf.message import Message
from truscore.events.v1 import model_pb2, telemetry_pb2, training_pb2

from services.experiment_tracker.handlers import fact_of
from services.experiment_tracker.ledger import Ledger
from services.experiment_tracker.recorder import Recorder

RUN = "run-0123456789abcdef0123"
BEGIN_S = 1_800_000_000.0
MODEL = "border_detection.dual_class.mask_rcnn"


class PublishedEvent(NamedTuple):
    message: Message
    at: float


def _object(name: str) -> training_pb2.ObjectRef:
    return training_pb2.ObjectRef(uri=f"s3://truscore/runs/r/{name}", sha256=name[0] * 64, size_bytes=9)


def started(
    at: float = 2, *, attempt: int = 1, run_id: str = RUN, git_commit: str = "c0ffee", lr: str = "0.001"
) -> PublishedEvent:
    message = training_pb2.TrainingStarted(
        run_id=run_id, dataset_id="cards", dataset_version="1", dataset_digest="d" * 64, category="border_detection",
        option="dual_class", architecture="mask_rcnn", config=_object("config.json"), attempt=attempt, total_epochs=3,
        host="gpu-1", device="cpu", world_size=1, git_commit="c0ffee", git_dirty=True, seed=7,
        environment_digest="e" * 64,
        parameters={"hyperparameters.optimization.learning_rate": lr, "image_size": "160"},
    )  # fmt: skip
    message.started_at.FromNanoseconds(round((BEGIN_S + at) * 1e9))
    return PublishedEvent(message, BEGIN_S + at)


def progressed(step: int, *, total: int = 3, attempt: int = 1, run_id: str = RUN) -> PublishedEvent:
    message = training_pb2.TrainingProgressed(
        run_id=run_id, attempt=attempt, step=step, total_steps=total, epoch=1, loss=1 / step, learning_rate=1e-3,
        loss_parts={"box": 0.5 / step}, gradient_norm=2.0, images_per_second=9,
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + 3 + step / 1000)


def epoch_done(
    epoch: int, at: float | None = None, *, run_id: str = RUN, loss: float = 0.5, val_loss: float = 0.6
) -> PublishedEvent:
    message = training_pb2.EpochCompleted(
        run_id=run_id, attempt=1, epoch=epoch, total_epochs=3, train_loss=0.5, val_loss=val_loss, learning_rate=1e-3,
        metrics={"box_AP50": 0.5 + epoch / 10}, duration_s=100, images_per_second=9, is_best=True,
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + (100 * epoch if at is None else at))


def compared(event: PublishedEvent, *, fit: bool) -> PublishedEvent:
    """The event with the model beside a trivial predictor."""
    message = type(event.message).FromString(event.message.SerializeToString())
    message.fit_for_use, message.fit_for_use_reason = fit, f"box_AP50 is {'' if fit else 'not '}better"
    message.trivial_comparison.predictors.add(name="average_instance", metrics={"box_AP50": 0.4})
    message.trivial_comparison.intervals.add(metric="box_AP50", lower=0.7, upper=0.9)
    return PublishedEvent(message, event.at)


def completed(at: float = 400, *, run_id: str = RUN) -> PublishedEvent:
    message = training_pb2.TrainingCompleted(
        run_id=run_id, best_checkpoint=_object("best.pt"), metrics={"box_AP50": 0.8},
        report_uri="s3://truscore/runs/r/report/", dataset_id="cards", dataset_version="1", dataset_digest="d" * 64,
        category="border_detection", option="dual_class", architecture="mask_rcnn", config=_object("config.json"),
        epochs=3, best_epoch=3, weights_sha256="e" * 64,
        attempts=2, duration_s=398, dataset_index=_object("index.json"), split=_object("split.json"),
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + at)


def exported(at: float = 420, *, run_id: str = RUN) -> PublishedEvent:
    message = model_pb2.ModelExported(
        model_id=MODEL, version=run_id, run_id=run_id, dataset_id="cards", dataset_version="1",
        artifacts=[model_pb2.Artifact(format="onnx", uri="s3://truscore/models/m/model.onnx", sha256="f" * 64)],
        package_uri="s3://truscore/models/m/package.tar", package_sha256="a" * 64, category="border_detection",
        option="dual_class", architecture="mask_rcnn",
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + at)


def export_failed(at: float = 420) -> PublishedEvent:
    return PublishedEvent(
        model_pb2.ExportFailed(run_id=RUN, format="onnx", code="parity", message="0.3 apart"), BEGIN_S + at
    )


def failed(at: float = 50, *, attempt: int = 1, run_id: str = RUN) -> PublishedEvent:
    message = training_pb2.TrainingFailed(run_id=run_id, code="diverged", message="loss is nan", attempt=attempt)
    return PublishedEvent(message, BEGIN_S + at)


def cancelled(at: float = 50, *, attempt: int = 1) -> PublishedEvent:
    return PublishedEvent(
        training_pb2.TrainingCancelled(run_id=RUN, reason="wrong data", attempt=attempt), BEGIN_S + at
    )


def paused(at: float = 50, *, attempt: int = 1) -> PublishedEvent:
    return PublishedEvent(training_pb2.TrainingPaused(run_id=RUN, attempt=attempt), BEGIN_S + at)


GPU = telemetry_pb2.GpuSample(index=0, utilization_percent=97, memory_used_bytes=10**9, memory_total_bytes=4 * 10**9)


def sampled(at: float, *, service: str = "trainer", run_id: str = RUN) -> PublishedEvent:
    message = telemetry_pb2.HardwareSampled(
        service=service, host="gpu-1", run_id=run_id, cpu_percent=at / 10, memory_used_bytes=4 * 10**9,
        memory_total_bytes=16 * 10**9, disk_free_bytes=10**11,
        gpus=[GPU],
    )  # fmt: skip
    message.sampled_at.FromNanoseconds(round((BEGIN_S + at) * 1e9))
    return PublishedEvent(message, BEGIN_S + at)


def evaluated(*, attempt: int = 1, run_id: str = RUN) -> PublishedEvent:
    series = training_pb2.CurveSeries(name="crease", x=[at / 100 for at in range(101)], y=[1.0] * 101)
    message = training_pb2.TrainingEvaluated(
        run_id=run_id, attempt=attempt, epoch=3, split="validation", custom_metrics={"costs.missed": 10.0},
        curves=[training_pb2.EvaluationCurve(kind=training_pb2.CURVE_KIND_ROC, series=[series])],
    )  # fmt: skip
    return PublishedEvent(message, BEGIN_S + 395)


def whole_run(run_id: str = RUN) -> list[PublishedEvent]:
    """From the start to the model, with a failed attempt on the way."""
    return [
        started(run_id=run_id), progressed(1, run_id=run_id), epoch_done(1, run_id=run_id), failed(150, run_id=run_id),
        started(160, attempt=2, run_id=run_id), *(progressed(step, attempt=2, run_id=run_id) for step in (1, 2, 3)),
        epoch_done(2, run_id=run_id), epoch_done(3, run_id=run_id),
        sampled(200, run_id=run_id), evaluated(attempt=2, run_id=run_id), completed(run_id=run_id),
        exported(run_id=run_id),
    ]  # fmt: skip


def record_all(ledger: Ledger, events: list[PublishedEvent]) -> None:
    """With a recorder of its own: it remembers nothing of the last one."""
    recorder = Recorder(ledger)
    for published in events:
        fact = fact_of(published.message)
        assert fact is not None
        recorder.record(fact, published.at)
