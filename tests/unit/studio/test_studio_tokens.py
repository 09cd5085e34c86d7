"""The studio at a monitor that asks for tokens."""

from functools import partial

import pytest
from truscore.access import nobody
from truscore.telemetry.grpc_tls import open_async_channel

from services.studio.handlers import Monitor, MonitorAway, Searches, SearchesAway
from tests.unit.access.access_harness import TOKENS, accepting, served


async def test_the_studio_shows_its_token_with_every_call() -> None:
    async with served(accepting()) as address:
        monitor = Monitor(address, partial(open_async_channel, token=lambda: TOKENS["operator"]))
        try:
            assert [run["run_id"] for run in await monitor.list()] == ["of-operator"]
            said = await monitor.acknowledge("a1", by="ada", note="", silence_s=0)
            assert said["acknowledged_by"] == "of-operator"
            assert (await anext(monitor.watch("run-1")))["run_id"] == "of-operator"
        finally:
            await monitor.close()


async def test_a_token_that_is_refused_is_named_by_its_setting() -> None:
    async with served(nobody()) as address:
        monitor, searches = Monitor(address), Searches(address)
        try:
            with pytest.raises(MonitorAway, match="refuses the studio's TRUSCORE_GRPC_TOKEN: nobody may call here"):
                await monitor.list()
            with pytest.raises(SearchesAway, match="does not answer"):
                await searches.list()
        finally:
            await monitor.close()
            await searches.close()


async def test_no_token_goes_in_plain_to_another_machine() -> None:
    opened = partial(open_async_channel, token=lambda: "a-secret")
    for call, error in (
        (Monitor("monitor.example:1", opened).list, MonitorAway),
        (Searches("search.example:1", opened).list, SearchesAway),
    ):
        with pytest.raises(error, match="without TLS") as refused:
            await call()
        assert "a-secret" not in str(refused.value)
