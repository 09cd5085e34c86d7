"""Calls of a real server are let in by token and role, at one place."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from truscore.access import (
    LEAST_ROLES,
    OPEN_METHODS,
    Access,
    AccessInterceptor,
    PlaintextToken,
    Role,
    StaticTokens,
    anonymous,
    nobody,
)
from truscore.access.access import Refused
from truscore.access.interceptor import RECHECK_S
from truscore.access.loopback import is_loopback_peer, is_loopback_target
from truscore.api.v1 import audit_pb2, audit_pb2_grpc, experiments_pb2, monitor_pb2, monitor_pb2_grpc, searches_pb2
from truscore.telemetry import serve_grpc
from truscore.telemetry.grpc_tls import open_async_channel, open_channel

from tests.unit.access.access_harness import LINES, TOKENS, Answers, accepting, acknowledged, listed, refusal, served

UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
TIMEOUT_S = 10


async def test_the_name_on_the_token_is_whom_the_service_answers() -> None:
    async with served(accepting()) as address:
        assert await listed(address, TOKENS["reader"]) == "of-reader"
        assert await acknowledged(address, TOKENS["operator"]) == "of-operator"


async def test_a_call_without_a_token_is_told_which_role_it_needs() -> None:
    async with served(accepting()) as address:
        assert await refusal(listed(address)) == (
            UNAUTHENTICATED,
            "no token was sent; MonitorService/ListRuns needs the role reader",
        )


async def test_a_token_that_is_not_known_is_refused_and_not_repeated() -> None:
    async with served(accepting()) as address:
        code, words = await refusal(acknowledged(address, "a-wrong-token"))
    assert (code, words) == (
        UNAUTHENTICATED,
        "the token is not known here; MonitorService/AcknowledgeAlert needs the role operator",
    )


async def test_a_role_that_is_too_small_is_told_the_one_it_needs() -> None:
    async with served(accepting()) as address:
        code, words = await refusal(acknowledged(address, TOKENS["reader"]))
    assert code is DENIED
    assert words == "MonitorService/AcknowledgeAlert needs the role operator: the token of 'of-reader' has reader"


@pytest.mark.parametrize("role", list(Role))
async def test_the_audit_record_is_for_administrators(role: Role) -> None:
    async with served(accepting()) as address, open_async_channel(address, token=lambda: TOKENS[str(role)]) as channel:
        call = audit_pb2_grpc.AuditServiceStub(channel).ListAuditRecords(
            audit_pb2.ListAuditRecordsRequest(), timeout=TIMEOUT_S
        )
        if role is Role.ADMIN:
            assert len([record async for record in call]) == 1
        else:
            assert (await refusal(anext(aiter(call))))[0] is DENIED


async def test_where_nothing_is_set_nobody_may_call_and_the_settings_are_named() -> None:
    for access in (nobody(), accepting("# none yet")):
        async with served(access) as address:
            code, words = await refusal(listed(address, ""))
        assert code is UNAUTHENTICATED
        assert words.startswith("nobody may call here: set TRUSCORE_GRPC_TOKENS, ")


async def test_who_shows_no_token_may_do_what_was_said_and_no_more() -> None:
    async with served(accepting(anonymous=Role.READER)) as address:
        assert await listed(address) == ""
        assert (await refusal(acknowledged(address)))[0] is UNAUTHENTICATED
        # A wrong token is a mistake to be told, not a caller without one.
        assert (await refusal(listed(address, "wrong")))[0] is UNAUTHENTICATED


async def test_health_is_answered_to_everybody_and_reflection_to_readers() -> None:
    async with served(accepting()) as address:
        for token in ("", "wrong"):
            async with open_async_channel(address, token=lambda token=token: token) as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
                assert (await refusal(_reflected(channel, ())))[0] is UNAUTHENTICATED
                bearer = (("authorization", f"Bearer {TOKENS['reader']}"),)
                assert "truscore.api.v1.MonitorService" in await _reflected(channel, bearer)


async def _reflected(channel: grpc.aio.Channel, metadata: Any) -> set[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([question]), metadata=metadata, timeout=TIMEOUT_S):
        return {service.name for service in answer.list_services_response.service}
    raise AssertionError("no answer")


def served_methods() -> Iterator[str]:
    pool = descriptor_pool.Default()
    files = (module.DESCRIPTOR for module in (audit_pb2, experiments_pb2, monitor_pb2, searches_pb2))
    others = (
        pool.FindFileContainingSymbol(name) for name in ("grpc.health.v1.Health", REFLECTION[1:].partition("/")[0])
    )
    for file in (*files, *others):
        for service in file.services_by_name.values():
            yield from (f"/{service.full_name}/{method.name}" for method in service.methods)


def test_every_method_that_is_served_is_in_the_table_and_nothing_else() -> None:
    modules = {path.stem for path in Path(monitor_pb2.__file__).parent.glob("*_pb2.py")}
    assert modules == {"audit_pb2", "experiments_pb2", "monitor_pb2", "searches_pb2"}, "a new file of the API: add it"
    assert set(served_methods()) == set(LEAST_ROLES) | OPEN_METHODS


async def test_a_method_that_the_table_lacks_is_refused_to_everybody() -> None:
    async def answer(_request: bytes, _context: Any) -> bytes:
        return b"answered"

    def add(server: grpc.aio.Server) -> None:
        methods: dict[str, Any] = {"Do": grpc.unary_unary_rpc_method_handler(answer)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("new.v1.Service", methods),))

    for access in (accepting(), anonymous(Role.ADMIN)):
        async with serve_grpc("127.0.0.1", 0, access=access, servicers=[add]) as port:
            async with open_async_channel(f"127.0.0.1:{port}", token=lambda: "") as channel:
                bearer = (("authorization", f"Bearer {TOKENS['admin']}"),) if access.tokens else ()
                method: Any = channel.unary_unary("/new.v1.Service/Do")
                call = method(b"", metadata=bearer, timeout=TIMEOUT_S)
                assert await refusal(call) == (DENIED, "Service/Do is open to no role")


async def test_a_token_is_replaced_without_a_restart_and_at_two_servers(tmp_path: Path) -> None:
    file, now = tmp_path / "tokens", [0.0]
    file.write_text(LINES)
    accesses = [Access(tokens=StaticTokens(file.read_text, clock=lambda: now[0])) for _ in range(2)]
    async with served(accesses[0]) as one, served(accesses[1]) as two:
        for address in (one, two):
            assert await listed(address, TOKENS["reader"]) == "of-reader"
        file.write_text("\n".join(line for line in LINES.splitlines() if "of-reader" not in line))
        now[0] += 2
        for address in (one, two):
            assert (await refusal(listed(address, TOKENS["reader"])))[0] is UNAUTHENTICATED
            assert await listed(address, TOKENS["admin"]) == "of-admin"


async def test_a_stream_ends_once_its_token_was_taken_back() -> None:
    text, now, answers = [LINES], [0.0], Answers()
    access = Access(tokens=StaticTokens(lambda: text[0], clock=lambda: now[0]))
    server = grpc.aio.server(interceptors=[AccessInterceptor(access, encrypted=False, clock=lambda: now[0])])
    answers.add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with open_async_channel(f"127.0.0.1:{port}", token=lambda: TOKENS["reader"]) as channel:
            request = monitor_pb2.WatchRunRequest(run_id="run-1")
            changes = aiter(monitor_pb2_grpc.MonitorServiceStub(channel).WatchRun(request, timeout=TIMEOUT_S))
            assert (await anext(changes)).run.run_id == "of-reader"
            now[0] += RECHECK_S
            answers.change.set()
            assert (await anext(changes)).run.run_id == "of-reader"
            text[0] = ""
            now[0] += RECHECK_S
            answers.change.set()
            assert (await refusal(anext(changes)))[0] is UNAUTHENTICATED
            # What the service held for the stream is given back.
            async with asyncio.timeout(TIMEOUT_S):
                while answers.watching:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
    finally:
        await server.stop(None)


@pytest.mark.parametrize("header", ["Basic eA==", "Bearer", "Bearer ", f"Bearer {'x' * 17_000}", "Bearer é"])
async def test_another_form_of_authorization_is_refused_by_what_is_accepted(header: str) -> None:
    with pytest.raises(Refused, match="accepted is one, Bearer TOKEN") as refused:
        await accepting().admit(REFLECTION, [("authorization", header)], peer="unix:", encrypted=False)
    assert refused.value.status is UNAUTHENTICATED


@pytest.mark.parametrize(
    ("peer", "encrypted", "plaintext", "admitted"),
    [
        ("ipv4:10.0.0.5:4711", False, False, False),
        ("ipv4:10.0.0.5:4711", True, False, True),
        ("ipv4:10.0.0.5:4711", False, True, True),
        ("ipv4:127.0.0.1:4711", False, False, True),
        ("ipv6:%5B::1%5D:4711", False, False, True),
        ("ipv6:[fe80::1]:4711", False, False, False),
        ("unix:/run/x", False, False, True),
        ("odd", False, False, False),
    ],
)
async def test_a_token_that_came_in_plain_from_another_machine_counts_only_where_that_was_allowed(
    peer: str, *, encrypted: bool, plaintext: bool, admitted: bool
) -> None:
    access, metadata = accepting(plaintext=plaintext), [("authorization", f"bearer {TOKENS['admin']}")]
    call = access.admit(REFLECTION, metadata, peer=peer, encrypted=encrypted)
    if admitted:
        assert (await call).name == "of-admin"
    else:
        with pytest.raises(Refused, match="without TLS"):
            await call


@pytest.mark.parametrize("opened", [open_channel, open_async_channel])
async def test_a_client_sends_no_token_in_plain_to_another_machine(opened: Any) -> None:
    with pytest.raises(PlaintextToken, match=r"without TLS: accepted are https://h\.example:1") as refused:
        opened("h.example:1", token=lambda: "a-secret")
    assert "a-secret" not in str(refused.value)
    for address, more in (
        ("h.example:1", {"plaintext_token": True}),
        ("h.example:1", {"token": lambda: ""}),
        ("localhost:1", {}),
        ("https://h.example:1", {}),
    ):
        channel = opened(address, **({"token": lambda: "a-secret"} | more))
        if isinstance(channel, grpc.aio.Channel):
            await channel.close()
        else:
            channel.close()


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:1", True), ("127.9.9.9:1", True), ("localhost:1", True), ("[::1]:1", True), ("unix:/x", True),
        ("dns:///localhost:1", True), ("10.0.0.1:1", False), ("localhost.example:1", False), ("[::2]:1", False),
        ("127.0.0.1.example:1", False), ("", False),
    ],
)  # fmt: skip
def test_addresses_of_this_machine_are_told_from_others(address: str, *, loopback: bool) -> None:
    assert is_loopback_target(address) == loopback
    assert not is_loopback_peer(address) or address.startswith("unix:")
