"""`cancel`, `pause` and `resume`: what is asked of a run that the monitor doesn't know, or that is over."""

import pytest
from test_watching import ScriptedMonitor, run, scripted
from truscore.api.v1 import monitor_pb2

Captured = pytest.CaptureFixture[str]
NOWHERE = "amqp://guest:guest@127.0.0.1:1/"  # nobody answers: a request that is published after all fails otherwise


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSCORE_AMQP_URL", NOWHERE)


def a_run(state: str, run_id: str = "run-1") -> monitor_pb2.Run:
    return monitor_pb2.Run(run_id=run_id, state=monitor_pb2.RunState.Value(f"RUN_STATE_{state}"), dataset_id="cards")


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_a_request_about_an_unknown_run_is_refused_by_name(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with scripted(ScriptedMonitor([a_run("TRAINING")]), monkeypatch):
        assert run(verb, "run-2") == 4
    output = capsys.readouterr().err
    assert "run 'run-2' is not known" in output
    assert "`truscore runs` lists those" in output


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        *[("cancel", state) for state in ("EXPORTING", "EXPORTED", "FAILED")],
        *[("pause", state) for state in ("EXPORTING", "EXPORTED", "FAILED", "CANCELLED")],
        *[("resume", state) for state in ("EXPORTING", "EXPORTED", "CANCELLED")],
    ],
)
def test_a_request_that_a_run_is_beyond_is_refused_with_its_state(
    verb: str, state: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with scripted(ScriptedMonitor([a_run(state)]), monkeypatch):
        assert run(verb, "run-1") == 1
    assert f"run-1 is {state.lower()}: there is nothing left to {verb}" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_an_order_that_no_trainer_has_taken_has_no_run_to_steer(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with scripted(ScriptedMonitor([a_run("QUEUED", "order-1")]), monkeypatch):
        assert run(verb, "order-1") == 4
    assert "order-1 has no run yet, it is queued" in capsys.readouterr().err


def test_an_order_whose_run_is_named_already_can_be_steered(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = a_run("QUEUED", "order-1")
    waiting.attached_run_id = "run-7"
    requested = []
    monkeypatch.setattr("services.cli.handlers.publish.request", lambda *words, **_: requested.append(words) or "id")
    with scripted(ScriptedMonitor([waiting]), monkeypatch):
        assert run("cancel", "order-1") == 0
    assert requested == [(NOWHERE, "cancel", "run-7")]


def test_without_a_monitor_nothing_is_requested_unless_unchecked(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("TRUSCORE_MONITOR_ADDRESS", "127.0.0.1:1")
    assert run("cancel", "run-1") == 3
    output = capsys.readouterr().err
    assert "nothing was requested: the monitor at 127.0.0.1:1 does not answer" in output
    assert "--unchecked" in output
