"""A service's gRPC door: its own servicers, health and reflection. Knows nothing of what the servicers answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from truscore.access import Access, AccessInterceptor
from truscore.telemetry.grpc_tls import GrpcTls, server_credentials

AddToServer = Callable[[grpc.aio.Server], None]

LOOK_EVERY_S: Final = 1.0
STOP_GRACE_S: Final = 5.0
MOST_CALLS: Final = 1024
OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # A second instance on the same port should fail, not take half of the calls.
    ("grpc.keepalive_time_ms", 60_000),
)


class PortTaken(OSError):
    """The address could not be bound."""


@asynccontextmanager
async def serve_grpc(
    host: str,
    port: int,
    *,
    access: Access,
    servicers: Sequence[AddToServer] = (),
    alive: Callable[[], bool] = lambda: True,
    tls: GrpcTls | None = None,
) -> AsyncIterator[int]:
    """Serve while inside; gives the bound port (`port` 0 takes any free one).

    Over TLS where `tls` names a certificate, which is read anew when its file changes. Who may call what is up to
    `access`; health is answered to everybody. It follows `alive`, for the server and for each of its services, and
    says NOT_SERVING as soon as we leave.
    """
    credentials = server_credentials(tls) if tls else None
    door = AccessInterceptor(access, encrypted=credentials is not None)
    server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=MOST_CALLS, interceptors=[door])
    names = _add(server, servicers)
    doctor = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(doctor, server)
    reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    bound = _bind(server, host, port, credentials)
    await _set_status(doctor, names, alive())
    await server.start()
    watching = asyncio.create_task(_watch(doctor, names, alive), name="health")
    try:
        yield bound
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await doctor.enter_graceful_shutdown()
        await server.stop(STOP_GRACE_S)


def _bind(server: grpc.aio.Server, host: str, port: int, credentials: grpc.ServerCredentials | None) -> int:
    try:
        if credentials is not None:
            return server.add_secure_port(f"{host}:{port}", credentials)
        return server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise PortTaken(f"gRPC cannot listen on {host}:{port}: {error}") from error


def _add(server: grpc.aio.Server, servicers: Sequence[AddToServer]) -> tuple[str, ...]:
    """Add the servicers; returns the full names of their services, which reflection needs."""
    noting = _Noting(server)
    for add in servicers:
        add(noting)  # type: ignore[arg-type]
    return tuple(sorted(noting.names))


class _Noting:
    """Stands before the server while servicers are added, and notes what they call themselves."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server
        self.names: set[str] = set()

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.ServiceRpcHandler]) -> None:
        self.names |= {str(handler.service_name()) for handler in handlers}
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Any) -> None:
        self.names.add(service_name)
        self._server.add_registered_method_handlers(service_name, method_handlers)


async def _watch(doctor: health.aio.HealthServicer, names: Sequence[str], alive: Callable[[], bool]) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        await _set_status(doctor, names, alive())


async def _set_status(doctor: health.aio.HealthServicer, names: Sequence[str], is_alive: bool) -> None:
    statuses = health_pb2.HealthCheckResponse
    status = statuses.SERVING if is_alive else statuses.NOT_SERVING
    for name in ("", *names):
        await doctor.set(name, status)
