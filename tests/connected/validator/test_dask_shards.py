"""Images measured by workers of a Dask scheduler: real processes on a real store, some of which die in the middle."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Scheduler, Security
from distributed.diagnostics import SchedulerPlugin
from truscore.datasets import Limits
from truscore.files import sha256_of
from truscore.storage import S3Store
from truscore.validation import CacheOptions, unmeasured

from deploy.local.servers.objects import ObjectServer
from services.dataset_validator.listing import list_dataset
from services.dataset_validator.sharding import MeasuredShard, Shard, ShardBounds, ShardImage, ShardsUnavailable
from services.dataset_validator.sharding.dask_client import DaskShards, DaskTls
from services.dataset_validator.sharding.shard import shards_of
from tests.connected.validator.validator_harness import upload
from tests.measuring.sharded_verdicts import RecordingRunner, verdict
from tests.unit.validation.small_datasets import write_coco

pytestmark = pytest.mark.connected

BOUNDS = ShardBounds(memory_bytes=3 * 2**30)
HOW: dict[str, Any] = {"thumbnail_px": 512, "limits": Limits()}
WAIT_S = 120


class Arrivals(SchedulerPlugin):
    """Tells of workers as they come and go, and calls back when a task begins on one."""

    name = "arrivals"

    def __init__(self) -> None:
        self.present: set[str] = set()
        self.changed = asyncio.Condition()
        self.on_processing: Callable[[str], None] = lambda _worker: None
        self.scheduler: Any = None

    async def start(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    async def add_worker(self, scheduler: Any, worker: str) -> None:
        async with self.changed:
            self.present.add(worker)
            self.changed.notify_all()

    async def remove_worker(self, scheduler: Any, worker: str, *, stimulus_id: str, **_: Any) -> None:
        async with self.changed:
            self.present.discard(worker)
            self.changed.notify_all()

    def transition(self, key: Any, start: str, finish: str, *_: Any, **__: Any) -> None:
        if finish == "processing":
            self.on_processing(self.scheduler.tasks[key].processing_on.address)

    async def count(self, number: int) -> None:
        async with asyncio.timeout(WAIT_S), self.changed:
            await self.changed.wait_for(lambda: len(self.present) == number)


class Cluster:
    """A scheduler in this process, and workers as processes of their own."""

    def __init__(
        self, scheduler: Any, arrivals: Arrivals, s3: ObjectServer, bucket: str, work: Path, more: dict[str, str]
    ) -> None:
        self.scheduler, self.arrivals = scheduler, arrivals
        self._s3, self._bucket, self._work, self._more = s3, bucket, work, more
        self.processes: list[asyncio.subprocess.Process] = []

    @property
    def address(self) -> str:
        return str(self.scheduler.address)

    async def start_workers(self, count: int) -> None:
        """Start them, and return when the scheduler has them all."""
        for _ in range(count):
            environment = {
                **os.environ,
                "TRUSCORE_S3_ENDPOINT": self._s3.endpoint,
                "TRUSCORE_S3_ACCESS_KEY": self._s3.access_key,
                "TRUSCORE_S3_SECRET_KEY": self._s3.secret_key,
                "TRUSCORE_BUCKET": self._bucket,
                "TRUSCORE_VALIDATOR_DASK_SCHEDULER": self.address,
                "TRUSCORE_VALIDATOR_WORKDIR": str(self._work / f"worker-{len(self.processes)}"),
                "TRUSCORE_VALIDATOR_READERS": "1",
                **self._more,
            }
            command = [sys.executable, "-m", "services.dataset_validator.sharding"]
            self.processes.append(await asyncio.create_subprocess_exec(*command, env=environment))
        await self.arrivals.count(count)

    def kill(self, address: str) -> None:
        """SIGKILL the worker at this address."""
        folder = Path(self.scheduler.workers[address].local_directory)
        number = next(part for part in folder.parts if part.startswith("worker-")).removeprefix("worker-")
        self.processes[int(number)].send_signal(signal.SIGKILL)

    async def end(self) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.terminate()
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*(process.wait() for process in self.processes))


@asynccontextmanager
async def running(
    s3: ObjectServer, bucket: str, work: Path, workers: int, security: Any = None, tls: DaskTls | None = None
) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        scheduler = await stack.enter_async_context(
            Scheduler(host="127.0.0.1", port=0, dashboard=False, security=security)
        )
        arrivals = Arrivals()
        scheduler.add_plugin(arrivals)
        await arrivals.start(scheduler)
        files = {} if tls is None else {"CA_FILE": tls.ca_file, "CERT_FILE": tls.cert_file, "KEY_FILE": tls.key_file}
        more = {f"TRUSCORE_VALIDATOR_DASK_{name}": str(path) for name, path in files.items()}
        one = Cluster(scheduler, arrivals, s3, bucket, work, more)
        stack.push_async_callback(one.end)
        await one.start_workers(workers)
        yield one


def uploaded(store: S3Store, bucket: str, folder: Path) -> str:
    prefix = f"s3://{bucket}/sets/one/"
    upload(store, folder, prefix)
    return prefix


def shards(store: S3Store, prefix: str, folder: Path, work: Path, *, most_images: int) -> list[Shard]:
    listing = list_dataset(store, prefix, most_objects=1000, most_bytes=10**9)
    images = [
        ShardImage(path=one.path, uri=one.uri, sha256=sha256_of(folder / one.path), size_bytes=one.size_bytes)
        for one in listing.files
        if one.path.endswith(".png")
    ]
    way = unmeasured(CacheOptions(file=work / "way.sqlite"), (), **HOW)[1]
    return list(shards_of(images, most_images=most_images, thumbnail_px=512, measured_with=way))


def keeping(kept: list[MeasuredShard]) -> Callable[[MeasuredShard], Awaitable[None]]:
    async def keep(shard: MeasuredShard) -> None:
        kept.append(shard)

    return keep


def broken(folder: Path, _content: dict) -> None:
    path = folder / "images/002.png"
    path.write_bytes(path.read_bytes()[:-900])
    (folder / "images/004.png").write_bytes((folder / "images/005.png").read_bytes())


async def test_the_verdict_is_that_of_a_single_process_though_a_worker_dies(
    s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    prefix = uploaded(store, bucket, write_coco(tmp_path / "set", 16, broken))
    alone = await verdict(store, prefix, tmp_path / "alone")
    async with running(s3, bucket, tmp_path, workers=2) as cluster:
        killed: list[str] = []

        def kill_one(worker: str) -> None:
            if not killed:
                killed.append(worker)
                cluster.kill(worker)

        cluster.arrivals.on_processing = kill_one
        runner = RecordingRunner(runner=DaskShards(scheduler=cluster.address, bounds=BOUNDS))
        sharded = await verdict(store, prefix, tmp_path / "sharded", runner=runner)
        await cluster.arrivals.count(1)
    assert len(killed) == 1
    assert sharded == alone  # report, page and index by their digests
    assert sharded.report is not None
    assert sorted(shard.number for shard in runner.measured) == [0, 1, 2, 3]
    assert sum(len(shard.rows) for shard in runner.measured) == 15


async def test_over_tls_both_sides_show_certificates_and_nobody_else_gets_in(
    s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    folder = write_coco(tmp_path / "set", 4)
    todo = shards(store, uploaded(store, bucket, folder), folder, tmp_path, most_images=4)
    security = Security.temporary()
    tls = DaskTls(ca_file=tmp_path / "ca.pem", cert_file=tmp_path / "cert.pem", key_file=tmp_path / "key.pem")
    for path, text in (
        (tls.ca_file, security.tls_ca_file),
        (tls.cert_file, security.tls_client_cert),
        (tls.key_file, security.tls_client_key),
    ):
        path.write_text(text)
    async with running(s3, bucket, tmp_path, workers=1, security=security, tls=tls) as cluster:
        assert cluster.address.startswith("tls://")
        kept: list[MeasuredShard] = []
        runner = DaskShards(scheduler=cluster.address, bounds=BOUNDS, tls=tls)
        await runner.run(todo, folder=folder, keep=keeping(kept), deadline_s=WAIT_S)
        assert [len(shard.rows) for shard in kept] == [4]
        stranger = DaskShards(scheduler=cluster.address.replace("tls://", "tcp://"), bounds=BOUNDS, connect_s=1)
        with pytest.raises(ShardsUnavailable):
            await stranger.run(todo, folder=folder, keep=keeping([]), deadline_s=WAIT_S)


async def test_real_images_are_judged_as_by_a_single_process(
    s3: ObjectServer, store: S3Store, bucket: str, shared_data: Path, tmp_path: Path
) -> None:
    prefix = uploaded(store, bucket, shared_data / "broken" / "psa_duplicates")
    alone = await verdict(store, prefix, tmp_path / "alone")
    async with running(s3, bucket, tmp_path, workers=1) as cluster:
        runner = RecordingRunner(runner=DaskShards(scheduler=cluster.address, bounds=BOUNDS))
        sharded = await verdict(store, prefix, tmp_path / "sharded", runner=runner, shard_images=100)
    assert sharded == alone
    assert runner.measured


async def test_a_shard_whose_workers_die_again_and_again_is_given_up(
    s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    folder = write_coco(tmp_path / "set", 4)
    prefix = uploaded(store, bucket, folder)
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        async with running(s3, bucket, tmp_path, workers=2) as cluster:
            cluster.arrivals.on_processing = cluster.kill
            runner = DaskShards(scheduler=cluster.address, bounds=BOUNDS)
            todo = shards(store, prefix, folder, tmp_path, most_images=4)
            with pytest.raises(ShardsUnavailable, match="workers died"):
                await runner.run(todo, folder=folder, keep=keeping([]), deadline_s=WAIT_S)


async def test_an_object_that_is_gone_fails_its_shard_after_some_tries(
    s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    folder = write_coco(tmp_path / "set", 4)
    prefix = uploaded(store, bucket, folder)
    todo = shards(store, prefix, folder, tmp_path, most_images=4)
    store.delete(prefix + "images/001.png")
    async with running(s3, bucket, tmp_path, workers=1) as cluster:
        tried: list[str] = []
        cluster.arrivals.on_processing = tried.append
        runner = DaskShards(scheduler=cluster.address, bounds=BOUNDS)
        with pytest.raises(ShardsUnavailable, match="ObjectMissing"):
            await runner.run(todo, folder=folder, keep=keeping([]), deadline_s=WAIT_S)
    assert len(tried) == BOUNDS.tries


async def test_without_a_scheduler_or_workers_it_ends_in_time_and_says_so(
    s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    folder = write_coco(tmp_path / "set", 4)
    todo = shards(store, uploaded(store, bucket, folder), folder, tmp_path, most_images=4)
    async with running(s3, bucket, tmp_path, workers=0) as cluster:
        address = cluster.address
        without = DaskShards(scheduler=address, bounds=BOUNDS, workers_s=0.2)
        with pytest.raises(ShardsUnavailable, match="no worker"):
            await without.run(todo, folder=folder, keep=keeping([]), deadline_s=WAIT_S)
        patient = DaskShards(scheduler=address, bounds=BOUNDS)
        with pytest.raises(ShardsUnavailable, match="longer than"):
            await patient.run(todo, folder=folder, keep=keeping([]), deadline_s=0.5)
    away = DaskShards(scheduler=address, bounds=BOUNDS, connect_s=0.5)
    with pytest.raises(ShardsUnavailable, match="does not answer"):
        await away.run(todo, folder=folder, keep=keeping([]), deadline_s=WAIT_S)


async def test_a_scheduler_that_ends_in_the_middle_fails_the_order_and_not_the_service(
    s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    folder = write_coco(tmp_path / "set", 8)
    todo = shards(store, uploaded(store, bucket, folder), folder, tmp_path, most_images=2)
    async with running(s3, bucket, tmp_path, workers=1) as cluster:

        async def keep(_shard: MeasuredShard) -> None:
            await cluster.scheduler.close()

        runner = DaskShards(scheduler=cluster.address, bounds=BOUNDS, connect_s=1, workers_s=1)
        with pytest.raises(ShardsUnavailable):
            await runner.run(todo, folder=folder, keep=keep, deadline_s=30)
