"""Wiring of a worker that measures shards: `python -m services.dataset_validator.sharding`."""

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Any

from truscore.process.cores import usable_cores
from truscore.process.scratch_dir import claim_scratch_dir
from truscore.storage import S3Store
from truscore.telemetry import configure_logging

from services.dataset_validator.settings import ShardWorkerSettings
from services.dataset_validator.sharding.dask_task import WorkerMeasuring

if TYPE_CHECKING:
    from distributed import Worker

SERVICE = "dataset-validator-worker"
CONNECT_S = 30


def create_worker(settings: ShardWorkerSettings) -> "Worker":
    """A worker of the settings' scheduler that reads the settings' store; a task for each of its readers."""
    from distributed import Security, Worker

    from services.dataset_validator.sharding.dask_plugin import MeasuringPlugin

    tls: dict[str, Any] = {}
    if settings.validator_dask_ca_file is not None:
        tls = {
            "require_encryption": True,
            "tls_ca_file": str(settings.validator_dask_ca_file),
            "tls_worker_cert": str(settings.validator_dask_cert_file),
            "tls_worker_key": str(settings.validator_dask_key_file),
        }
    workdir = claim_scratch_dir(settings.validator_workdir)
    measuring = WorkerMeasuring(
        store=S3Store.of(settings),
        workdir=workdir,
    )
    return Worker(
        settings.validator_dask_scheduler,
        nthreads=settings.validator_readers or usable_cores(),
        host=settings.validator_dask_worker_host or None,
        memory_limit=0,  # what takes memory is in children that are bounded themselves
        local_directory=str(workdir),
        plugins=[MeasuringPlugin(measuring)],
        security=Security(**tls),
        death_timeout=CONNECT_S,
        dashboard=False,
        dashboard_address=f":{settings.validator_metrics_port}",  # of metrics and health, which are there all the same
    )


async def run(settings: ShardWorkerSettings) -> int:
    """Measure until stopped, or until the scheduler is gone; returns the exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    worker = create_worker(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: asyncio.ensure_future(worker.close()))
    await worker
    await worker.finished()
    return 0


def main() -> None:
    """Entry point of the process."""
    sys.exit(asyncio.run(run(ShardWorkerSettings())))
