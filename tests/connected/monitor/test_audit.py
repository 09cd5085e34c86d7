"""The audit record of a real monitor on a real broker: who asked for what, verified by the command line's own eyes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aio_pika
import pytest
from truscore.audit import AuditRecord, examine
from truscore.bus import connect, publisher
from truscore.bus.audit_stream import append_audit, read_audit
from truscore.bus.topology import AUDIT
from truscore.ordering.messages import request_of
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.context import Code
from services.studio.handlers import Requests
from tests.connected.monitor.monitor_harness import MonitorProcess, monitor_process, publish
from tests.unit.monitor import event_sequences

pytestmark = pytest.mark.connected

WAIT_S = 60


async def requested(amqp_url: str, verbs: Sequence[str]) -> None:
    """Requests about one run, and an event between them that asks for nothing."""
    bus = connect(amqp_url, service="cli", instance="teller")
    await bus.start()
    try:
        for number, verb in enumerate(verbs):
            event = request_of(verb, "run-1", reason="a reason", requested_by="anna", request_id=f"r-{number}")
            await publisher(bus, service="cli").publish(event, subject="run-1", sequence=f"r-{number}")
    finally:
        await bus.stop()


async def done_in_the_studio(amqp_url: str) -> None:
    bus = connect(amqp_url, service="studio", instance="teller")
    await bus.start()
    try:
        requests = Requests(publisher(bus, service="studio"))
        await requests.record("account.create", "grace", detail="annotator", requested_by="ada")
    finally:
        await bus.stop()


async def recorded(amqp_url: str, count: int) -> list[AuditRecord]:
    """The stream's entries once there are as many."""
    async with asyncio.timeout(WAIT_S):
        while len(found := [record async for record in read_audit(amqp_url)]) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return found


def truscore(monitor: MonitorProcess, *arguments: str) -> Any:
    where = {"TRUSCORE_MONITOR_ADDRESS": f"127.0.0.1:{monitor.grpc_port}"}
    return CliRunner().invoke(app, list(arguments), env=where, catch_exceptions=False)


async def test_requests_are_on_record_with_who_the_broker_knows_and_who_is_said_to_ask(amqp_url: str) -> None:
    await publish(amqp_url, event_sequences.whole_run())
    await requested(amqp_url, ["pause", "resume", "cancel"])
    await done_in_the_studio(amqp_url)
    with monitor_process(amqp_url) as monitor:
        async with monitor.client():
            records = await recorded(amqp_url, 6)
    asked = [record.request for record in records]
    assert [each.action for each in asked] == ["submit", "resume", "pause", "resume", "cancel", "account.create"]
    user = aio_pika.connection.make_url(amqp_url).user
    assert {each.identity for each in asked} == {user}
    assert {each.requested_by for each in asked[2:5]} == {"anna"}
    assert (asked[5].subject, asked[5].requested_by, asked[5].source) == ("grace", "ada", "truscore/studio")
    assert asked[0].subject == "cards/1"
    assert asked[4].subject == "run-1"
    assert '"reason": "a reason"' in asked[4].content
    # Another monitor goes on with the chain and records nothing twice.
    await requested(amqp_url, ["pause", "resume", "cancel", "pause"])
    with monitor_process(amqp_url) as monitor:
        async with monitor.client():
            after = await recorded(amqp_url, 10)
    assert after[:6] == records
    assert not examine(after, head=(6, records[-1].hash)).findings


async def stored_anew(amqp_url: str, records: Sequence[AuditRecord]) -> None:
    """What somebody with all rights on the broker can do: streams can't be changed, but made again."""
    async with await aio_pika.connect(amqp_url) as connection:
        await (await connection.channel()).queue_delete(AUDIT)
    bus = connect(amqp_url, service="monitor", instance="forger")
    await bus.start()
    try:
        for record in records:
            await append_audit(bus, record)
    finally:
        await bus.stop()


async def test_what_was_changed_is_missing_or_was_swapped_is_named(amqp_url: str) -> None:
    await requested(amqp_url, ["pause", "resume", "pause", "resume", "cancel"])
    with monitor_process(amqp_url) as monitor:
        async with monitor.client():
            stored = await recorded(amqp_url, 5)
            one, two, three, four, five = stored
            head = f"5:{five.hash}"
            changed = replace(three, request=replace(three.request, requested_by="somebody else"))
            cases = {
                "record 3 was changed": [one, two, changed, four, five],
                "record 3 is missing": [one, two, four, five],
                "record 3 is stored after record 4": [one, two, four, three, five],
                "record 5 is not there": [one, two, three, four],
            }
            for said, records in cases.items():
                await stored_anew(amqp_url, records)
                result = await asyncio.to_thread(truscore, monitor, "audit", "verify", "--head", head)
                assert said in result.output
                assert "is NOT whole" in result.output
                assert result.exit_code == Code.NOT_VERIFIED
    # What was cut off at the end the log still has: a monitor that starts appends the very same record.
    with monitor_process(amqp_url) as monitor:
        async with monitor.client():
            assert await recorded(amqp_url, 5) == stored
            result = await asyncio.to_thread(truscore, monitor, "audit", "verify", "--head", head)
            listed = await asyncio.to_thread(truscore, monitor, "audit", "list", "--action", "cancel", "--by", "anna")
    assert result.exit_code == 0, result.output
    assert f"the chain of 5 records is whole; its head is {head}" in result.output
    assert listed.output.count("run-1") == 1
