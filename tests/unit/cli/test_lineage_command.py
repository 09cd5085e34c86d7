"""`truscore lineage`: from a dataset to its models and back, as the tracker has it on record."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from test_watching import run
from truscore.access import anonymous
from truscore.telemetry import serve_grpc

from services.experiment_tracker.handlers import Reads
from services.experiment_tracker.ledger import MemoryLedger
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import BEGIN_S, MODEL, RUN, PublishedEvent, record_all, whole_run
from tests.unit.monitor.sink_servers import http_server

Captured = pytest.CaptureFixture[str]
OTHER = "run-" + "1" * 20


def released() -> PublishedEvent:
    """As the exporter names places: models/<model>/<version>/."""
    message = run_events.exported().message
    message.package_uri = f"s3://truscore/models/{MODEL}/{RUN}/package.tar"  # type: ignore[attr-defined]
    return PublishedEvent(message, BEGIN_S + 420)


@asynccontextmanager
async def tracker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A run with a model, and one on another dataset that is under way."""
    ledger = MemoryLedger()
    other = run_events.started(500, run_id=OTHER)
    other.message.dataset_id, other.message.dataset_digest = "slabs", "9" * 64  # type: ignore[attr-defined]
    record_all(ledger, [*whole_run()[:-1], released(), other])
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[Reads(ledger).add_to]) as port:
        monkeypatch.setenv("TRUSCORE_TRACKER_ADDRESS", f"127.0.0.1:{port}")
        yield


async def traced(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    async with tracker(monkeypatch):
        return await asyncio.to_thread(run, "lineage", *arguments)


@pytest.mark.parametrize(
    "reference",
    ["cards", "cards/1", "d" * 64, RUN, MODEL, f"{MODEL}/{RUN}", "a" * 64, "s3://truscore/models/m/model.onnx"],
    ids=["dataset", "version", "digest", "run", "model", "model version", "package's SHA-256", "file"],
)
async def test_whatever_is_named_leads_to_dataset_run_and_model(
    reference: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert await traced(monkeypatch, reference) == 0
    lines = [line.strip("│├└─ ") for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "dataset cards/1 · sha256 dddddddddddd"
    assert lines[1].startswith(f"run {RUN} · border_detection/dual_class/mask_rcnn · finished · code c0ffee")
    assert "best_checkpoint s3://truscore/runs/r/best.pt · sha256 bbbbbbbbbbbb" in lines
    assert lines.index(f"model {MODEL}/{RUN}") < lines.index(
        "onnx s3://truscore/models/m/model.onnx · sha256 ffffffffffff"
    )
    assert not any("slabs" in line for line in lines)


async def test_a_run_that_is_under_way_has_no_model_yet(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert await traced(monkeypatch, "slabs") == 0
    shown = capsys.readouterr().out
    assert f"run {OTHER}" in shown
    assert "running" in shown
    assert "model" not in shown


async def test_as_json_it_is_openlineages_run_events(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert await traced(monkeypatch, RUN, "--json") == 0
    (event,) = json.loads(capsys.readouterr().out)
    assert (event["eventType"], event["job"]["name"]) == ("COMPLETE", "border_detection/dual_class/mask_rcnn")
    assert event["inputs"][0]["name"] == "cards/1"
    assert event["inputs"][0]["facets"]["version"]["datasetVersion"] == "d" * 64
    outputs = {each["facets"]["truscore_artifact"]["kind"]: each for each in event["outputs"]}
    assert outputs["onnx"]["namespace"] == "s3://truscore"
    assert outputs["onnx"]["name"] == "models/m/model.onnx"
    assert outputs["onnx"]["facets"]["truscore_artifact"]["sha256"] == "f" * 64
    assert event["run"]["facets"]["truscore_run"]["run_id"] == RUN


async def test_what_nobody_recorded_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert await traced(monkeypatch, "postcards") == 4
    assert "'postcards' names no run, dataset, model" in " ".join(capsys.readouterr().err.split())


async def test_run_events_are_sent_to_an_openlineage_server(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    async with http_server(b"201 Created") as server:
        assert await traced(monkeypatch, "cards", "--send-to", f"http://127.0.0.1:{server.port}/") == 0
        sent = server.received.get_nowait()
    assert sent.path == "/api/v1/lineage"
    assert sent.headers["authorization"] == "Bearer secret"
    event = json.loads(sent.body)
    assert event["run"]["facets"]["truscore_run"]["run_id"] == RUN
    assert event["run"]["facets"]["truscore_run"]["git_dirty"] is True
    assert event["run"]["facets"]["truscore_run"]["environment_digest"] == "e" * 64
    assert server.received.empty()
    assert "sent 1 run event to" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [b"401 Unauthorized", b"302 Found\r\nLocation: http://127.0.0.1:1/"])
async def test_a_server_that_does_not_take_them_is_named(
    answer: bytes, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    async with http_server(answer) as server:
        assert await traced(monkeypatch, "cards", "--send-to", f"http://127.0.0.1:{server.port}") == 5
    said = " ".join(capsys.readouterr().err.split())
    assert f"took 0 of 1 run events, then answered {answer[:3].decode()}" in said


async def test_an_address_that_is_none_or_that_nobody_serves_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert await traced(monkeypatch, "cards", "--send-to", "file:///etc/passwd") == 2
    assert "expected http:// or https://" in " ".join(capsys.readouterr().err.split())
    assert await traced(monkeypatch, "cards", "--send-to", "http://127.0.0.1:1") == 3
