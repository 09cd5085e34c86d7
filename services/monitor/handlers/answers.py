"""Answers out: what the monitor knows, as the messages of its API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from zlib import decompress

from truscore.api.v1 import monitor_pb2
from truscore.events.v1 import dataset_pb2, telemetry_pb2, training_pb2

from services.monitor import facts
from services.monitor.alerts import AlertState
from services.monitor.board import Entry, stage_of_entry
from services.monitor.extremes import thinned
from services.monitor.handlers.publish import acknowledged_message, raised_message, timestamp
from services.monitor.orders import Waiting, message_of_order
from services.monitor.run import Run
from services.monitor.stage import (
    Stage,
    attempt_of,
    best_of,
    dataset_of,
    epoch_of,
    message_of,
    origin_of,
    pace_of,
    total_epochs_of,
)
from services.monitor.waiting import Expected


def answer(
    entry: Entry, *, alerts: Iterable[AlertState] = (), full: bool, wait: Expected | None = None
) -> monitor_pb2.Run:
    """The entry as the API shows it; `full` with epochs, curve and findings; `wait` of an order that waits."""
    run = _run_answer(entry, full=full) if isinstance(entry, Run) else _order_answer(entry, full=full)
    if wait is not None:
        run.orders_ahead, run.start_eta_s, run.eta_s = wait.orders_ahead, wait.start_s, wait.end_s
        run.eta_low_s, run.eta_high_s = wait.end_low_s, wait.end_high_s
    for shown in map(alert_answer, alerts):
        run.alerts.append(shown.raised)
        if shown.HasField("acknowledgement"):
            run.acknowledgements.append(shown.acknowledgement)
    return run


def evaluation_answer(evaluated: facts.Evaluated) -> monitor_pb2.GetEvaluationResponse:
    """As the trainer published it."""
    evaluation = training_pb2.TrainingEvaluated.FromString(decompress(evaluated.content))
    return monitor_pb2.GetEvaluationResponse(evaluation=evaluation)


def alert_answer(alert: AlertState) -> monitor_pb2.Alert:
    """An alert that was raised, with what was said of it since."""
    return monitor_pb2.Alert(
        raised=raised_message(alert.raised) if alert.raised else None,
        acknowledgement=acknowledged_message(alert.acknowledgement) if alert.acknowledgement else None,
    )


def _run_answer(run: Run, *, full: bool) -> monitor_pb2.Run:
    origin, start = origin_of(run), run.started.event if run.started else None
    dataset_id, dataset_version = dataset_of(run)
    best_epoch, best_metrics = best_of(run)
    shown = monitor_pb2.Run(
        run_id=run.run_id,
        state=_state(run),
        dataset_id=dataset_id,
        dataset_version=dataset_version,
        category=origin.category if origin else "",
        option=origin.option if origin else "",
        architecture=origin.architecture if origin else "",
        attempt=attempt_of(run),
        epoch=epoch_of(run),
        total_epochs=total_epochs_of(run),
        step=run.latest.step if run.latest else 0,
        total_steps=run.latest.total_steps if run.latest else 0,
        **asdict(pace_of(run)),
        updated_at=timestamp(run.last_event_at),
        best_metrics=best_metrics,
        best_epoch=best_epoch,
        message=message_of(run),
        host=start.host if start else "",
        device=start.device if start else "",
        energy_joules=sum(last - first for first, last in run.energy.values()),
    )
    if start:
        shown.started_at.CopyFrom(timestamp(run.first_started_at))
    if run.completed and run.completed.event.fit_for_use is not None:
        completed = run.completed.event
        shown.fit_for_use, shown.fit_for_use_reason = bool(completed.fit_for_use), completed.fit_for_use_reason
        shown.trivial_comparison.ParseFromString(completed.comparison)
    if run.exported:
        shown.model.ParseFromString(run.exported.event.announcement)
    if run.hardware:
        shown.hardware.CopyFrom(_sample(run.hardware))
    if full:
        shown.epochs.extend(training_pb2.EpochCompleted(**asdict(run.epochs[epoch])) for epoch in sorted(run.epochs))
        shown.curve.extend(
            monitor_pb2.CurvePoint(step=point.step, loss=point.loss, learning_rate=point.learning_rate)
            for point in run.curve
        )
    return shown


def curves_answer(run: Run, request: monitor_pb2.GetCurvesRequest) -> monitor_pb2.GetCurvesResponse:
    """The curves that are asked for, each with at most as many points."""
    last = request.last_step or 2**64 - 1
    curves = []
    for name, series in run.series.items():
        if request.names and name not in request.names:
            continue
        shown = thinned(series, request.max_points) if request.max_points else series
        points = shown.points(first=request.first_step, last=last)
        steps, values = zip(*points, strict=True) if points else ((), ())
        curves.append(monitor_pb2.MetricCurve(name=name, steps=steps, values=values, bucket_steps=2**shown.level))
    return monitor_pb2.GetCurvesResponse(curves=curves)


def hardware_answer(run: Run, request: monitor_pb2.GetHardwareRequest) -> monitor_pb2.GetHardwareResponse:
    """What was sampled of each host, each curve with at most as many points."""
    curves = []
    for (host, name), series in run.hardware_series.items():
        shown = thinned(series, request.max_points) if request.max_points else series
        times_s, values = zip(*shown.points(), strict=True)
        curves.append(
            monitor_pb2.HardwareCurve(
                host=host, name=name, sampled_at_s=times_s, values=values, bucket_s=2**shown.level
            )
        )
    return monitor_pb2.GetHardwareResponse(curves=curves)


def _order_answer(waiting: Waiting, *, full: bool) -> monitor_pb2.Run:
    found = waiting.rejected.event.findings if full and waiting.rejected else ()
    rejected = stage_of_entry(waiting) is Stage.REJECTED
    under_way = waiting.validating.event if stage_of_entry(waiting) is Stage.VALIDATING and waiting.validating else None
    return monitor_pb2.Run(
        run_id=waiting.order_id,
        state=_state(waiting),
        dataset_id=waiting.order.dataset_id,
        dataset_version=waiting.order.version,
        category=waiting.order.category,
        option=waiting.order.option,
        architecture=waiting.order.architecture,
        updated_at=timestamp(waiting.last_event_at),
        attached_run_id=waiting.attached.event.run_id if waiting.attached else "",
        message=message_of_order(waiting),
        eta_s=under_way.eta_s if under_way else 0,
        validation=dataset_pb2.DatasetProgress(**asdict(under_way)) if under_way else None,
        findings=[dataset_pb2.Finding(**asdict(finding)) for finding in found] if rejected else [],
    )


def _state(entry: Entry) -> monitor_pb2.RunState.ValueType:
    return monitor_pb2.RunState.Value(f"RUN_STATE_{stage_of_entry(entry)}")


def _sample(sample: facts.Sampled) -> telemetry_pb2.HardwareSampled:
    plain = asdict(sample)
    return telemetry_pb2.HardwareSampled(
        **{**plain, "sampled_at": timestamp(sample.sampled_at), "gpus": _gpus(sample.gpus)}
    )


def _gpus(gpus: tuple[facts.GpuLoad, ...]) -> list[telemetry_pb2.GpuSample]:
    return [telemetry_pb2.GpuSample(**asdict(gpu)) for gpu in gpus]
