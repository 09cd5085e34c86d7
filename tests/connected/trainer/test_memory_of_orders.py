"""A trainer keeps nothing of the runs that it has made, neither objects nor freed blocks."""

from pathlib import Path

import pytest

from deploy.local.servers.objects import ObjectServer
from tests.measuring.service_accounts import Load, measure, per_order

pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(600)]
# Of some 500,000 blocks a few come and go with timers and connections.
BLOCKS_AN_ORDER, OBJECTS_AN_ORDER, FREE_BYTES = 100, 20, 40_000_000


async def test_a_run_leaves_nothing_in_its_trainer(
    amqp_url: str, s3: ObjectServer, bucket: str, tmp_path: Path
) -> None:
    load = Load(service="trainer", batches=4, orders=4)
    accounts = await measure(load, folder=tmp_path, amqp_url=amqp_url, s3=s3, bucket=bucket)
    kept = per_order(accounts)
    assert kept["blocks"] < BLOCKS_AN_ORDER
    assert kept["objects"] < OBJECTS_AN_ORDER
    assert accounts[-1]["heap_free"] < FREE_BYTES
    assert accounts[-1]["threads"] == accounts[1]["threads"]
