"""The monitor as it runs: a process on a real broker, asked over gRPC."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from google.protobuf.message import Message
from truscore.api.v1 import monitor_pb2
from truscore.bus import connect, consume_broadcast
from truscore.bus.envelope import Envelope
from truscore.events.v1.telemetry_pb2 import AlertCleared, AlertRaised

from tests.connected.bus.event_recorder import publish_plainly
from tests.connected.monitor.monitor_harness import monitor_process, publish
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import RUN
from tests.unit.monitor.sink_servers import http_server

pytestmark = pytest.mark.connected

WAIT_S = 60
MAX_IDLE_BYTES = 120 * 2**20


async def run_of(api: Any, reference: str = RUN) -> monitor_pb2.Run:
    response = await api.GetRun(monitor_pb2.GetRunRequest(run_id=reference), timeout=WAIT_S, wait_for_ready=True)
    return response.run  # type: ignore[no-any-return]


async def test_a_restarted_monitor_shows_the_same_run(amqp_url: str) -> None:
    await publish(amqp_url, event_sequences.whole_run())
    with monitor_process(amqp_url) as monitor:
        async with monitor.client() as api:
            before = await run_of(api)
    with monitor_process(amqp_url) as monitor:
        async with monitor.client() as api:
            after = await run_of(api)
    assert before == after
    assert before.state == monitor_pb2.RUN_STATE_EXPORTED
    assert len(before.epochs) == 3


async def test_a_run_is_watched_from_its_announcement_to_its_model(amqp_url: str) -> None:
    with monitor_process(amqp_url) as monitor:
        async with monitor.client() as api:
            states = aiter(api.WatchRun(monitor_pb2.WatchRunRequest(run_id="cards/1"), timeout=WAIT_S))
            assert (await anext(states)).run.state == monitor_pb2.RUN_STATE_UNSPECIFIED
            await publish(amqp_url, [event_sequences.ready()])
            assert (await anext(states)).run.state == monitor_pb2.RUN_STATE_VALIDATING
            await publish(amqp_url, event_sequences.whole_run())
            assert [response.run.state async for response in states][-1] == monitor_pb2.RUN_STATE_EXPORTED
            page = await api.ListRuns(monitor_pb2.ListRunsRequest(dataset_id="cards"), timeout=WAIT_S)
            assert [run.run_id for run in page.runs] == [RUN]


async def test_a_rejected_dataset_ends_the_watch_with_its_findings(amqp_url: str) -> None:
    await publish(amqp_url, [event_sequences.ready(), event_sequences.rejected()])
    with monitor_process(amqp_url) as monitor:
        async with monitor.client() as api:
            call = api.WatchRun(monitor_pb2.WatchRunRequest(run_id="cards/1"), timeout=WAIT_S)
            (last,) = [response.run async for response in call]
            assert last.state == monitor_pb2.RUN_STATE_REJECTED
            assert last.findings[0].rule == "classes.few"
            assert last.run_id.startswith("order-")


@asynccontextmanager
async def alerts_of(amqp_url: str) -> AsyncIterator[asyncio.Queue[Message]]:
    """The events about alerts, as any consumer receives them."""
    received: asyncio.Queue[Message] = asyncio.Queue()

    async def note(message: Message, _envelope: Envelope) -> None:
        received.put_nowait(message)

    bus = connect(amqp_url, service="studio", instance="listener")
    consume_broadcast(bus, [AlertRaised, AlertCleared], note, service="studio", instance="listener")
    await bus.start()
    try:
        yield received
    finally:
        await bus.stop()


async def test_an_alert_outlives_a_restart_and_is_raised_and_cleared_once(amqp_url: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "run.quiet"\nseverity = "warning"\nmeasure = "silence_s"\nat_least = 0.1\n')
    async with alerts_of(amqp_url) as received:
        await publish(amqp_url, [event_sequences.started()])
        with monitor_process(amqp_url, TRUSCORE_MONITOR_RULES=str(rules)):
            raised = await asyncio.wait_for(received.get(), WAIT_S)
        with monitor_process(amqp_url, TRUSCORE_MONITOR_RULES=str(rules)) as monitor:
            async with monitor.client() as api:
                assert list((await run_of(api)).alerts) == [raised]
            await publish(amqp_url, [event_sequences.completed()])
            cleared = await asyncio.wait_for(received.get(), WAIT_S)
    assert isinstance(raised, AlertRaised)
    assert isinstance(cleared, AlertCleared)
    assert (raised.rule, raised.subject) == ("run.quiet", RUN)
    assert cleared.alert_id == raised.alert_id


async def test_a_restarted_monitor_sends_no_old_alert_again_and_sends_the_end_of_it(
    amqp_url: str, tmp_path: Path
) -> None:
    rules, notifications = tmp_path / "rules.toml", tmp_path / "notifications.toml"
    rules.write_text('[[rule]]\nname = "run.quiet"\nseverity = "warning"\nmeasure = "silence_s"\nat_least = 0.1\n')
    sink = '[[sink]]\nname = "ops"\nkind = "webhook"\nurl_file = "url"\ngroup_s = 0\ninterval_s = 0\n'
    notifications.write_text(sink)
    given = {"TRUSCORE_MONITOR_RULES": str(rules), "TRUSCORE_MONITOR_NOTIFICATIONS": str(notifications)}
    async with http_server(b"200 OK") as server:
        (tmp_path / "url").write_text(f"http://127.0.0.1:{server.port}/s3cret")
        await publish(amqp_url, [event_sequences.started()])
        with monitor_process(amqp_url, **given):
            first = await asyncio.wait_for(server.received.get(), WAIT_S)
        with monitor_process(amqp_url, **given) as monitor:
            async with monitor.client() as api:
                assert len((await run_of(api)).alerts) == 1
            await publish(amqp_url, [event_sequences.completed()])
            second = await asyncio.wait_for(server.received.get(), WAIT_S)
    sent = [json.loads(each.body)["alerts"] for each in (first, second)]
    assert [[(alert["state"], alert["rule"], alert["subject"]) for alert in alerts] for alerts in sent] == [
        [("raised", "run.quiet", RUN)],
        [("cleared", "run.quiet", RUN)],
    ]


async def test_a_message_with_a_typo_in_its_routing_key_is_an_alert_and_is_raised_once(amqp_url: str) -> None:
    async with alerts_of(amqp_url) as received:
        with monitor_process(amqp_url):
            await publish_plainly(amqp_url, "dataset.redy", event_sequences.ready().message)
            raised = await asyncio.wait_for(received.get(), WAIT_S)
        with monitor_process(amqp_url) as monitor:
            async with monitor.client() as api:
                await api.ListRuns(monitor_pb2.ListRunsRequest(), timeout=WAIT_S)
            page = await page_of(monitor.metrics_port)
    assert isinstance(raised, AlertRaised)
    assert (raised.rule, raised.subject, raised.severity) == ("message.stray", "dataset.redy", "warning")
    assert "unknown routing key 'dataset.redy'" in raised.message
    assert 'truscore_monitor_events_total{type="stray"} 1.0' in page
    assert received.empty()


async def test_the_metrics_page_shows_the_run_its_host_and_what_was_consumed(amqp_url: str) -> None:
    await publish(amqp_url, [event_sequences.started(), event_sequences.progressed(10), event_sequences.sampled()])
    with monitor_process(amqp_url) as monitor:
        async with monitor.client() as api:
            await run_of(api)
        page = await page_of(monitor.metrics_port)
    assert f'truscore_monitor_run_step{{run_id="{RUN}"}} 10.0' in page
    assert 'truscore_monitor_runs{state="training"} 1.0' in page
    assert 'truscore_monitor_host_memory_total_bytes{host="gpu-1",service="trainer"} 1.7' in page
    assert 'truscore_monitor_events_total{type="truscore.events.v1.TrainingStarted"} 1.0' in page
    assert "truscore_monitor_caught_up 1.0" in page


async def page_of(port: int) -> str:
    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WAIT_S) as page:
            return str(page.read().decode())

    return await asyncio.to_thread(read)


async def test_a_watch_goes_on_when_the_broker_was_killed_and_came_back(private_broker: Any) -> None:
    url = private_broker.amqp_url
    await publish(url, [event_sequences.started()])
    with monitor_process(url) as monitor:
        async with monitor.client() as api:
            states = aiter(api.WatchRun(monitor_pb2.WatchRunRequest(run_id=RUN), timeout=2 * WAIT_S))
            assert (await anext(states)).run.state == monitor_pb2.RUN_STATE_TRAINING
            await asyncio.to_thread(private_broker.kill)
            await asyncio.to_thread(private_broker.start)
            await publish(url, [event_sequences.started(), event_sequences.completed(), event_sequences.exported()])
            assert [response.run.state async for response in states][-1] == monitor_pb2.RUN_STATE_EXPORTED


async def test_an_idle_monitor_takes_at_most_120_mb(amqp_url: str) -> None:
    await publish(amqp_url, event_sequences.whole_run())
    with monitor_process(amqp_url) as monitor:
        async with monitor.client() as api:
            await run_of(api)
        await page_of(monitor.metrics_port)
        memory = psutil.Process(monitor.process.pid).memory_info().rss
        assert memory <= MAX_IDLE_BYTES, f"{memory / 2**20:.0f} MiB"
        print(f"monitor: {memory / 2**20:.0f} MiB")  # noqa: T201
