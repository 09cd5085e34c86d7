"""`truscore alerts`: what stands, and that somebody took note of it."""

import asyncio
import json
from typing import Any

from truscore.events.v1 import telemetry_pb2
from typer.testing import CliRunner, Result

from services.cli.app import app
from services.cli.context import Code
from tests.unit.monitor.event_sequences import BEGIN_S, RUN, PublishedEvent, started
from tests.unit.studio.finished_runs import monitor_of


def stalled() -> PublishedEvent:
    raised = telemetry_pb2.AlertRaised(
        alert_id="a1", rule="run.stalled", severity="critical", subject=RUN, message="no step for [red]16 min"
    )
    raised.raised_at.FromSeconds(int(BEGIN_S))
    return PublishedEvent(raised, BEGIN_S)


async def run(monitor: str, *arguments: str) -> Result:
    environment = {"TRUSCORE_MONITOR_ADDRESS": monitor}
    return await asyncio.to_thread(CliRunner().invoke, app, ["alerts", *arguments], env=environment)


async def test_an_alert_is_listed_and_taken_note_of_under_the_name_of_who_asks(monkeypatch: Any) -> None:
    monkeypatch.setattr("services.cli.commands.operations.alerts.requested_by", lambda: "ada")
    async with monitor_of([started(), stalled()]) as monitor:
        before = await run(monitor, "list")
        said = await run(monitor, "ack", "a1", "--note", "looking", "--silence", "24")
        (after,) = json.loads((await run(monitor, "list", "--rule", "run.stalled", "--json")).stdout)
        other = await run(monitor, "list", "--subject", "run-other")
        gone = await run(monitor, "ack", "a2")
    assert before.exit_code == 0, before.output
    assert "16 min" in before.stdout
    assert said.stdout.startswith(f"run.stalled about {RUN}: taken note of by ada, silenced until 2027-")
    assert (after["acknowledged_by"], after["note"]) == ("ada", "looking")
    assert other.stdout == "no alert stands\n"
    assert getattr(gone.exception, "code", None) is Code.NOT_FOUND


async def test_a_monitor_that_is_away_is_named() -> None:
    result = await run("127.0.0.1:1", "list")
    assert getattr(result.exception, "code", None) is Code.UNREACHABLE
    assert "127.0.0.1:1" in str(result.exception)
