"""Alerts and dead letters in a real browser: what is the matter, and messages put back by an operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest
from truscore.bus import Envelope, Poison, connect, consume, publisher
from truscore.bus.consuming.dead_letters import list_dead
from truscore.events.v1 import telemetry_pb2
from truscore.events.v1.control_pb2 import DeadLettersReplay
from truscore.events.v1.dataset_pb2 import DatasetReady

from services.studio.access import Role
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.connected.bus.event_recorder import EventRecorder, until
from tests.unit.monitor import event_sequences
from tests.unit.studio.finished_runs import monitor_of
from tests.unit.studio.studio_harness import browser

SERVICE = "dataset-validator"


class Broker(Protocol):
    @property
    def amqp_url(self) -> str: ...


def alert(rule: str, severity: str, message: str) -> event_sequences.PublishedEvent:
    raised = telemetry_pb2.AlertRaised(
        alert_id=f"id-{rule}", rule=rule, severity=severity, subject=event_sequences.RUN, message=message
    )
    raised.raised_at.FromSeconds(int(event_sequences.BEGIN_S))
    return event_sequences.PublishedEvent(raised, event_sequences.BEGIN_S)


async def test_alerts_that_stand_are_shown_worst_first_with_what_to_do(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    events = [
        event_sequences.started(),
        alert("run.plateau", "warning", "21 epochs since the best <b>"),
        alert("run.stalled", "critical", "no step for 16 min"),
    ]
    async with (
        monitor_of(events) as monitor,
        browser(tmp_path, monitor_address=monitor, studio_runbook_url="https://docs.example/operations/") as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.READER))).pages[0]
        await page.get_by_role("link", name="Alerts").click()
        rows = page.locator("tbody tr")
        await expect(rows).to_have_count(2)
        await expect(rows.first).to_contain_text("run.stalled")
        await expect(rows.last).to_contain_text("21 epochs since the best <b>")
        link = page.get_by_role("link", name="Runbook of run.stalled")
        assert await link.get_attribute("href") == "https://docs.example/operations/#runstalled"
        await expect(page.get_by_role("link", name="Dead letters")).to_have_count(0)
        assert (await page.goto("/dead-letters")).status == 403  # type: ignore[union-attr]
        await page.goto("/alerts")
        await expect(page.get_by_role("button", name="Take note")).to_have_count(0)
        answer = await page.request.post("/api/alerts/id-run.stalled/acknowledge", data={"note": ""})
        assert answer.status == 403
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.OPERATOR))).pages[0]
        await page.goto("/alerts")
        await keep_picture(page, "alerts", request)
        stalled = page.locator("tr", has_text="run.stalled")
        await stalled.get_by_label("Note on run.stalled").fill("ada <looks>")
        await stalled.get_by_label("send nothing for 24 h").check()
        await stalled.get_by_role("button", name="Take note").click()
        await expect(stalled.locator(".noted")).to_have_text("by operator: ada <looks>")
        await page.reload()
        await expect(stalled.locator(".noted")).to_contain_text("nothing is sent until")


async def poison(event: Any, _: Envelope) -> None:
    raise Poison(f"version {event.version!r} is taken by <b>other content</b>")


@pytest.mark.connected
async def test_an_operator_puts_the_letters_back_that_are_ticked(
    private_broker: Broker, tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    url, mended = private_broker.amqp_url, EventRecorder()
    failing = connect(url, service=SERVICE, instance="failing")
    consume(failing, DatasetReady, poison, service=SERVICE)
    await failing.start()
    ready = [DatasetReady(dataset_id="cards", version=str(number), uri="s3://b/cards/") for number in (1, 2)]
    event_ids = [
        await publisher(failing, service="cli").publish(each, subject=f"cards/{each.version}", sequence=each.version)
        for each in ready
    ]

    async def both_are_dead() -> bool:
        return len(await list_dead(url, SERVICE)) == len(ready)

    await until(both_are_dead)
    await failing.stop()
    working = connect(url, service=SERVICE, instance="working")
    consume(working, DatasetReady, mended, service=SERVICE)
    await working.start()
    async with (
        browser(tmp_path, amqp_url=url) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        expect.set_options(timeout=45_000)
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.OPERATOR))).pages[0]
        await page.get_by_role("link", name="Dead letters").click()
        letters = page.locator(f"[data-service={SERVICE}] li")
        await expect(letters).to_have_count(2)
        await expect(letters.first).to_contain_text("taken by <b>other content</b>")
        await keep_picture(page, "dead-letters", request)
        await letters.first.get_by_text("All of it").click()
        await expect(letters.first.get_by_label("Content")).to_contain_text('"uri": "s3://b/cards/"')
        second = letters.filter(has_text=event_ids[1])
        await second.get_by_role("checkbox").check()
        await page.get_by_role("button", name="Put back those").click()
        await expect(letters).to_have_count(1)
        [(event, _)] = await mended.first(1)
        assert event.version == "2"
        (said, *_rest) = one.events.published[-1]
        assert isinstance(said, DeadLettersReplay)
        assert (list(said.event_ids), said.requested_by) == ([event_ids[1]], "operator")
        for asked in ([], ["zz"], ["a" * 12]):
            answer = await one.http.post(f"/api/dead-letters/{SERVICE}/replay", json={"letters": asked})
            assert answer.status_code == 400, answer.text
    await working.stop()
