"""Scheduler and worker as Compose starts them: their commands and health checks, at other addresses."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from truscore.process.supervised import start_process, wait_until
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import free_ports
from services.dataset_validator.sharding import ShardBounds
from services.dataset_validator.sharding.dask_client import DaskShards
from tests.connected.validator.validator_harness import upload
from tests.house.compose_file import SERVICES
from tests.measuring.sharded_verdicts import RecordingRunner, verdict
from tests.unit.validation.small_datasets import write_coco

pytestmark = pytest.mark.connected
WAIT_S = 90


def moved(command: list[str], addresses: dict[str, str]) -> list[str]:
    """A command of the container, with this environment's programs and the test's addresses."""
    programs = {"python": sys.executable, "dask": str(Path(sys.executable).parent / "dask")}
    parts = [programs.get(command[0], command[0]), *command[1:]]
    for known, here in addresses.items():
        parts = [part.replace(known, here) for part in parts]
    return parts


def is_healthy(service: dict[str, Any], addresses: dict[str, str]) -> bool:
    (kind, *command) = service["healthcheck"]["test"]
    assert kind == "CMD"
    return subprocess.run(moved(command, addresses), capture_output=True, timeout=WAIT_S, check=False).returncode == 0


@pytest.fixture
def scheduler(tmp_path: Path, s3: ObjectServer, bucket: str) -> Iterator[str]:
    """The address of a scheduler that has one worker, both healthy."""
    port, page, metrics = (str(number) for number in free_ports(3))
    addresses = {"0.0.0.0": "127.0.0.1", "8786": port, "127.0.0.1:8787": f"127.0.0.1:{page}", ":9100": f":{metrics}"}
    fixed = {
        name: value for name, value in SERVICES["validator-worker"]["environment"].items() if value and "$" not in value
    }
    here = {
        "TRUSCORE_SECRETS_DIR": str(tmp_path),
        "TRUSCORE_S3_ENDPOINT": s3.endpoint,
        "TRUSCORE_BUCKET": bucket,
        "TRUSCORE_VALIDATOR_DASK_SCHEDULER": f"tcp://127.0.0.1:{port}",
        "TRUSCORE_VALIDATOR_METRICS_PORT": metrics,
        "TRUSCORE_VALIDATOR_WORKDIR": str(tmp_path / "work"),
    }
    for name, text in (("truscore_s3_access_key", s3.access_key), ("truscore_s3_secret_key", s3.secret_key)):
        (tmp_path / name).write_text(text)
    with ExitStack() as started:
        for name in ("dask-scheduler", "validator-worker"):
            service = SERVICES[name]
            process = start_process(
                name,
                moved(service["command"], addresses),
                log_path=tmp_path / f"{name}.log",
                env=os.environ | (fixed | here if "environment" in service else {}),
            )
            started.callback(process.terminate, WAIT_S)
            wait_until(process, partial(is_healthy, service, addresses), timeout_s=WAIT_S, what="health")
        yield here["TRUSCORE_VALIDATOR_DASK_SCHEDULER"]


async def test_what_the_containers_measure_has_the_verdict_of_a_single_process(
    scheduler: str, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    prefix = f"s3://{bucket}/sets/one/"
    upload(store, write_coco(tmp_path / "set", 6), prefix)
    runner = RecordingRunner(runner=DaskShards(scheduler=scheduler, bounds=ShardBounds(memory_bytes=3 * 2**30)))
    sharded = await verdict(store, prefix, tmp_path / "sharded", runner=runner)
    assert sum(len(shard.rows) for shard in runner.measured) == 6
    assert sharded == await verdict(store, prefix, tmp_path / "alone")
