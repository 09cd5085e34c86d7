"""The monitor's answers as plain values, and the questions they answer."""

from collections.abc import Iterator
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from truscore.api.v1 import monitor_pb2, monitor_pb2_grpc
from truscore.events.v1 import telemetry_pb2, training_pb2
from truscore.recipes import primary_metric_of

from services.cli.context import CliError, Code, CommandContext, Endpoint
from services.cli.handlers.endpoints import channel_to, explained
from services.cli.output.runs import Artifact, Epoch, FindingView, Fitness, RunView, finite

TIMEOUT_S = 15.0
STATE_PREFIX = "RUN_STATE_"


class Monitor:
    """Reads of runs; CliError where the monitor is away or knows no such run."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel = channel_to(endpoint)
        self._stub = monitor_pb2_grpc.MonitorServiceStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def list(self, *, dataset_id: str = "", state: str = "", limit: int = 100) -> tuple[RunView, ...]:
        """Newest first."""
        request = monitor_pb2.ListRunsRequest(dataset_id=dataset_id, page_size=limit)
        if state:
            request.state = _state(state)
        with explained(self._endpoint):
            return tuple(view_of(run) for run in self._stub.ListRuns(request, timeout=TIMEOUT_S).runs)

    def get(self, reference: str) -> RunView:
        with explained(self._endpoint):
            return view_of(self._stub.GetRun(monitor_pb2.GetRunRequest(run_id=reference), timeout=TIMEOUT_S).run)

    def watch(self, reference: str, *, timeout_s: float | None) -> Iterator[RunView]:
        """Now and at each change until it ended."""
        with explained(self._endpoint):
            request = monitor_pb2.WatchRunRequest(run_id=reference)
            for response in self._stub.WatchRun(request, timeout=timeout_s):
                yield view_of(response.run)


def named_run(ctx: CommandContext, reference: str, *, outcome: str) -> RunView:
    """The run that a request names. CliError, which begins with `outcome`, where the monitor knows no such run."""
    monitor = Monitor(ctx.endpoint("monitor"))
    try:
        return monitor.get(reference)
    except CliError as error:
        accepted = "`truscore runs` lists those that are known; --unchecked sends it all the same"
        raise CliError(error.code, f"{outcome}: {error}; {accepted}") from error
    finally:
        monitor.close()


def states() -> tuple[str, ...]:
    """Every state a run may be in, as it is shown."""
    return tuple(name.removeprefix(STATE_PREFIX) for name in monitor_pb2.RunState.keys()[1:])


def _state(name: str) -> monitor_pb2.RunState.ValueType:
    if name.upper() not in states():
        raise CliError(Code.USAGE, f"--state {name!r}; accepted: {', '.join(states()).lower()}")
    return monitor_pb2.RunState.Value(STATE_PREFIX + name.upper())


def view_of(run: monitor_pb2.Run) -> RunView:
    hardware = run.hardware if run.HasField("hardware") else telemetry_pb2.HardwareSampled()
    return RunView(
        run_id=run.run_id,
        attached_run_id=run.attached_run_id,
        state=monitor_pb2.RunState.Name(run.state).removeprefix(STATE_PREFIX),
        dataset_id=run.dataset_id,
        dataset_version=run.dataset_version,
        category=run.category,
        option=run.option,
        architecture=run.architecture,
        attempt=run.attempt,
        epoch=run.epoch,
        total_epochs=run.total_epochs,
        step=run.step,
        total_steps=run.total_steps,
        images_per_second=run.images_per_second,
        eta_s=run.eta_s,
        eta_low_s=run.eta_low_s,
        eta_high_s=run.eta_high_s,
        started_at=_moment(run.started_at) if run.HasField("started_at") else None,
        updated_at=_moment(run.updated_at) if run.HasField("updated_at") else None,
        best_epoch=run.best_epoch,
        primary_metric=primary_metric_of(run.category, run.option, run.architecture),
        best_metrics=dict(run.best_metrics),
        message=run.message,
        host=run.host,
        device=run.device,
        cpu_percent=hardware.cpu_percent if hardware.host else None,
        gpu_percent=max((gpu.utilization_percent for gpu in hardware.gpus), default=None),
        memory_used_bytes=hardware.process_memory_bytes,
        losses=tuple(point.loss for point in run.curve),
        epochs=tuple(_epoch(epoch) for epoch in run.epochs),
        findings=tuple(
            FindingView(rule=each.rule, severity=each.severity, message=each.message, location=each.location)
            for each in run.findings
        ),
        alerts=tuple(alert.message for alert in run.alerts),
        model_id=run.model.model_id,
        package_uri=run.model.package_uri,
        artifacts=_artifacts(run),
        fitness=_fitness(run),
    )


def _fitness(run: monitor_pb2.Run) -> Fitness | None:
    if not run.HasField("fit_for_use"):
        return None
    wire = run.trivial_comparison
    return Fitness(
        fit_for_use=run.fit_for_use,
        reason=run.fit_for_use_reason,
        purpose_metrics=tuple(wire.purpose_metrics),
        trivial_metrics={each.name: dict(each.metrics) for each in wire.predictors},
        intervals={each.metric: (each.lower, each.upper) for each in wire.intervals},
    )


def _epoch(epoch: training_pb2.EpochCompleted) -> Epoch:
    return Epoch(
        epoch=epoch.epoch,
        train_loss=finite(epoch.train_loss),
        val_loss=finite(epoch.val_loss),
        learning_rate=epoch.learning_rate,
        metrics=dict(epoch.metrics),
        duration_s=epoch.duration_s,
        is_best=epoch.is_best,
    )


def _artifacts(run: monitor_pb2.Run) -> tuple[Artifact, ...]:
    return tuple(
        Artifact(
            format=each.format,
            uri=each.uri,
            sha256=each.sha256,
            size_bytes=each.size_bytes,
            parity_passed=each.parity.passed,
            latency_ms_p50=each.benchmark.latency_ms_p50,
            eager_latency_ms_p50=each.benchmark.eager_latency_ms_p50,
        )
        for each in run.model.artifacts
    )


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
