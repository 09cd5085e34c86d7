"""The monitor's gRPC service over a board, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_health.v1 import health_pb2, health_pb2_grpc
from truscore.access import anonymous
from truscore.api.v1 import monitor_pb2
from truscore.api.v1.monitor_pb2_grpc import MonitorServiceStub
from truscore.telemetry import serve_grpc

from services.monitor.board import Board
from services.monitor.facts import Acknowledged, Cleared, Raised
from services.monitor.handlers import AlertCalls, Reads
from services.monitor.handlers import reads as reads_module
from services.monitor.subscriptions import BoardChanges
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import BEGIN_S, RUN, board_after

WAIT_S = 30


class Harness:
    """A board that is asked over a real connection."""

    def __init__(self, *, most_watchers: int = 2, caught_up: bool = True, unknown_s: float = 5) -> None:
        self.board = Board()
        self.board_changes = BoardChanges(most_watchers)
        self.caught_up = asyncio.Event()
        if caught_up:
            self.caught_up.set()
        self.published: list[Acknowledged] = []
        calls = AlertCalls(
            board=self.board, publish=self._publish, clock=lambda: BEGIN_S + 100, changed=self.board_changes.changed
        )
        self._reads = Reads(self.board, self.board_changes, self.caught_up, alerts=calls, unknown_s=unknown_s)

    async def _publish(self, said: Acknowledged) -> None:
        self.published.append(said)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[self._reads.add_to]) as port:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                self.health = health_pb2_grpc.HealthStub(channel)
                yield MonitorServiceStub(channel)


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code(), refused.value.details() or ""


async def test_a_run_without_events_is_not_found() -> None:
    async with Harness().client() as api:
        for call in (
            api.GetRun(monitor_pb2.GetRunRequest(run_id="run-x"), timeout=WAIT_S),
            api.GetCurves(monitor_pb2.GetCurvesRequest(run_id="run-x"), timeout=WAIT_S),
            api.GetHardware(monitor_pb2.GetHardwareRequest(run_id="run-x"), timeout=WAIT_S),
        ):
            code, text = await refusal(call)
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


def raised(at: float = 10, *, alert_id: str = "a1", subject: str = RUN) -> Raised:
    return Raised(
        alert_id=alert_id, rule="run.stalled", severity="critical", subject=subject, message="m", raised_at=BEGIN_S + at
    )


async def test_an_acknowledged_alert_is_published_and_shown_with_its_run_until_it_is_raised_again() -> None:
    harness = Harness()
    board_after([event_sequences.started()], harness.board)
    harness.board.apply(raised(), BEGIN_S)
    asked = monitor_pb2.AcknowledgeAlertRequest(alert_id="a1", acknowledged_by="ada", note="looking", silence_s=3600)
    async with harness.client() as api:
        answer = (await api.AcknowledgeAlert(asked, timeout=WAIT_S)).alert
        (listed,) = (await api.ListAlerts(monitor_pb2.ListAlertsRequest(subject=RUN), timeout=WAIT_S)).alerts
        run = (await api.GetRun(monitor_pb2.GetRunRequest(run_id=RUN), timeout=WAIT_S)).run
        harness.board.apply(Cleared(alert_id="a1", rule="run.stalled", subject=RUN, cleared_at=BEGIN_S + 200), BEGIN_S)
        assert not (await api.ListAlerts(monitor_pb2.ListAlertsRequest(), timeout=WAIT_S)).alerts
        harness.board.apply(raised(300), BEGIN_S)
        (again,) = (await api.ListAlerts(monitor_pb2.ListAlertsRequest(), timeout=WAIT_S)).alerts
    assert answer == listed
    assert list(run.acknowledgements) == [listed.acknowledgement]
    assert (listed.acknowledgement.acknowledged_by, listed.acknowledgement.note) == ("ada", "looking")
    assert listed.acknowledgement.silenced_until.seconds - listed.acknowledgement.acknowledged_at.seconds == 3600
    assert [(said.alert_id, said.rule, said.subject) for said in harness.published] == [("a1", "run.stalled", RUN)]
    assert not again.HasField("acknowledgement")


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"alert_id": "a2"}, grpc.StatusCode.NOT_FOUND, "'a2' does not stand"),
        ({"acknowledged_by": " "}, grpc.StatusCode.INVALID_ARGUMENT, "a name of 1 to 200"),
        ({"note": "x" * 1001}, grpc.StatusCode.INVALID_ARGUMENT, "up to 1000"),
        ({"silence_s": -1}, grpc.StatusCode.INVALID_ARGUMENT, "silence_s is -1"),
        ({"silence_s": float("nan")}, grpc.StatusCode.INVALID_ARGUMENT, "silence_s is nan"),
    ],
)
async def test_what_cannot_be_acknowledged_is_refused(more: dict[str, Any], code: grpc.StatusCode, words: str) -> None:
    harness = Harness()
    harness.board.apply(raised(), BEGIN_S)
    asked = {"alert_id": "a1", "acknowledged_by": "ada"} | more
    async with harness.client() as api:
        refused = await refusal(api.AcknowledgeAlert(monitor_pb2.AcknowledgeAlertRequest(**asked), timeout=WAIT_S))
    assert refused[0] is code
    assert words in refused[1]
    assert harness.published == []


async def test_alerts_are_listed_newest_first_in_pages_and_by_subject() -> None:
    harness = Harness()
    for number in range(3):
        harness.board.apply(raised(number, alert_id=f"a{number}", subject=f"run-{number}"), BEGIN_S)
    async with harness.client() as api:
        first = await api.ListAlerts(monitor_pb2.ListAlertsRequest(page_size=2), timeout=WAIT_S)
        token = first.next_page_token
        rest = await api.ListAlerts(monitor_pb2.ListAlertsRequest(page_size=2, page_token=token), timeout=WAIT_S)
        one = await api.ListAlerts(monitor_pb2.ListAlertsRequest(subject="run-1"), timeout=WAIT_S)
    ids = [[each.raised.alert_id for each in answer.alerts] for answer in (first, rest, one)]
    assert ids == [["a2", "a1"], ["a0"], ["a1"]]
    assert not rest.next_page_token


async def test_only_the_fields_that_are_asked_for_are_answered_and_an_unknown_one_is_named() -> None:
    harness = Harness()
    board_after(event_sequences.whole_run(), harness.board)
    mask = FieldMask(paths=["state", "epoch"])
    async with harness.client() as api:
        got = (await api.GetRun(monitor_pb2.GetRunRequest(run_id=RUN, read_mask=mask), timeout=WAIT_S)).run
        (listed,) = (await api.ListRuns(monitor_pb2.ListRunsRequest(read_mask=mask), timeout=WAIT_S)).runs
        wrong = monitor_pb2.GetRunRequest(run_id=RUN, read_mask=FieldMask(paths=["state", "colour"]))
        code, text = await refusal(api.GetRun(wrong, timeout=WAIT_S))
    assert got == listed == monitor_pb2.Run(state=monitor_pb2.RUN_STATE_EXPORTED, epoch=3)
    assert (code, "colour" in text, "state" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True, False)


async def test_a_watch_that_is_resumed_begins_with_what_is_new_even_at_another_monitor() -> None:
    first, second = Harness(), Harness()
    for harness in (first, second):
        board_after([event_sequences.started()], harness.board)
    async with first.client() as api, second.client() as other:
        seen = await api.WatchRun(monitor_pb2.WatchRunRequest(run_id=RUN), timeout=WAIT_S).read()
        asked = monitor_pb2.WatchRunRequest(run_id=RUN, resume_token=seen.resume_token)
        going_on = other.WatchRun(asked, timeout=WAIT_S)
        reading = asyncio.ensure_future(going_on.read())
        async with asyncio.timeout(WAIT_S):
            while not second.board_changes.watchers:  # noqa: ASYNC110  the server begins when it begins
                await asyncio.sleep(0.01)
        board_after([event_sequences.epoch_done(1)], second.board)
        second.board_changes.changed()
        news = await reading
    assert (seen.run.epoch, news.run.epoch) == (0, 1)
    assert news.resume_token not in ("", seen.resume_token)


async def test_an_alert_about_a_run_is_told_to_who_watches_it() -> None:
    harness = Harness()
    board_after([event_sequences.started()], harness.board)
    async with harness.client() as api:
        watch = api.WatchRun(monitor_pb2.WatchRunRequest(run_id=RUN), timeout=WAIT_S)
        await watch.read()
        harness.board.apply(raised(), BEGIN_S)
        harness.board_changes.changed()
        assert [alert.alert_id for alert in (await watch.read()).run.alerts] == ["a1"]


async def test_an_order_that_waits_is_answered_with_who_is_before_it_and_when_it_ends() -> None:
    harness = Harness()
    board_after([*event_sequences.whole_run(), event_sequences.started(500, run_id="run-now")], harness.board)
    late = event_sequences.epoch_done(1, 600)
    late.message.run_id, late.message.eta_s = "run-now", 200  # type: ignore[attr-defined]
    board_after([late], harness.board)
    for number in (1, 2):
        named = {"request_id": f"later-{number}", "dataset_id": f"d{number}", "trace": f"{number}" * 32}
        board_after(
            [event_sequences.ready(700 + number, **named), event_sequences.validated(710 + number, **named)],
            harness.board,
        )
    async with harness.client() as api:
        asked = [monitor_pb2.GetRunRequest(run_id=f"d{number}/1") for number in (1, 2)]
        runs = [(await api.GetRun(each, timeout=WAIT_S)).run for each in asked]
        listed = (await api.ListRuns(monitor_pb2.ListRunsRequest(dataset_id="d2"), timeout=WAIT_S)).runs
    # One trainer, busy for 200 s; the run before took 398 s from its first start to its end.
    assert [(run.orders_ahead, run.start_eta_s, run.eta_s) for run in runs] == [(0, 200, 598), (1, 598, 996)]
    assert next(iter(listed)).eta_s == 996


async def test_the_evaluation_of_the_newest_attempt_is_answered_as_it_was_published() -> None:
    harness = Harness()
    first, second = event_sequences.evaluated(attempt=1, area=0.5), event_sequences.evaluated(attempt=2, area=0.9)
    board_after([event_sequences.started(), second, first], harness.board)
    async with harness.client() as api:
        answer = await api.GetEvaluation(monitor_pb2.GetEvaluationRequest(run_id=RUN), timeout=WAIT_S)
        assert answer.evaluation == second.message
        board_after([event_sequences.started(run_id="run-00000000000000000000")], harness.board)
        of_another = monitor_pb2.GetEvaluationRequest(run_id="run-00000000000000000000")
        code, text = await refusal(api.GetEvaluation(of_another, timeout=WAIT_S))
    assert code is grpc.StatusCode.NOT_FOUND
    assert "has not been evaluated" in text
