"""A real monitor with tokens: who takes note of an alert is on record, and tokens change while it runs."""

import asyncio
from pathlib import Path

import pytest
from truscore.access import Role, new_token, token_line
from truscore.bus.audit_stream import read_audit
from typer.testing import CliRunner, Result

from services.cli.app import app
from services.cli.context import Code
from tests.connected.monitor.monitor_harness import monitor_process, publish
from tests.unit.cli.test_alerts_command import stalled
from tests.unit.monitor.event_sequences import started

pytestmark = pytest.mark.connected
WAIT_S = 30
OLD, NEW = new_token(), new_token()


async def truscore(port: int, token: str, *arguments: str) -> Result:
    where = {"TRUSCORE_MONITOR_ADDRESS": f"127.0.0.1:{port}", "TRUSCORE_GRPC_TOKEN": token}
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env=where)


async def until(port: int, token: str, code: Code) -> None:
    """Until a reader's question ends with the code."""
    async with asyncio.timeout(WAIT_S):
        while True:
            result = await truscore(port, token, "alerts", "list")
            if getattr(result.exception, "code", Code.DONE) is code:
                return
            await asyncio.sleep(0.05)


async def test_who_takes_note_of_an_alert_is_on_record_by_the_name_of_the_token_and_tokens_change(
    amqp_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("services.cli.commands.operations.alerts.requested_by", lambda: "ada")
    file = tmp_path / "tokens"
    file.write_text(token_line("studio", Role.OPERATOR, OLD))
    await publish(amqp_url, [started(), stalled()])
    given = {"TRUSCORE_GRPC_ANONYMOUS_ROLE": "", "TRUSCORE_GRPC_TOKENS_FILE": str(file)}
    with monitor_process(amqp_url, **given) as monitor:
        async with monitor.client():
            port = monitor.grpc_port
            said = await truscore(port, OLD, "alerts", "ack", "a1")
            assert "taken note of by ada via studio" in said.output, said.exception
            denied = await truscore(port, OLD, "audit", "list")
            assert getattr(denied.exception, "code", None) is Code.DENIED
            assert "AuditService/ListAuditRecords needs the role admin" in str(denied.exception)
            async with asyncio.timeout(WAIT_S):
                while not (found := [record.request async for record in read_audit(amqp_url)]):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert [(each.action, each.requested_by) for each in found] == [("acknowledge", "ada via studio")]
            # Both count while clients change; then the old one no longer does.
            file.write_text(file.read_text() + "\n" + token_line("studio", Role.OPERATOR, NEW))
            await until(port, NEW, Code.DONE)
            await until(port, OLD, Code.DONE)
            file.write_text(token_line("studio", Role.OPERATOR, NEW))
            await until(port, OLD, Code.DENIED)
            await until(port, NEW, Code.DONE)
