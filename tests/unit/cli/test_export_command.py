"""`truscore export`: orders that cannot be carried out are refused before anything is published."""

import pytest
from test_run_requests import NOWHERE
from test_watching import ScriptedMonitor, run, scripted
from truscore.api.v1 import monitor_pb2
from truscore.catalog import ROWS, why_not_exported
from truscore.catalog.export_formats import FORMATS

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSCORE_AMQP_URL", NOWHERE)


def a_run(
    state: str, category: str = "border_detection", option: str = "dual_class", architecture: str = "mask_rcnn"
) -> monitor_pb2.Run:
    return monitor_pb2.Run(
        run_id="run-1",
        state=monitor_pb2.RunState.Value(f"RUN_STATE_{state}"),
        category=category,
        option=option,
        architecture=architecture,
    )


@pytest.mark.parametrize(
    ("reference", "state", "format", "code", "named"),
    [
        ("run-2", "EXPORTED", "onnx", 4, "run 'run-2' is not known"),
        ("run-1", "TRAINING", "onnx", 1, "run-1 is training: a format can be ordered of a run that has completed"),
        ("run-1", "CANCELLED", "onnx", 1, "run-1 is cancelled"),
        (
            "run-1",
            "EXPORTED",
            "stone",
            2,
            "--format stone: cannot be made of mask_rcnn (there is no such format; accepted: onnx",
        ),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused_by_name(
    reference: str, state: str, format: str, code: int, named: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with scripted(ScriptedMonitor([a_run(state)]), monkeypatch):
        assert run("export", reference, "--format", format) == code
    assert named in " ".join(capsys.readouterr().err.split())


# Whichever pairs the matrix leaves empty.
EMPTY = [
    (row.category, row.option, row.architecture, name, reason)
    for row in ROWS
    for name in FORMATS
    if (reason := why_not_exported(row.category, row.option, row.architecture, name))
][:1]


@pytest.mark.parametrize(("category", "option", "architecture", "name", "reason"), EMPTY)
def test_a_format_that_the_matrix_leaves_empty_is_refused_with_its_reason(
    category: str,
    option: str,
    architecture: str,
    name: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    with scripted(ScriptedMonitor([a_run("EXPORTED", category, option, architecture)]), monkeypatch):
        assert run("export", "run-1", "--format", name) == 2
    assert f"cannot be made of {architecture} ({reason})" in " ".join(capsys.readouterr().err.split())
