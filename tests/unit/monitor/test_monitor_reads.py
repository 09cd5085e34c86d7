"""The monitor's gRPC service over a board, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from truscore.api.v1 import monitor_pb2
from truscore.api.v1.monitor_pb2_grpc import MonitorServiceStub
from truscore.telemetry import serve_grpc

from services.monitor.board import Board
from services.monitor.handlers import Reads
from services.monitor.handlers import reads as reads_module
from services.monitor.subscriptions import BoardChanges
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import RUN, board_after

WAIT_S = 30


class Harness:
    """A board that is asked over a real connection."""

    def __init__(self, *, most_watchers: int = 2, caught_up: bool = True, unknown_s: float = 5) -> None:
        self.board = Board()
        self.board_changes = BoardChanges(most_watchers)
        self.caught_up = asyncio.Event()
        if caught_up:
            self.caught_up.set()
        self._reads = Reads(self.board, self.board_changes, self.caught_up, unknown_s=unknown_s)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        async with serve_grpc("127.0.0.1", 0, servicers=[self._reads.add_to]) as port:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                self.health = health_pb2_grpc.HealthStub(channel)
                yield MonitorServiceStub(channel)


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code(), refused.value.details() or ""


async def test_a_run_without_events_is_not_found() -> None:
    async with Harness().client() as api:
        code, text = await refusal(api.GetRun(monitor_pb2.GetRunRequest(run_id="run-x"), timeout=WAIT_S))
    assert code is grpc.StatusCode.NOT_FOUND
    assert "'run-x'" in text


@pytest.mark.parametrize("run_id", ["", "x" * 301])
async def test_a_run_id_that_none_can_have_is_refused(run_id: str) -> None:
    async with Harness().client() as api:
        code, text = await refusal(api.GetRun(monitor_pb2.GetRunRequest(run_id=run_id), timeout=WAIT_S))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "1 to 300" in text


async def test_a_page_token_of_somebody_else_is_refused() -> None:
    async with Harness().client() as api:
        code, text = await refusal(api.ListRuns(monitor_pb2.ListRunsRequest(page_token="nonsense"), timeout=WAIT_S))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "nonsense" in text


async def test_runs_are_listed_by_state_and_by_dataset() -> None:
    harness = Harness()
    board_after(
        [*event_sequences.whole_run(), event_sequences.ready(9000, dataset_id="other", trace="")], harness.board
    )
    async with harness.client() as api:
        client = [
            monitor_pb2.ListRunsRequest(),
            monitor_pb2.ListRunsRequest(state=monitor_pb2.RUN_STATE_EXPORTED),
            monitor_pb2.ListRunsRequest(dataset_id="other"),
        ]
        listed = [[run.dataset_id for run in (await api.ListRuns(each, timeout=WAIT_S)).runs] for each in client]
    assert listed == [["other", "cards"], ["cards"], ["other"]]


async def test_no_more_watchers_than_allowed_and_one_that_left_makes_room() -> None:
    harness = Harness(most_watchers=1)
    board_after([event_sequences.started()], harness.board)
    request = monitor_pb2.WatchRunRequest(run_id=RUN)
    async with harness.client() as api:
        first = api.WatchRun(request, timeout=WAIT_S)
        await first.read()
        code, _ = await refusal(api.WatchRun(request, timeout=WAIT_S).read())
        first.cancel()
        async with asyncio.timeout(WAIT_S):
            while harness.board_changes.watchers:  # noqa: ASYNC110  the server notices when it notices
                await asyncio.sleep(0.01)
        assert (await api.WatchRun(request, timeout=WAIT_S).read()).run.run_id == RUN
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_run_that_never_comes_ends_the_watch_as_not_found() -> None:
    async with Harness(unknown_s=0.01).client() as api:
        call = api.WatchRun(monitor_pb2.WatchRunRequest(run_id=RUN), timeout=WAIT_S)
        first = await call.read()
        code, _ = await refusal(call.read())
    assert (first.run.run_id, first.run.state) == (RUN, monitor_pb2.RUN_STATE_UNSPECIFIED)
    assert code is grpc.StatusCode.NOT_FOUND


async def test_half_a_log_is_not_answered_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads_module, "CATCH_UP_S", 0.01)
    harness = Harness(caught_up=False)
    async with harness.client() as api:
        code, _ = await refusal(api.ListRuns(monitor_pb2.ListRunsRequest(), timeout=WAIT_S))
        harness.caught_up.set()
        assert not (await api.ListRuns(monitor_pb2.ListRunsRequest(), timeout=WAIT_S)).runs
        health = await harness.health.Check(
            health_pb2.HealthCheckRequest(service="truscore.api.v1.MonitorService"), timeout=WAIT_S
        )
    assert code is grpc.StatusCode.UNAVAILABLE
    assert health.status == health_pb2.HealthCheckResponse.SERVING
