"""A gRPC server that says who it is asked by, and clients of it with tokens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from truscore.access import Access, Role, StaticTokens, current_caller, new_token, token_line
from truscore.api.v1 import audit_pb2, audit_pb2_grpc, monitor_pb2, monitor_pb2_grpc
from truscore.telemetry import serve_grpc
from truscore.telemetry.grpc_tls import open_async_channel

TIMEOUT_S = 10
TOKENS = {str(role): new_token() for role in Role}
LINES = "\n".join(token_line(f"of-{role}", role, TOKENS[str(role)]) for role in Role)


class Answers(monitor_pb2_grpc.MonitorServiceServicer, audit_pb2_grpc.AuditServiceServicer):
    """Each answer has the caller's name. A watched run changes whenever `change` is set."""

    def __init__(self) -> None:
        self.change = asyncio.Event()
        self.watching = 0

    def add_to(self, server: grpc.aio.Server) -> None:
        monitor_pb2_grpc.add_MonitorServiceServicer_to_server(self, server)
        audit_pb2_grpc.add_AuditServiceServicer_to_server(self, server)

    async def ListRuns(self, _request: Any, _context: Any) -> monitor_pb2.ListRunsResponse:
        return monitor_pb2.ListRunsResponse(runs=[monitor_pb2.Run(run_id=_caller())])

    async def GetRun(self, _request: Any, _context: Any) -> monitor_pb2.GetRunResponse:
        return monitor_pb2.GetRunResponse()

    async def GetCurves(self, _request: Any, _context: Any) -> monitor_pb2.GetCurvesResponse:
        return monitor_pb2.GetCurvesResponse()

    async def ListAlerts(self, _request: Any, _context: Any) -> monitor_pb2.ListAlertsResponse:
        return monitor_pb2.ListAlertsResponse()

    async def AcknowledgeAlert(self, _request: Any, _context: Any) -> monitor_pb2.AcknowledgeAlertResponse:
        alert = monitor_pb2.Alert()
        alert.acknowledgement.acknowledged_by = _caller()
        return monitor_pb2.AcknowledgeAlertResponse(alert=alert)

    async def WatchRun(self, _request: Any, _context: Any) -> AsyncIterator[monitor_pb2.WatchRunResponse]:
        self.watching += 1
        try:
            while True:
                yield monitor_pb2.WatchRunResponse(run=monitor_pb2.Run(run_id=_caller()))
                await self.change.wait()
                self.change.clear()
        finally:
            self.watching -= 1

    async def ListAuditRecords(self, _request: Any, _context: Any) -> AsyncIterator[audit_pb2.ListAuditRecordsResponse]:
        yield audit_pb2.ListAuditRecordsResponse()


def _caller() -> str:
    caller = current_caller()
    return caller.name if caller else "nobody"


def accepting(text: str = LINES, **more: Any) -> Access:
    return Access(tokens=StaticTokens(lambda: text), **more)


@asynccontextmanager
async def served(access: Access) -> AsyncIterator[str]:
    """Its address."""
    async with serve_grpc("127.0.0.1", 0, access=access, servicers=[Answers().add_to]) as port:
        yield f"127.0.0.1:{port}"


async def listed(address: str, token: str = "") -> str:
    """Whom the server takes the caller for, who lists runs."""
    async with open_async_channel(address, token=lambda: token) as channel:
        stub = monitor_pb2_grpc.MonitorServiceStub(channel)
        answer = await stub.ListRuns(monitor_pb2.ListRunsRequest(), timeout=TIMEOUT_S)
    return str(answer.runs[0].run_id)


async def acknowledged(address: str, token: str = "") -> str:
    async with open_async_channel(address, token=lambda: token) as channel:
        stub = monitor_pb2_grpc.MonitorServiceStub(channel)
        answer = await stub.AcknowledgeAlert(monitor_pb2.AcknowledgeAlertRequest(), timeout=TIMEOUT_S)
    return str(answer.alert.acknowledgement.acknowledged_by)


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    """With what status and words a call is refused."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return error.code(), str(error.details())
    raise AssertionError(f"it is answered: {answer}")
