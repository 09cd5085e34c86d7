"""Wiring of the trainer."""

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from truscore.access import nobody
from truscore.bus import Envelope, RetryPolicy, canary, connect, consume, consume_broadcast, publisher, serve
from truscore.configuration.recipe import PUBLISHED
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.order_pb2 import OrderPrioritized
from truscore.process.code_version import CodeVersion, code_version
from truscore.process.cores import usable_cores
from truscore.recipes import processes_for
from truscore.storage import Cache, S3Store
from truscore.telemetry import HardwareSampler, configure_logging, serve_grpc, serve_metrics, tracing
from truscore.validation.report.signature import Verifier

from services.trainer.handlers import (
    BrokerEventPublisher,
    on_broadcast_order,
    on_broadcast_request,
    on_dataset_validated,
    on_request,
)
from services.trainer.inputs.cpu_processes import cpu_processes_of
from services.trainer.inputs.pretrained_source import LibrarySource, library_lookup
from services.trainer.inputs.workspace import Workspace
from services.trainer.launchers.local import LocalLauncher
from services.trainer.launchers.port import Launcher
from services.trainer.plan import Plan
from services.trainer.runs.attempt import Limits
from services.trainer.runs.context import TrainerDeps
from services.trainer.runs.launcher import worker_command
from services.trainer.runs.registry import Runs
from services.trainer.runs.requests import Requests
from services.trainer.runs.slots import Slots
from services.trainer.runs.standby import Standby
from services.trainer.settings import Settings, kubernetes_cores, kubernetes_options, training_environment

SERVICE = "trainer"


def cores_for(settings: Settings) -> int:
    """Cores that a run may train on where there is no GPU: the slots share them."""
    cores = max(1, usable_cores() // settings.trainer_slots)
    return min(cores, settings.trainer_cpu_processes or cores)


def create_workspace(
    settings: Settings,
    store: S3Store,
    *,
    code: CodeVersion,
    cores: int = 1,
    remote: bool = False,
    elastic: bool = False,
) -> Workspace:
    """The folder that runs are laid out in."""
    workdir = settings.trainer_workdir.absolute()
    home = home_of(settings)
    return Workspace(
        store=store,
        workdir=workdir,
        cache=Cache(workdir / "cache", settings.trainer_cache_bytes),
        bucket=settings.bucket,
        min_free_bytes=settings.trainer_min_free_bytes,
        kept_runs=settings.trainer_kept_runs,
        code=code,
        source=LibrarySource(
            lookup=library_lookup(training_environment(home)),
            address=settings.trainer_weights_source,
            limit_bytes=settings.trainer_weights_limit_bytes,
            timeout_s=settings.trainer_weights_timeout_s,
        ),
        packs_bytes=settings.trainer_packs_bytes,
        verifier=Verifier(settings.trainer_trusted_keys),
        cores=cores,
        remote=remote,
        elastic=elastic,
        # A pod of an attempt has its memory for itself.
        runs_at_once=1 if settings.trainer_launcher != "local" else settings.trainer_slots,
    )


def home_of(settings: Settings) -> Path:
    """The home folder of training processes, which is made where it is not there."""
    home = settings.trainer_workdir.absolute() / "home"
    home.mkdir(parents=True, exist_ok=True)
    return home


def create_launcher(settings: Settings, store: S3Store, *, gpus: int) -> Launcher:
    """What runs the attempts."""
    if settings.trainer_launcher != "local":
        # An extra: a trainer that runs its processes itself needs no client of the cluster.
        from services.trainer.launchers.kubernetes.create import create_kubernetes_launcher

        return create_kubernetes_launcher(
            kubernetes_options(settings), train_jobs=settings.trainer_launcher == "kubeflow", store=store,
            bucket=settings.bucket, kubeconfig=settings.trainer_kubernetes_config,
            namespace=settings.trainer_kubernetes_namespace, retry_for_s=settings.trainer_store_patience_s,
        )  # fmt: skip

    def command(plan: Plan, folder: Path) -> list[str]:
        return worker_command(folder, processes=processes_for(plan.recipe, gpus) if gpus else cpu_processes_of(folder))

    environment = training_environment(home_of(settings))
    standby = Standby(environment=environment) if settings.trainer_standby else None
    return LocalLauncher(command=command, environment=environment, standby=standby)


def create_deps(settings: Settings, *, gpus: int, code: CodeVersion) -> TrainerDeps:
    """What the settings give a trainer to train with."""
    store = S3Store.of(settings)
    launcher = create_launcher(settings, store, gpus=gpus)
    cores = 1 if gpus else kubernetes_cores(settings) if launcher.remote else cores_for(settings)
    limits = Limits(
        beat_s=settings.trainer_beat_s,
        stop_timeout_s=settings.trainer_stop_timeout_s,
        stall_timeout_s=settings.trainer_stall_timeout_s,
        store_retry_for_s=settings.trainer_store_patience_s,
    )
    return TrainerDeps(
        store=store,
        bucket=settings.bucket,
        workspace=create_workspace(settings, store, code=code, cores=cores, remote=launcher.remote),
        limits=limits,
        restart_limit=settings.trainer_restart_limit,
        restart_pause_s=settings.trainer_restart_pause_s,
        sample_s=settings.trainer_sample_s,
        host=socket.gethostname(),
        now=now,
        launcher=launcher,
        # In a cluster its own scheduler says which Job has to wait.
        slots=Slots(settings.trainer_slots, preempts=not launcher.remote),
    )


async def run(settings: Settings) -> int:
    """Serve until stopped; returns the exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    sampler = HardwareSampler(SERVICE, settings.trainer_workdir.absolute())
    remote = settings.trainer_launcher != "local"
    gpus = settings.trainer_kubernetes_gpus if remote else len(sampler.sample().gpus)
    code = code_version(Path(__file__).parent, stated=settings.trainer_git_commit)
    deps = create_deps(settings, gpus=gpus, code=code)
    broker = connect(settings.amqp_url.get_secret_value(), service=SERVICE)
    event_publisher = BrokerEventPublisher(
        publisher=publisher(broker, service=SERVICE), sample=sampler.sample, now=now, code=code
    )
    of_envelope: Callable[[Envelope], BrokerEventPublisher] = lambda envelope: replace(event_publisher, cause=envelope)  # noqa: E731
    runs = Runs(deps)
    requests = Requests(deps, runs)
    requested = on_request(requests, publisher=of_envelope)
    profile = settings.trainer_profile if settings.trainer_profile != "auto" else ("full" if gpus else PUBLISHED)
    orders = on_dataset_validated(runs=runs, publisher=of_envelope, profile=profile)
    policy = RetryPolicy(delays_s=settings.trainer_retry_delays_s)
    for _ in range(settings.trainer_slots):
        consume(broker, DatasetValidated, orders, service=SERVICE, lease=True, policy=policy)
    for _ in range(settings.trainer_slots + settings.trainer_priority_waiting):
        consume(broker, OrderPrioritized, orders, service=SERVICE, lease=True, policy=policy)
    consume(broker, RunCancel, requested, service=SERVICE, policy=policy)
    consume(broker, RunPause, requested, service=SERVICE, policy=policy)
    consume(broker, RunResume, requested, service=SERVICE, policy=policy)
    consume_broadcast(
        broker, [RunCancel, RunPause], on_broadcast_request(requests), service=SERVICE, instance=broker.instance
    )
    announced = on_broadcast_order(requests, publisher=of_envelope, profile=profile)
    consume_broadcast(broker, [DatasetValidated], announced, service=SERVICE, instance=broker.instance)
    alive = canary(broker, service=SERVICE, instance=broker.instance).alive
    return await serve(
        broker,
        before=[
            tracing(SERVICE, settings.otlp_endpoint),
            serve_grpc(settings.trainer_host, settings.trainer_grpc_port, access=nobody(), alive=alive, tls=settings),
            serve_metrics(settings.trainer_host, settings.trainer_metrics_port),
            deps.launcher.ready(),
        ],
        drain=partial(runs.drain, timeout_s=settings.trainer_drain_timeout_s),
    )


def now() -> datetime:
    return datetime.now(tz=UTC)


def main() -> None:
    """Entry point of the process."""
    sys.exit(asyncio.run(run(Settings())))
