"""The command line at services that ask for a token: what it shows, and what it says where it is refused."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from truscore.access import Access, Role, StaticTokens, new_token, nobody, token_line
from truscore.telemetry import serve_grpc
from typer.testing import CliRunner, Result

from services.cli.app import app
from services.cli.context import Code
from services.monitor.board import Board
from services.monitor.handlers import Reads
from services.monitor.subscriptions import BoardChanges

TOKEN = new_token()


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No stack of this repository's is found, and no token of the shell's."""
    monkeypatch.chdir(tmp_path)
    for name in ("TRUSCORE_GRPC_TOKEN", "TRUSCORE_GRPC_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


async def asked(access: Access, *arguments: str, **environment: str) -> Result:
    """What the command says to a monitor with an empty board."""
    caught_up = asyncio.Event()
    caught_up.set()
    reads = Reads(Board(), BoardChanges(8), caught_up)
    async with serve_grpc("127.0.0.1", 0, access=access, servicers=[reads.add_to]) as port:
        where = {"TRUSCORE_MONITOR_ADDRESS": f"127.0.0.1:{port}"} | environment
        return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env=where)


def accepting(role: Role) -> Access:
    return Access(tokens=StaticTokens(lambda: token_line("ada", role, TOKEN)))


def refused(result: Result) -> str:
    assert getattr(result.exception, "code", None) is Code.DENIED
    return str(result.exception)


async def test_a_role_that_is_too_small_is_told_with_the_one_that_is_needed() -> None:
    result = await asked(accepting(Role.READER), "alerts", "ack", "a1", TRUSCORE_GRPC_TOKEN=TOKEN)
    words = refused(result)
    assert words.startswith("the monitor at 127.0.0.1:")
    assert words.endswith(
        "refuses: MonitorService/AcknowledgeAlert needs the role operator: the token of 'ada' has reader"
    )


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        (["runs"], "MonitorService/ListRuns"),
        (["watch", "run-1"], "MonitorService/WatchRun"),
        (["alerts", "list"], "MonitorService/ListAlerts"),
    ],
)
async def test_without_a_token_the_variable_is_named_that_has_it(arguments: list[str], method: str) -> None:
    words = refused(await asked(accepting(Role.READER), *arguments))
    assert f"does not let you in: no token was sent; {method} needs the role reader (what is shown is" in words
    assert "TRUSCORE_GRPC_TOKEN_FILE" in words


async def test_a_token_comes_from_the_environment_a_file_or_the_file_of_a_stack(tmp_path: Path) -> None:
    kept = tmp_path / "token"
    kept.write_text(f"{TOKEN}\n")
    for given in ({"TRUSCORE_GRPC_TOKEN": TOKEN}, {"TRUSCORE_GRPC_TOKEN_FILE": str(kept)}):
        assert (await asked(accepting(Role.READER), "runs", "--json", **given)).output == "[]\n"
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "stack.env").write_text(f"TRUSCORE_GRPC_TOKEN={TOKEN}\n")
    assert (await asked(accepting(Role.READER), "runs", "--json")).output == "[]\n"


async def test_a_server_that_takes_no_token_says_what_it_lacks() -> None:
    assert "nobody may call here: set TRUSCORE_GRPC_TOKENS" in refused(await asked(nobody(), "runs"))


@pytest.mark.parametrize(("token", "let_in"), [(TOKEN, True), ("", False)], ids=["token", "none"])
async def test_doctor_says_whether_the_token_is_taken(token: str, *, let_in: bool) -> None:
    result = await asked(accepting(Role.READER), "doctor", "--json", TRUSCORE_GRPC_TOKEN=token)
    checks = {check["name"]: check for check in map(json.loads, result.stdout.splitlines())}
    assert checks["monitor"]["ok"]
    assert checks["token"]["ok"] is let_in
    assert let_in or "needs the role reader" in checks["token"]["found"]


def test_no_token_is_sent_in_plain_to_another_machine() -> None:
    where = {"TRUSCORE_MONITOR_ADDRESS": "monitor.example:50051", "TRUSCORE_GRPC_TOKEN": TOKEN}
    result = CliRunner().invoke(app, ["runs"], env=where)
    assert getattr(result.exception, "code", None) is Code.USAGE
    assert "without TLS: accepted are https://monitor.example:50051" in str(result.exception)
    assert TOKEN not in str(result.exception)


def test_a_token_is_made_with_its_line_and_added_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(token_line("bob", Role.READER, "of bob"))
    made: list[Any] = [
        CliRunner().invoke(app, ["token", "new", "ada", "--role", "admin", "--to", str(file)]) for _ in range(2)
    ]
    tokens = StaticTokens(file.read_text)
    assert {tokens.find(each.stdout.strip()) for each in made} == {tokens.find(made[0].stdout.strip())}
    assert str(tokens.find(made[0].stdout.strip())) == "Caller(name='ada', role=<Role.ADMIN: 3>)"
    assert tokens.find("of bob") is not None
    alone = CliRunner().invoke(app, ["token", "new", "eve"])
    assert alone.stderr.startswith("the line for servers: eve reader sha256:")
    assert alone.stdout.strip() not in alone.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a b"], "accepted is NAME ROLE"),
        (["ada", "--role", "root"], "accepted: reader, operator, admin"),
        (["ada", "--to", "/nowhere/tokens"], "--to /nowhere/tokens: No such file or directory"),
    ],
)
def test_a_token_that_cannot_be_made_is_refused_by_what_is_accepted(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["token", "new", *arguments])
    assert getattr(result.exception, "code", None) is Code.USAGE
    assert words in str(result.exception)
