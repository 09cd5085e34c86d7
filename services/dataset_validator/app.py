"""Wiring of the dataset validator."""

import asyncio
import sys
from functools import partial
from pathlib import Path

from truscore.access import nobody
from truscore.bus import RetryPolicy, canary, connect, consume, publisher, reporting_hardware, serve
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.process.cores import usable_cores
from truscore.process.scratch_dir import claim_scratch_dir
from truscore.storage import Cache, S3Store
from truscore.telemetry import HardwareSampler, configure_logging, serve_grpc, serve_metrics, tracing
from truscore.validation import check_policies
from truscore.validation.report.signature import Signer

from services.dataset_validator.digests import ObjectDigests
from services.dataset_validator.fetching import FetchCache
from services.dataset_validator.handlers import on_dataset_ready
from services.dataset_validator.settings import Settings
from services.dataset_validator.sharding import LocalShards, Premeasuring, ShardBounds, ShardRunner
from services.dataset_validator.validator import Bounds, Validator
from services.dataset_validator.verdict_store import VerdictStore

SERVICE = "dataset-validator"


def fetch_cache(settings: Settings) -> FetchCache | None:
    """Files of earlier orders, beside those of the present ones: there they can be linked."""
    if not settings.validator_cache_bytes:
        return None
    workdir = settings.validator_workdir
    return FetchCache(
        cache=Cache(workdir / "cache", settings.validator_cache_bytes),
        digests=ObjectDigests(workdir / "digests.sqlite"),
    )


def shard_runner(settings: Settings, workdir: Path) -> ShardRunner:
    """Where large datasets are measured: the workers of a Dask scheduler, or processes of this machine."""
    bounds = ShardBounds(memory_bytes=settings.validator_memory_bytes)
    if not settings.validator_dask_scheduler:
        return LocalShards(processes=settings.validator_readers or usable_cores(), workdir=workdir, bounds=bounds)
    from services.dataset_validator.sharding.dask_client import DaskShards, DaskTls

    ca, cert, key = (
        settings.validator_dask_ca_file,
        settings.validator_dask_cert_file,
        settings.validator_dask_key_file,
    )
    tls = DaskTls(ca_file=ca, cert_file=cert, key_file=key) if ca and cert and key else None
    return DaskShards(scheduler=settings.validator_dask_scheduler, bounds=bounds, tls=tls)


def create_validator(settings: Settings) -> Validator:
    """The validator on the settings' store and work folder."""
    store = S3Store.of(settings)
    key = settings.validator_signing_key
    if settings.validator_policies is not None:
        check_policies(settings.validator_policies)
    workdir = claim_scratch_dir(settings.validator_workdir)
    return Validator(
        store=store,
        verdict_store=VerdictStore(
            store=store, bucket=settings.bucket, signer=Signer(key.get_secret_value()) if key else None
        ),
        cache_file=settings.validator_workdir / "results.sqlite" if settings.validator_results_bytes else None,
        fetch_cache=fetch_cache(settings),
        workdir=workdir,
        policies=settings.validator_policies,
        premeasuring=Premeasuring(
            runner=shard_runner(settings, workdir),
            from_images=settings.validator_shards_from,
            shard_images=settings.validator_shard_images,
            deadline_s=settings.validator_timeout_s,
        ),
        bounds=Bounds(
            most_objects=settings.validator_max_objects,
            most_bytes=settings.validator_max_bytes,
            memory_bytes=settings.validator_memory_bytes,
            timeout_s=settings.validator_timeout_s,
            readers=settings.validator_readers or usable_cores(),
            scan_cache_bytes=settings.validator_results_bytes,
        ),
    )


async def run(settings: Settings) -> int:
    """Serve until stopped; returns the exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    broker = connect(settings.amqp_url.get_secret_value(), service=SERVICE)
    events, validator, draining = publisher(broker, service=SERVICE), create_validator(settings), asyncio.Event()
    sampler = HardwareSampler(SERVICE, validator.workdir)
    handler = on_dataset_ready(
        validator=validator,
        publisher=events,
        working=partial(reporting_hardware, events, sampler.sample, every_s=settings.validator_sample_s, at_once=False),
        draining=draining,
        progress_every_s=settings.validator_progress_s,
    )
    policy = RetryPolicy(delays_s=settings.validator_retry_delays_s)
    consume(broker, DatasetReady, handler, service=SERVICE, prefetch=settings.validator_slots, policy=policy)
    alive = canary(broker, service=SERVICE).alive
    return await serve(
        broker,
        before=[
            tracing(SERVICE, settings.otlp_endpoint),
            serve_grpc(
                settings.validator_host, settings.validator_grpc_port, access=nobody(), alive=alive, tls=settings
            ),
            serve_metrics(settings.validator_host, settings.validator_metrics_port),
        ],
        drain=partial(_end, draining),
    )


async def _end(draining: asyncio.Event) -> None:
    draining.set()


def main() -> None:
    """Entry point of the process."""
    sys.exit(asyncio.run(run(Settings())))
