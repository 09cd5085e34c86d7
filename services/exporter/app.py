"""Wiring of the exporter."""

import asyncio
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from truscore.access import nobody
from truscore.bus import RetryPolicy, canary, connect, consume, publisher, reporting_hardware, serve
from truscore.events.v1.model_pb2 import ExportOrdered
from truscore.events.v1.training_pb2 import TrainingCompleted
from truscore.process.code_version import code_version
from truscore.process.cores import usable_cores
from truscore.process.scratch_dir import claim_scratch_dir
from truscore.storage import S3Store
from truscore.storage.signing import Signer
from truscore.telemetry import HardwareSampler, configure_logging, serve_grpc, serve_metrics, tracing

from services.exporter.child_process import Bounds, environment, run_child
from services.exporter.exporting import Exporter, ProofSettings
from services.exporter.finished_runs import FinishedRuns
from services.exporter.handlers import Exports, on_export_ordered, on_training_completed
from services.exporter.parallel import Budget, make_formats
from services.exporter.prepared_child import PreparedChildren
from services.exporter.release_store import ReleaseStore
from services.exporter.settings import Settings

SERVICE = "exporter"


def create_exporter(settings: Settings) -> Exporter:
    """The exporter on the settings' store and work folder."""
    store = S3Store.of(settings)
    key = settings.exporter_signing_key
    workdir = claim_scratch_dir(settings.exporter_workdir)
    budget = Budget(
        bounds=Bounds(time_limit_s=settings.exporter_timeout_s, memory_limit_bytes=settings.exporter_memory_bytes),
        cores=usable_cores(),
        at_once=settings.exporter_formats_at_once,
    )
    prepared = PreparedChildren(folder=workdir, environment=environment()) if settings.exporter_prepared_child else None
    return Exporter(
        store=store,
        releases=ReleaseStore(store, bucket=settings.bucket, signer=Signer(key.get_secret_value()) if key else None),
        run_child=partial(make_formats, run=partial(run_child, prepared=prepared), budget=budget),
        workdir=workdir,
        prepared=prepared,
        proof=ProofSettings(
            parity_pictures=settings.exporter_parity_images,
            benchmark_rounds=settings.exporter_benchmark_rounds,
            metric_images=settings.exporter_metric_images,
            calibration_images=settings.exporter_calibration_images,
        ),
        code_commit=code_version(Path(__file__).parent, stated=settings.exporter_git_commit).git_commit,
    )


async def run(settings: Settings) -> int:
    """Serve until stopped; returns the exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    broker = connect(settings.amqp_url.get_secret_value(), service=SERVICE)
    events, exporter, draining = publisher(broker, service=SERVICE), create_exporter(settings), asyncio.Event()
    sampler = HardwareSampler(SERVICE, exporter.workdir)
    exports = Exports(
        export=exporter.export,
        address=exporter.releases.address,
        publisher=events,
        working=lambda run_id: reporting_hardware(
            events, partial(sampler.sample, run_id), run_id, every_s=settings.exporter_sample_s
        ),
        draining=draining,
        completion=FinishedRuns(store=exporter.store, bucket=settings.bucket).completion,
    )
    inbox = partial(
        consume, broker, service=SERVICE, prefetch=1, policy=RetryPolicy(delays_s=settings.exporter_retry_delays_s)
    )
    inbox(TrainingCompleted, on_training_completed(exports))
    inbox(ExportOrdered, on_export_ordered(exports))
    alive = canary(broker, service=SERVICE).alive
    return await serve(
        broker,
        before=[
            tracing(SERVICE, settings.otlp_endpoint),
            serve_grpc(settings.exporter_host, settings.exporter_grpc_port, access=nobody(), alive=alive, tls=settings),
            serve_metrics(settings.exporter_host, settings.exporter_metrics_port),
            exporter.prepared.kept() if exporter.prepared else nullcontext(),
        ],
        drain=partial(_end, draining),
    )


async def _end(draining: asyncio.Event) -> None:
    draining.set()


def main() -> None:
    """Entry point of the process."""
    sys.exit(asyncio.run(run(Settings())))
