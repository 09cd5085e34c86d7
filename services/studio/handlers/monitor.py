"""The monitor's answers as plain values for pages and WebSockets."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc
from truscore.access import PlaintextToken
from truscore.api.v1 import monitor_pb2, monitor_pb2_grpc
from truscore.catalog import row_of
from truscore.telemetry.grpc_tls import open_async_channel

from services.studio.handlers.refusals import words_of

TIMEOUT_S: Final = 10.0
MOST_ALERTS: Final = 1000
STATE: Final = "RUN_STATE_"
STATES: Final = tuple(name.removeprefix(STATE) for name in monitor_pb2.RunState.keys()[1:])
ENDED: Final = frozenset({"EXPORTED", "VALIDATED", "FAILED", "REJECTED", "CANCELLED"})
Plain = dict[str, Any]
OpenChannel = Callable[[str], grpc.aio.Channel]


class MonitorAway(Exception):
    """The monitor does not answer, in words."""


class RunUnknown(Exception):
    """The monitor knows no such run."""


class Monitor:
    """Reads of runs; connects when it is first asked."""

    def __init__(self, address: str, open_channel: OpenChannel = open_async_channel) -> None:
        self._address, self._open_channel = address, open_channel
        self._channel: grpc.aio.Channel | None = None

    def _stub(self) -> Any:
        if not self._address:
            raise MonitorAway("TRUSCORE_MONITOR_ADDRESS is not set: runs can't be shown")
        try:
            self._channel = self._channel or self._open_channel(self._address)
        except PlaintextToken as error:
            raise MonitorAway(str(error)) from error
        return monitor_pb2_grpc.MonitorServiceStub(self._channel)

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def list(self, *, dataset_id: str = "", state: str = "", limit: int = 100) -> tuple[Plain, ...]:
        """Newest first, without curves; of all states where none is given."""
        listed, _ = await self.page(dataset_id=dataset_id, state=state, limit=limit)
        return listed

    async def page(
        self, *, dataset_id: str = "", state: str = "", after: str = "", limit: int = 100
    ) -> tuple[tuple[Plain, ...], str]:
        """As `list`, from where the page before ended; and where the next one begins, empty at the end."""
        wanted = monitor_pb2.RunState.Value(STATE + state) if state else monitor_pb2.RUN_STATE_UNSPECIFIED
        request = monitor_pb2.ListRunsRequest(dataset_id=dataset_id, state=wanted, page_size=limit, page_token=after)
        try:
            answer = await self._stub().ListRuns(request, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error
        return tuple(view_of(run) for run in answer.runs), answer.next_page_token

    async def get(self, reference: str) -> Plain:
        """The run, or the order "dataset/version" that it will come of."""
        try:
            answer = await self._stub().GetRun(monitor_pb2.GetRunRequest(run_id=reference), timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error
        return view_of(answer.run)

    async def curves(self, run_id: str, *, points: int) -> tuple[Plain, ...]:
        """Every curve over the optimiser steps, each of at most `points` points that have all its extremes."""
        request = monitor_pb2.GetCurvesRequest(run_id=run_id, max_points=points)
        try:
            answer = await self._stub().GetCurves(request, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error
        return tuple(curve_of(curve) for curve in answer.curves)

    async def hardware(self, run_id: str, *, points: int) -> tuple[Plain, ...]:
        """What was sampled of each host over the run's time, each curve of at most `points` points."""
        request = monitor_pb2.GetHardwareRequest(run_id=run_id, max_points=points)
        try:
            answer = await self._stub().GetHardware(request, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error
        return tuple(hardware_curve_of(curve) for curve in answer.curves)

    async def alerts(self) -> tuple[Plain, ...]:
        """That stand, of whatever they are about, newest first: at most as many as one page of the monitor has."""
        request = monitor_pb2.ListAlertsRequest(page_size=MOST_ALERTS)
        try:
            answer = await self._stub().ListAlerts(request, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error
        return tuple(standing_alert(alert) for alert in answer.alerts)

    async def acknowledge(self, alert_id: str, *, by: str, note: str, silence_s: float) -> Plain:
        """Takes note of an alert. RunUnknown where it does not stand."""
        request = monitor_pb2.AcknowledgeAlertRequest(
            alert_id=alert_id, acknowledged_by=by, note=note, silence_s=silence_s
        )
        try:
            answer = await self._stub().AcknowledgeAlert(request, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error
        return standing_alert(answer.alert)

    async def watch(self, reference: str) -> AsyncIterator[Plain]:
        """Now and at each change, until it ended."""
        try:
            async for answer in self._stub().WatchRun(monitor_pb2.WatchRunRequest(run_id=reference)):
                yield view_of(answer.run)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error

    def _explained(self, error: grpc.aio.AioRpcError) -> Exception:
        if error.code() in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}:
            return RunUnknown(str(error.details()))
        return MonitorAway(words_of(error, "the monitor", self._address))


def curve_of(curve: monitor_pb2.MetricCurve) -> Plain:
    """Steps with values that are numbers, and apart from them the steps at which it was NaN or infinite."""
    pairs = list(zip(curve.steps, curve.values, strict=True))
    return {
        "name": curve.name,
        "points": [pair for pair in pairs if math.isfinite(pair[1])],
        "undefined_at": [step for step, value in pairs if not math.isfinite(value)],
        "bucket_steps": curve.bucket_steps,
    }


def hardware_curve_of(curve: monitor_pb2.HardwareCurve) -> Plain:
    """Moments, in seconds since 1970, with values that are numbers."""
    pairs = zip(curve.sampled_at_s, curve.values, strict=True)
    return {
        "host": curve.host,
        "name": curve.name,
        "points": [pair for pair in pairs if math.isfinite(pair[1])],
        "bucket_s": curve.bucket_s,
    }


def view_of(run: monitor_pb2.Run) -> Plain:
    """What pages show of a run; numbers that JSON has no word for are None."""
    state = monitor_pb2.RunState.Name(run.state).removeprefix(STATE)
    return {
        "run_id": run.run_id,
        "state": state,
        "ended": state in ENDED,
        "dataset_id": run.dataset_id,
        "dataset_version": run.dataset_version,
        "category": run.category,
        "option": run.option,
        "architecture": run.architecture,
        "purpose_metrics": _purpose_metrics(run),
        "attempt": run.attempt,
        "epoch": run.epoch,
        "total_epochs": run.total_epochs,
        "step": run.step,
        "total_steps": run.total_steps,
        "images_per_second": finite(run.images_per_second),
        "eta_s": finite(run.eta_s),
        "eta_low_s": finite(run.eta_low_s),
        "eta_high_s": finite(run.eta_high_s),
        "started_at": run.started_at.seconds if run.HasField("started_at") else 0,
        "updated_at": run.updated_at.seconds if run.HasField("updated_at") else 0,
        "best_epoch": run.best_epoch,
        "best_metrics": {name: finite(value) for name, value in run.best_metrics.items()},
        "message": run.message,
        "host": run.host,
        "device": run.device,
        "hardware": _hardware(run),
        "curve": [[point.step, finite(point.loss), finite(point.learning_rate)] for point in run.curve],
        "epochs": [_epoch(epoch) for epoch in run.epochs],
        "findings": [
            {"rule": each.rule, "severity": each.severity, "message": each.message, "location": each.location}
            for each in run.findings
        ],
        "alerts": [_alert(alert) for alert in run.alerts],
        "progress": _progress(run),
        "fit_for_use": run.fit_for_use if run.HasField("fit_for_use") else None,
        "fit_for_use_reason": run.fit_for_use_reason,
        "model_id": run.model.model_id,
        "model_version": run.model.version,
        "artifacts": _artifacts(run),
    }


def standing_alert(alert: monitor_pb2.Alert) -> Plain:
    """An alert and who took note of it; `acknowledged_by` is empty where nobody did."""
    said = alert.acknowledgement
    return {
        **_alert(alert.raised),
        "alert_id": alert.raised.alert_id,
        "acknowledged_by": said.acknowledged_by,
        "acknowledged_at": said.acknowledged_at.seconds,
        "note": said.note,
        "silenced_until": said.silenced_until.seconds if said.HasField("silenced_until") else 0,
    }


def _alert(alert: Any) -> Plain:
    return {
        "rule": alert.rule,
        "severity": alert.severity,
        "subject": alert.subject,
        "message": alert.message,
        "raised_at": alert.raised_at.seconds,
    }


def _purpose_metrics(run: monitor_pb2.Run) -> list[str]:
    """What such a model is for, as the catalog says; none of a row that is not known here."""
    try:
        return list(row_of(run.category, run.option, run.architecture).purpose_metrics)
    except KeyError:
        return []


def _hardware(run: monitor_pb2.Run) -> Plain:
    if not run.HasField("hardware"):
        return {}
    sample = run.hardware
    return {
        "host": sample.host,
        "sampled_at": sample.sampled_at.seconds,
        "cpu_percent": finite(sample.cpu_percent),
        "process_cpu_percent": finite(sample.process_cpu_percent),
        "process_memory_bytes": sample.process_memory_bytes,
        "memory_used_bytes": sample.memory_used_bytes,
        "memory_total_bytes": sample.memory_total_bytes,
        "disk_free_bytes": sample.disk_free_bytes,
        "disk_bytes_per_second": finite(sample.disk_read_bytes_per_second + sample.disk_write_bytes_per_second),
        "network_bytes_per_second": finite(
            sample.network_receive_bytes_per_second + sample.network_send_bytes_per_second
        ),
        "gpus": [
            {
                "name": gpu.name,
                "utilization_percent": finite(gpu.utilization_percent),
                "memory_used_bytes": gpu.memory_used_bytes,
                "memory_total_bytes": gpu.memory_total_bytes,
                "temperature_celsius": finite(gpu.temperature_celsius),
                "power_watts": finite(gpu.power_watts),
            }
            for gpu in sample.gpus
        ],
    }


def _epoch(epoch: Any) -> Plain:
    return {
        "epoch": epoch.epoch,
        "train_loss": finite(epoch.train_loss),
        "val_loss": finite(epoch.val_loss),
        "learning_rate": finite(epoch.learning_rate),
        "metrics": {name: finite(value) for name, value in epoch.metrics.items()},
        "is_best": epoch.is_best,
        "loading_share": finite(epoch.loading_s / epoch.duration_s) if epoch.duration_s > 0 else None,
    }


def _progress(run: monitor_pb2.Run) -> Plain:
    if not run.HasField("validation"):
        return {}
    return {"stage": run.validation.stage, "done": run.validation.images_done, "total": run.validation.images_total}


def _artifacts(run: monitor_pb2.Run) -> list[Plain]:
    found = [
        {
            "name": each.uri.rpartition("/")[2],
            "format": each.format,
            "uri": each.uri,
            "sha256": each.sha256,
            "size_bytes": each.size_bytes,
            "parity_passed": each.parity.passed,
            "deviation": finite(max(each.parity.max_abs_difference.values()))
            if each.parity.max_abs_difference
            else None,
            "signature": _signature(each),
        }
        for each in run.model.artifacts
    ]
    if run.model.package_uri:
        found.append(
            {
                "name": run.model.package_uri.rpartition("/")[2],
                "format": "package",
                "uri": run.model.package_uri,
                "sha256": run.model.package_sha256,
                "size_bytes": 0,
                "parity_passed": True,
                "deviation": None,
                "signature": {"inputs": [], "outputs": []},
            }
        )
    return found


def _signature(artifact: Any) -> Plain:
    return {
        way: [
            {"name": each.name, "dtype": each.dtype, "shape": list(each.shape), "meaning": each.meaning}
            for each in getattr(artifact.signature, way)
        ]
        for way in ("inputs", "outputs")
    }


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
