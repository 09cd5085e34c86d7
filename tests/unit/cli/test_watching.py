"""`watch`, `show` and `runs` against a monitor that answers what it is given."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
import typer
from truscore.api.v1 import monitor_pb2, monitor_pb2_grpc

from services.cli.app import addresses, main
from services.cli.commands.runs.watch import Stop, _is_old_news, follow
from services.cli.context import CommandContext
from services.cli.handlers.runs import view_of

Captured = pytest.CaptureFixture[str]
TRAINING = monitor_pb2.RUN_STATE_TRAINING


class ScriptedMonitor(monitor_pb2_grpc.MonitorServiceServicer):
    """Says its runs in order; after the last it waits, as a monitor does, or cuts the line where the test wants it."""

    def __init__(self, runs: Sequence[monitor_pb2.Run], *, cuts: int = 0) -> None:
        self.runs = list(runs)
        self.requested: list[str] = []
        self.cuts = cuts

    def ListRuns(self, request: Any, _context: Any) -> monitor_pb2.ListRunsResponse:
        self.requested.append(request.dataset_id)
        return monitor_pb2.ListRunsResponse(runs=[run for run in self.runs if run.dataset_id == request.dataset_id])

    def GetRun(self, request: Any, context: Any) -> monitor_pb2.GetRunResponse:
        found = [run for run in self.runs if run.run_id == request.run_id]
        if not found:
            context.abort(grpc.StatusCode.NOT_FOUND, f"run {request.run_id!r} is not known here")
        return monitor_pb2.GetRunResponse(run=found[-1])

    def WatchRun(self, request: Any, context: Any) -> Iterator[monitor_pb2.WatchRunResponse]:
        self.requested.append(request.run_id)
        if self.cuts:
            self.cuts -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone for a moment")
        for run in self.runs:
            yield monitor_pb2.WatchRunResponse(run=run)
        if self.runs[-1].state == TRAINING:
            while context.is_active() and context.time_remaining() is None:
                raise AssertionError("a run that never ends is watched without a deadline in these tests")
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")


@contextmanager
def scripted(monitor: ScriptedMonitor, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = grpc.server(ThreadPoolExecutor(4))
    monitor_pb2_grpc.add_MonitorServiceServicer_to_server(monitor, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("TRUSCORE_MONITOR_ADDRESS", f"127.0.0.1:{port}")
    try:
        yield
    finally:
        server.stop(None).wait()


def a_run(state: "monitor_pb2.RunState.ValueType", **changes: Any) -> monitor_pb2.Run:
    return monitor_pb2.Run(**{"run_id": "run-1", "state": state, "dataset_id": "cards", **changes})


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (monitor_pb2.RUN_STATE_EXPORTED, 0),
        (monitor_pb2.RUN_STATE_VALIDATED, 0),
        (monitor_pb2.RUN_STATE_FAILED, 1),
        (monitor_pb2.RUN_STATE_REJECTED, 5),
        (monitor_pb2.RUN_STATE_CANCELLED, 6),
    ],
)
def test_watch_says_each_change_as_a_line_of_json_and_ends_as_the_run_did(
    end: "monitor_pb2.RunState.ValueType", code: int, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monitor = ScriptedMonitor([a_run(TRAINING, epoch=1), a_run(TRAINING, epoch=2), a_run(end, message="why")])
    with scripted(monitor, monkeypatch):
        assert run("watch", "run-1", "--json") == code
    output = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["epoch"] for each in output] == [1, 2, 0]
    assert output[-1]["message"] == "why"


def test_watch_says_a_line_only_when_something_changed_that_the_line_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    changes = [a_run(TRAINING, step=step, eta_s=50 - step, total_epochs=3) for step in range(5)]
    monitor = ScriptedMonitor([*changes, a_run(monitor_pb2.RUN_STATE_EXPORTED, total_epochs=3, epoch=3)])
    with scripted(monitor, monkeypatch):
        assert run("watch", "run-1") == 0
    assert capsys.readouterr().out.splitlines() == [
        "run-1  training  epoch 0/3  50 s to go",
        "run-1  exported  epoch 3/3",
    ]


def test_watch_of_a_dataset_watches_its_newest_run_and_of_a_version_that_version(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monitor = ScriptedMonitor([a_run(monitor_pb2.RUN_STATE_EXPORTED)])
    with scripted(monitor, monkeypatch):
        assert run("watch", "cards", "--json") == 0
        assert run("watch", "cards/7", "--json") == 0
        assert run("watch", "nothing", "--json") == 4
    assert monitor.requested == ["cards", "run-1", "cards/7", "nothing"]
    assert "'nothing'" in capsys.readouterr().err


def test_an_order_is_watched_by_its_event_id_and_called_by_its_name_until_it_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    unknown = a_run(monitor_pb2.RUN_STATE_UNSPECIFIED, run_id="event-1")
    monitor = ScriptedMonitor([unknown, a_run(TRAINING), a_run(monitor_pb2.RUN_STATE_EXPORTED)])
    with scripted(monitor, monkeypatch), pytest.raises(typer.Exit) as ended:
        follow(
            CommandContext(partial(addresses, Path.cwd())),
            "cards/7",
            as_json=True,
            stop=Stop(),
            order_event_id="event-1",
        )
    assert ended.value.exit_code == 0
    assert monitor.requested == ["event-1"]
    assert [json.loads(line)["run_id"] for line in capsys.readouterr().out.splitlines()] == [
        "cards/7",
        "run-1",
        "run-1",
    ]


def test_watch_goes_on_where_the_monitor_was_away_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monitor = ScriptedMonitor([a_run(monitor_pb2.RUN_STATE_EXPORTED)], cuts=1)
    monkeypatch.setattr("services.cli.commands.runs.watch.RECONNECT_S", 0.01)
    with scripted(monitor, monkeypatch):
        assert run("watch", "run-1", "--json") == 0
    assert len(monitor.requested) == 2


def test_watch_gives_up_after_the_time_it_was_given(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    with scripted(ScriptedMonitor([a_run(TRAINING)]), monkeypatch):
        assert run("watch", "run-1", "--json", "--timeout", "1") == 7
    assert "run-1 has not ended within 1 s" in capsys.readouterr().err


def test_an_end_from_before_the_order_is_not_the_end_that_is_waited_for() -> None:
    ordered_at = datetime(2026, 1, 1, tzinfo=UTC)
    stop = Stop(since=ordered_at)

    def ended(at: datetime) -> monitor_pb2.Run:
        run = a_run(monitor_pb2.RUN_STATE_EXPORTED)
        run.updated_at.FromDatetime(at)
        return run

    before, after = view_of(ended(ordered_at - timedelta(seconds=9))), view_of(ended(ordered_at + timedelta(seconds=9)))
    assert _is_old_news(before, stop, waited_s=1)
    assert not _is_old_news(after, stop, waited_s=1)
    assert not _is_old_news(before, stop, waited_s=60)
    assert not _is_old_news(before, Stop(), waited_s=1)
    assert not _is_old_news(view_of(a_run(TRAINING)), stop, waited_s=1)


def test_show_and_runs_say_json_and_what_is_unknown_ends_with_four(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with scripted(ScriptedMonitor([a_run(TRAINING, epoch=3)]), monkeypatch):
        assert run("show", "run-1", "--json") == 0
        assert json.loads(capsys.readouterr().out)["epoch"] == 3
        assert run("runs", "--dataset", "cards", "--json") == 0
        assert [each["run_id"] for each in json.loads(capsys.readouterr().out)] == ["run-1"]
        assert run("show", "run-9") == 4
        assert "run 'run-9' is not known here" in capsys.readouterr().err
        assert run("runs", "--state", "asleep") == 2
        assert "'asleep'; accepted: validating, queued" in capsys.readouterr().err
