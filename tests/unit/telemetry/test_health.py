"""The gRPC door answers health by what the service says of itself, and tells its services to reflection."""

import asyncio
import socket
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from truscore.access import anonymous
from truscore.api.v1 import monitor_pb2_grpc
from truscore.telemetry import serve_grpc
from truscore.telemetry.health import PortTaken

MONITOR = "truscore.api.v1.MonitorService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
DEADLINE_S = 10


def add_monitor(server: grpc.aio.Server) -> None:
    monitor_pb2_grpc.add_MonitorServiceServicer_to_server(monitor_pb2_grpc.MonitorServiceServicer(), server)


async def statuses(channel: grpc.aio.Channel, service: str) -> AsyncIterator[int]:
    stub = health_pb2_grpc.HealthStub(channel)
    async for answer in stub.Watch(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_S):
        yield answer.status


@pytest.mark.parametrize("service", ["", MONITOR])
async def test_health_follows_what_the_service_says(service: str) -> None:
    is_alive = True
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[add_monitor], alive=lambda: is_alive) as port:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            seen = statuses(channel, service)
            assert await anext(seen) == SERVING
            is_alive = False
            assert await anext(seen) == NOT_SERVING
            is_alive = True
            assert await anext(seen) == SERVING


async def test_a_service_that_leaves_says_so_first() -> None:
    leaving = asyncio.Event()

    async def serve(bound: "asyncio.Future[int]") -> None:
        async with serve_grpc("127.0.0.1", 0, access=anonymous()) as port:
            bound.set_result(port)
            await leaving.wait()

    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(bound))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{await bound}") as channel:
        seen = statuses(channel, "")
        assert await anext(seen) == SERVING
        leaving.set()
        assert await anext(seen) == NOT_SERVING
        await seen.aclose()
    await asyncio.wait_for(serving, DEADLINE_S)


async def test_reflection_lists_the_services() -> None:
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[add_monitor]) as port:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            question = reflection_pb2.ServerReflectionRequest(list_services="")
            async for answer in stub.ServerReflectionInfo(iter([question]), timeout=DEADLINE_S):
                names = {service.name for service in answer.list_services_response.service}
                assert {MONITOR, "grpc.health.v1.Health"} <= names


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}"):
            async with serve_grpc("127.0.0.1", port, access=anonymous()):
                pytest.fail("it listens on a port that is taken")
