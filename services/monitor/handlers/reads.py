"""The monitor's gRPC service: questions in, answers out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from truscore.access import current_caller
from truscore.api.v1 import monitor_pb2, monitor_pb2_grpc

from services.monitor.alerts import alerts_about
from services.monitor.board import Board, Entry, dataset_of_entry, id_of, stage_of_entry
from services.monitor.handlers.alerts import AlertCalls, abort
from services.monitor.handlers.answers import answer, curves_answer, evaluation_answer, hardware_answer
from services.monitor.handlers.shown import ShownRuns, masked, unknown_paths
from services.monitor.orders import Waiting
from services.monitor.paging import InvalidToken, page
from services.monitor.run import Run
from services.monitor.subscriptions import BoardChanges, TooManyWatchers, changes
from services.monitor.waiting import Expected, expected

MAX_REFERENCE_CHARS = 300
CATCH_UP_S = 10.0
WATCH_INTERVAL_S = 0.25
WATCH_UNKNOWN_S = 600.0

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class Reads(monitor_pb2_grpc.MonitorServiceServicer):
    """Answers from the board, once the log has been read to its end."""

    def __init__(
        self,
        board: Board,
        board_changes: BoardChanges,
        caught_up: asyncio.Event,
        *,
        alerts: AlertCalls | None = None,
        unknown_s: float = WATCH_UNKNOWN_S,
    ) -> None:
        self._board = board
        self._alerts = alerts
        self._bulletin = board_changes
        self._caught_up = caught_up
        self._unknown_s = unknown_s
        self._shown = ShownRuns(lambda entry: self._answer(entry, full=True))

    def add_to(self, server: grpc.aio.Server) -> None:
        monitor_pb2_grpc.add_MonitorServiceServicer_to_server(self, server)

    async def ListRuns(  # noqa: N802  the contract's name
        self, request: monitor_pb2.ListRunsRequest, context: Context
    ) -> monitor_pb2.ListRunsResponse:
        await self._check_mask(request.read_mask, context)
        await self._ready(context)
        matching = [entry for entry in self._board.entries() if _matches(entry, request)]
        try:
            entries, next_token = page(matching, size=request.page_size, token=request.page_token)
        except InvalidToken as error:
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        waits = expected(self._board.entries())
        runs = [masked(self._answer(entry, full=False, waits=waits), request.read_mask) for entry in entries]
        return monitor_pb2.ListRunsResponse(runs=runs, next_page_token=next_token)

    async def GetRun(  # noqa: N802
        self, request: monitor_pb2.GetRunRequest, context: Context
    ) -> monitor_pb2.GetRunResponse:
        await self._check(request.run_id, context)
        await self._check_mask(request.read_mask, context)
        await self._ready(context)
        entry = self._board.find(request.run_id)
        if entry is None:
            await abort(context, grpc.StatusCode.NOT_FOUND, f"run {request.run_id!r} is not known here")
        return monitor_pb2.GetRunResponse(run=masked(self._answer(entry, full=True), request.read_mask))

    async def GetCurves(  # noqa: N802
        self, request: monitor_pb2.GetCurvesRequest, context: Context
    ) -> monitor_pb2.GetCurvesResponse:
        return curves_answer(await self._run(request.run_id, context), request)

    async def GetHardware(  # noqa: N802
        self, request: monitor_pb2.GetHardwareRequest, context: Context
    ) -> monitor_pb2.GetHardwareResponse:
        return hardware_answer(await self._run(request.run_id, context), request)

    async def GetEvaluation(  # noqa: N802
        self, request: monitor_pb2.GetEvaluationRequest, context: Context
    ) -> monitor_pb2.GetEvaluationResponse:
        await self._check(request.run_id, context)
        await self._ready(context)
        entry = self._board.find(request.run_id)
        if not isinstance(entry, Run) or entry.evaluated is None:
            what = "is not known here" if entry is None else "has not been evaluated"
            await abort(context, grpc.StatusCode.NOT_FOUND, f"run {request.run_id!r} {what}")
        return evaluation_answer(entry.evaluated.event)

    async def WatchRun(  # noqa: N802
        self, request: monitor_pb2.WatchRunRequest, context: Context
    ) -> AsyncIterator[monitor_pb2.WatchRunResponse]:
        await self._check(request.run_id, context)
        await self._check_mask(request.read_mask, context)
        await self._ready(context)
        token = request.resume_token
        try:
            with self._bulletin.seat():
                async for entry in self._changes(request.run_id):
                    if entry is None:
                        yield monitor_pb2.WatchRunResponse(run=monitor_pb2.Run(run_id=request.run_id))
                        continue
                    shown = self._shown.of(entry, request.read_mask, self._board.alerts_version)
                    # What a client has seen, or its mask leaves out, is nothing new to it.
                    if shown.token != token:
                        token = shown.token
                        yield monitor_pb2.WatchRunResponse(run=shown.run, resume_token=token)
        except TooManyWatchers as error:
            await abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except TimeoutError:
            what = f"run {request.run_id!r} sent no event for {self._unknown_s:g} s"
            await abort(context, grpc.StatusCode.NOT_FOUND, what)

    async def ListAlerts(  # noqa: N802
        self, request: monitor_pb2.ListAlertsRequest, context: Context
    ) -> monitor_pb2.ListAlertsResponse:
        await self._ready(context)
        return await (await self._of_alerts(context)).list(request, context)

    async def AcknowledgeAlert(  # noqa: N802
        self, request: monitor_pb2.AcknowledgeAlertRequest, context: Context
    ) -> monitor_pb2.AcknowledgeAlertResponse:
        await self._ready(context)
        caller, calls = current_caller(), await self._of_alerts(context)
        return await calls.acknowledge(request, context, caller=caller.name if caller else "")

    async def _of_alerts(self, context: Context) -> AlertCalls:
        if self._alerts is None:
            await abort(context, grpc.StatusCode.UNIMPLEMENTED, "nobody looks at alerts here")
        return self._alerts

    def _changes(self, reference: str) -> AsyncIterator[Entry | None]:
        return changes(
            lambda: self._board.find(reference),
            self._bulletin,
            version=lambda: self._board.alerts_version,
            interval_s=WATCH_INTERVAL_S,
            unknown_s=self._unknown_s,
        )

    def _answer(self, entry: Entry, *, full: bool, waits: Mapping[str, Expected] | None = None) -> monitor_pb2.Run:
        wait = None
        if isinstance(entry, Waiting):
            waits = expected(self._board.entries()) if waits is None else waits
            wait = waits.get(entry.order_id)
        return answer(entry, alerts=alerts_about(self._board.alerts, id_of(entry)), full=full, wait=wait)

    async def _run(self, reference: str, context: Context) -> Run:
        """A run that a trainer took; NOT_FOUND else."""
        await self._check(reference, context)
        await self._ready(context)
        entry = self._board.find(reference)
        if not isinstance(entry, Run):
            await abort(context, grpc.StatusCode.NOT_FOUND, f"run {reference!r} is not known here")
        return entry

    async def _check_mask(self, mask: FieldMask, context: Context) -> None:
        if unknown := unknown_paths(mask):
            what = f"read_mask names {', '.join(unknown)[:MAX_REFERENCE_CHARS]}, accepted are fields of Run"
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, what)

    async def _ready(self, context: Context) -> None:
        """Half a log would be half the truth."""
        try:
            async with asyncio.timeout(CATCH_UP_S):
                await self._caught_up.wait()
        except TimeoutError:
            await abort(context, grpc.StatusCode.UNAVAILABLE, "the event log is still being read, try again")

    async def _check(self, reference: str, context: Context) -> None:
        if not 0 < len(reference) <= MAX_REFERENCE_CHARS:
            what = f"run_id has {len(reference)} characters, accepted are 1 to {MAX_REFERENCE_CHARS}"
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, what)


def _matches(entry: Entry, request: monitor_pb2.ListRunsRequest) -> bool:
    if request.state and request.state != monitor_pb2.RunState.Value(f"RUN_STATE_{stage_of_entry(entry)}"):
        return False
    return not request.dataset_id or request.dataset_id == dataset_of_entry(entry)[0]
