"""Alerts on their way to people: over real HTTP and SMTP to servers on this machine."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from services.monitor.alerts import AlertState
from services.monitor.facts import Acknowledged, Cleared, Raised
from services.monitor.notifications import InvalidNotifications, Notifier, load_notifications
from services.monitor.notifications.channel import MAX_QUEUED, Channel, Patience
from services.monitor.notifications.configuration import Configuration
from services.monitor.notifications.delivery import delivery
from services.monitor.notifications.messages import Change, Group, lines
from tests.unit.monitor.sink_servers import http_server, mail_server

WAIT_S = 20
NOW = 1_000_000.0
QUICK = Patience(attempt_s=5, first_delay_s=0.01, longest_delay_s=0.05, attempts=5)
OK = b"200 OK"


def raised(number: int = 1, *, at: float = NOW, rule: str = "run.stalled", severity: str = "critical") -> Raised:
    return Raised(
        alert_id=f"alert-{number}", rule=rule, severity=severity, subject=f"run-{number}",
        message="no <progress> & more", raised_at=at,
    )  # fmt: skip


def configured(folder: Path, text: str, **secrets: str) -> Configuration:
    for name, secret in secrets.items():
        (folder / name).write_text(secret + "\n")
    (folder / "notifications.toml").write_text(text)
    return load_notifications(folder / "notifications.toml")


def http_sink(folder: Path, kind: str, port: int, more: str = "") -> Configuration:
    text = f'[[sink]]\nname = "{kind}"\nkind = "{kind}"\nurl_file = "url"\ngroup_s = 0\ninterval_s = 0\n{more}'
    return configured(folder, text, url=f"http://127.0.0.1:{port}/services/T0/s3cret", key="k3y")


@dataclass
class Sending:
    """A notifier at work; what is raised through it is also on its board."""

    notifier: Notifier
    alerts: dict[str, AlertState] = field(default_factory=dict)

    def raise_(self, fact: Raised, event_id: str = "") -> None:
        self.alerts[fact.alert_id] = AlertState(raised=fact)
        self.notifier.note(fact, event_id or f"event-{fact.alert_id}", self.alerts)

    def clear(self, fact: Raised) -> None:
        cleared = Cleared(alert_id=fact.alert_id, rule=fact.rule, subject=fact.subject, cleared_at=fact.raised_at + 1)
        self.notifier.note(cleared, f"cleared-{fact.alert_id}", self.alerts)


@asynccontextmanager
async def sending(
    configuration: Configuration, patience: Patience = QUICK, clock: Callable[[], float] = lambda: NOW
) -> AsyncIterator[Sending]:
    channels = [Channel(sink, delivery(sink), patience) for sink in configuration.sink]
    notifier = Notifier(channels, configuration.silence, clock=clock, since=NOW)
    async with notifier.going_on(0.01):
        yield Sending(notifier)


async def soon(queue: asyncio.Queue[Any]) -> Any:
    return await asyncio.wait_for(queue.get(), WAIT_S)


async def test_a_webhook_receives_what_was_raised_and_cleared_signed_with_the_key(tmp_path: Path) -> None:
    async with http_server(OK) as server:
        sink = http_sink(tmp_path, "webhook", server.port, 'hmac_key_file = "key"\n')
        async with sending(sink) as out:
            out.raise_(raised())
            first = await soon(server.received)
            out.clear(raised())
            second = await soon(server.received)
    (alert,) = json.loads(first.body)["alerts"]
    assert (alert["state"], alert["rule"], alert["subject"], alert["severity"]) == (
        "raised", "run.stalled", "run-1", "critical",
    )  # fmt: skip
    assert alert["at"] == "1970-01-12T13:46:40+00:00"
    signed = first.headers["x-truscore-timestamp"].encode() + b"." + first.body
    expected = hmac.new(b"k3y", signed, hashlib.sha256).hexdigest()
    assert first.headers["x-truscore-signature"] == f"sha256={expected}"
    assert json.loads(second.body)["alerts"][0]["state"] == "cleared"


async def test_a_server_that_fails_is_asked_again_with_the_same_delivery_id_and_no_secret_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with http_server(b"503 Busy", b"429 Slow down\r\nRetry-After: 0", OK) as server:
        async with sending(http_sink(tmp_path, "webhook", server.port, 'hmac_key_file = "key"\n')) as out:
            out.raise_(raised())
            attempts = [await soon(server.received) for _ in range(3)]
    assert len({each.headers["x-truscore-delivery"] for each in attempts}) == 1
    assert "sink webhook: not sent, again in 0.01 s: HTTP 503" in caplog.text
    assert [secret for secret in ("s3cret", "k3y", "127.0.0.1:") if secret in caplog.text] == []


async def test_a_refusal_is_not_repeated_and_the_next_alert_is_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with http_server(b"404 Not Found", OK) as server:
        async with sending(http_sink(tmp_path, "slack", server.port)) as out:
            out.raise_(raised(1))
            await soon(server.received)
            out.raise_(raised(2))
            sent = await soon(server.received)
    assert "run-2" in json.loads(sent.body)["text"]
    assert "run-1" not in json.loads(sent.body)["text"]
    assert "1 alerts not sent, given up: HTTP 404" in caplog.text
    assert (
        generate_latest().decode().count('truscore_monitor_notifications_total{outcome="given_up",sink="slack"}') == 1
    )


async def test_a_sink_that_hangs_holds_up_no_other_and_not_the_monitor(tmp_path: Path) -> None:
    async with http_server(b"") as hanging, http_server(OK) as server:
        (tmp_path / "hanging").mkdir()
        (tmp_path / "server").mkdir()
        both = [
            *http_sink(tmp_path / "hanging", "teams", hanging.port).sink,
            *http_sink(tmp_path / "server", "slack", server.port).sink,
        ]
        async with sending(Configuration.model_construct(sink=both, silence=[])) as out:
            out.raise_(raised(1))
            await soon(hanging.received)
            await soon(server.received)
            out.raise_(raised(2))
            assert "run-2" in json.loads((await soon(server.received)).body)["text"]


async def test_slack_gets_escaped_text_and_teams_an_adaptive_card(tmp_path: Path) -> None:
    async with http_server(OK) as server:
        bodies = []
        for kind in ("slack", "teams"):
            async with sending(http_sink(tmp_path, kind, server.port)) as out:
                out.raise_(raised())
                bodies.append(json.loads((await soon(server.received)).body))
    slack, teams = bodies
    assert "no &lt;progress&gt; &amp; more" in slack["text"]
    (card,) = (attachment["content"] for attachment in teams["attachments"])
    assert card["type"] == "AdaptiveCard"
    assert "run-1" in card["body"][1]["text"]


MAIL = """
[[sink]]
name = "mail"
kind = "email"
host = "127.0.0.1"
port = {port}
security = "none"
sender = "truscore@example.org"
recipients = ["ops@example.org"]
group_s = 0
interval_s = 0
"""


async def test_mail_is_handed_to_a_server_once_it_takes_it(tmp_path: Path) -> None:
    async with mail_server(b"451 try later") as server:
        async with sending(configured(tmp_path, MAIL.format(port=server.port))) as out:
            out.raise_(raised())
            mail = message_from_string(await soon(server.received))
    assert mail["Subject"] == "TruScore alerts: 1 raised (run.stalled)"
    assert mail["To"] == "ops@example.org"
    assert "RAISED critical run.stalled: run-1: no <progress> & more" in str(mail.get_payload())


async def test_what_comes_together_is_one_message_and_each_event_is_sent_once(tmp_path: Path) -> None:
    async with http_server(OK) as server:
        async with sending(http_sink(tmp_path, "webhook", server.port)) as out:
            for number in (1, 2, 2, 3):
                out.raise_(raised(number))
            sent = json.loads((await soon(server.received)).body)
            assert server.received.empty()
    assert [alert["subject"] for alert in sent["alerts"]] == ["run-1", "run-2", "run-3"]


async def test_nothing_of_before_the_start_is_sent_again_and_a_sink_gets_what_is_severe_enough(tmp_path: Path) -> None:
    async with http_server(OK) as server:
        async with sending(http_sink(tmp_path, "webhook", server.port, 'least_severity = "critical"\n')) as out:
            out.raise_(raised(1, at=NOW - 1))
            out.raise_(raised(2, severity="warning"))
            out.raise_(raised(3))
            sent = json.loads((await soon(server.received)).body)
    assert [alert["subject"] for alert in sent["alerts"]] == ["run-3"]


SILENCE = '[[silence]]\nrule = "run.*"\nsubject = "run-1"\nuntil = 1970-01-12T13:47:40Z\nreason = "moved"\n'


async def test_what_is_silenced_is_sent_when_the_silence_ends_if_it_still_stands(tmp_path: Path) -> None:
    now = NOW
    async with http_server(OK) as server:
        async with sending(http_sink(tmp_path, "webhook", server.port, SILENCE), clock=lambda: now) as out:
            out.raise_(raised(1))
            out.raise_(raised(2))
            (first,) = json.loads((await soon(server.received)).body)["alerts"]
            now = NOW + 61
            (second,) = json.loads((await soon(server.received)).body)["alerts"]
    assert (first["subject"], second["subject"]) == ("run-2", "run-1")


async def test_what_was_raised_and_cleared_within_a_silence_is_never_sent(tmp_path: Path) -> None:
    now = NOW
    async with http_server(OK) as server:
        async with sending(http_sink(tmp_path, "webhook", server.port, SILENCE), clock=lambda: now) as out:
            out.raise_(raised(1))
            out.clear(raised(1))
            now = NOW + 61
            out.notifier.release()
            out.raise_(raised(2))
            (sent,) = json.loads((await soon(server.received)).body)["alerts"]
    assert sent["subject"] == "run-2"


async def test_a_full_queue_drops_the_oldest_and_says_how_many(tmp_path: Path) -> None:
    async with http_server(OK) as server:
        async with sending(http_sink(tmp_path, "webhook", server.port)) as out:
            for number in range(MAX_QUEUED + 5):
                out.raise_(raised(number))
            sent = json.loads((await soon(server.received)).body)
    assert (len(sent["alerts"]), sent["dropped"], sent["alerts"][0]["subject"]) == (MAX_QUEUED, 5, "run-5")


def test_a_message_of_many_alerts_is_cut_and_says_so() -> None:
    change = Change(
        event_id="e", state="raised", alert_id="a", rule="r", severity="warning", subject="s\nX", message="m", at=0
    )
    said = lines(Group(changes=[change] * 60))
    assert len(said) == 51
    assert said[-1] == "and 10 more"
    assert "s X" in said[0]


WEBHOOK = '[[sink]]\nname = "w"\nkind = "webhook"\nurl_file = "url"\n'


@pytest.mark.parametrize(
    ("text", "url", "said"),
    [
        ("[[sink", "http://h/", "is no TOML"),
        (WEBHOOK.replace("url_file", "url"), "http://h/", "url is a secret"),
        (WEBHOOK.replace('"url"', '"nowhere"'), "http://h/", "can't be read: No such file"),
        (WEBHOOK, "ftp://h/s3cret", "url is no address"),
        (WEBHOOK, "http://h:99999/s3cret", "url is no address"),
        (WEBHOOK, "", "file of url_file is empty"),
        (WEBHOOK + WEBHOOK, "http://h/s3cret", "'w' is there twice"),
        (WEBHOOK.replace('"webhook"', '"pager"'), "http://h/s3cret", "'webhook', 'slack', 'teams'"),
        (WEBHOOK.replace('"webhook"', '"slack"') + 'hmac_key_file = "url"', "http://h/s3cret", "checks no signature"),
        (MAIL.format(port=25) + 'user = "u"\npassword_file = "url"', "s3cret", "needs security starttls or tls"),
        ('[[silence]]\nreason = "x"\nuntil = 2026-01-01T00:00:00', "http://h/", "with its offset"),
    ],
)
def test_what_is_not_accepted_is_named_and_no_secret_with_it(tmp_path: Path, text: str, url: str, said: str) -> None:
    with pytest.raises(InvalidNotifications) as caught:
        configured(tmp_path, text, url=url)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_without_a_file_nobody_is_told() -> None:
    assert load_notifications(None) == Configuration()


async def test_what_was_acknowledged_with_a_silence_is_not_sent_until_it_is_over(tmp_path: Path) -> None:
    now = NOW
    said = Acknowledged(
        alert_id="alert-1", rule="run.stalled", subject="run-1", acknowledged_by="ada", note="",
        acknowledged_at=NOW - 10, silenced_until=NOW + 60,
    )  # fmt: skip
    async with http_server(OK) as server:
        async with sending(http_sink(tmp_path, "webhook", server.port), clock=lambda: now) as out:
            out.notifier.note(said, "event-said", out.alerts)
            out.raise_(raised(1))
            out.raise_(raised(2))
            (first,) = json.loads((await soon(server.received)).body)["alerts"]
            now = NOW + 61
            (second,) = json.loads((await soon(server.received)).body)["alerts"]
    assert (first["subject"], second["subject"]) == ("run-2", "run-1")
