"""Formats ordered after a run's own export, on a store in memory; the child is played by a function."""

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from truscore.storage import MemoryStore

from services.exporter.exporting import Exporter, ProofSettings
from services.exporter.finished_runs import COMPLETED, FinishedRuns
from services.exporter.inputs import Unexportable
from services.exporter.order import ExportOrder
from services.exporter.release import Artifact, Refusal
from services.exporter.release_store import ReleaseStore
from services.exporter.task import Result, Task
from tests.unit.exporter.test_exporting import filled, sha256

MODEL = "s3://truscore/models/surface_analysis.damage_segmentation.deeplabv3/"


class Bench:
    """Makes every format that it is asked for but the refused ones."""

    def __init__(self, artifact: Artifact) -> None:
        self.made: list[tuple[str, ...]] = []
        self.refused: set[str] = set()
        self._artifact = artifact

    async def __call__(self, task: Task, folder: Path) -> Result:
        self.made.append(task.formats)
        return Result(
            artifacts=tuple(self._make(name, folder) for name in task.formats if name not in self.refused),
            refusals=tuple(
                Refusal(format=name, code="metrics", message="worse") for name in task.formats if name in self.refused
            ),
        )

    def _make(self, name: str, folder: Path) -> Artifact:
        content = name.encode()
        (folder / f"model.{name}").write_bytes(content)
        return replace(
            self._artifact,
            format=name,
            file_name=f"model.{name}",
            sha256=sha256(content),
            size_bytes=len(content),
        )


@pytest.fixture
def bench(artifact: Artifact) -> Bench:
    return Bench(artifact)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def exporter(store: MemoryStore, bench: Bench, tmp_path: Path) -> Exporter:
    return Exporter(
        store=store,
        releases=ReleaseStore(store, bucket="truscore"),
        run_child=bench,
        workdir=tmp_path,
        proof=ProofSettings(parity_pictures=3, benchmark_rounds=1),
    )


@pytest.fixture
def own(store: MemoryStore, order: ExportOrder) -> ExportOrder:
    named = filled(store, order)
    return replace(named, category="surface_analysis", option="damage_segmentation", architecture="deeplabv3")


def further(order: ExportOrder, *formats: str) -> ExportOrder:
    return replace(order, formats=formats, further=True, request_id="r")


def formats_of(outcome: object) -> list[str]:
    return [each.format for each in outcome.release.artifacts]  # type: ignore[attr-defined]


async def test_a_further_format_is_made_alone_and_released_with_those_that_were_there(
    exporter: Exporter, store: MemoryStore, bench: Bench, own: ExportOrder
) -> None:
    await exporter.export(own)
    before = {entry.uri: entry.etag for entry in store.list(MODEL)}
    outcome = await exporter.export(further(own, "quantized"))
    assert outcome.release is not None
    assert outcome.release.version == "run-1.onnx.quantized"
    assert formats_of(outcome) == ["onnx", "quantized"]
    assert bench.made == [("onnx",), ("quantized",)]
    assert store.get(MODEL + "run-1.onnx.quantized/model.onnx", limit_bytes=99) == b"onnx"
    now = {entry.uri: entry.etag for entry in store.list(MODEL)}
    assert before.items() <= now.items(), "what was announced is never written over"


async def test_the_same_order_again_gives_the_same_release_whatever_came_between(
    exporter: Exporter, bench: Bench, own: ExportOrder
) -> None:
    await exporter.export(own)
    first = await exporter.export(further(own, "quantized"))
    third = await exporter.export(further(own, "torch_export"))
    assert formats_of(third) == ["onnx", "quantized", "torch_export"]
    made = list(bench.made)
    assert await exporter.export(further(own, "quantized")) == first
    assert (await exporter.export(further(own, "onnx"))).release == (await exporter.export(own)).release
    assert bench.made == made


async def test_a_format_that_cannot_be_made_is_refused_and_no_version_comes_of_it(
    exporter: Exporter, store: MemoryStore, bench: Bench, own: ExportOrder
) -> None:
    await exporter.export(own)
    bench.refused.add("quantized")
    outcome = await exporter.export(further(own, "quantized", "stone"))
    assert outcome.release is None
    assert [(each.format, each.code) for each in outcome.refusals] == [
        ("stone", "unsupported_format"),
        ("quantized", "metrics"),
    ]
    assert {entry.uri.removeprefix(MODEL).split("/")[0] for entry in store.list(MODEL)} == {"run-1"}
    bench.refused.clear()
    assert formats_of(await exporter.export(further(own, "quantized"))) == ["onnx", "quantized"], "a new try"


async def test_files_of_another_runs_checkpoint_are_never_taken_over(
    exporter: Exporter, store: MemoryStore, own: ExportOrder, bench: Bench
) -> None:
    await exporter.export(own)
    neighbour = replace(own, run_id="run-10")
    await exporter.export(neighbour)
    weights = store.put("s3://runs/later.pt", b"trained again")
    changed = replace(own, checkpoint=replace(own.checkpoint, uri=weights.uri, sha256=weights.sha256))
    outcome = await exporter.export(further(changed, "quantized"))
    assert formats_of(outcome) == ["quantized"]


def ended(outcome: str, *, body: bytes = b"completion", type: str = COMPLETED) -> bytes:
    event = {"type": type, "sequence": "0", "time": "", "body": b64encode(body).decode()}
    return json.dumps({"outcome": outcome, "event": event}).encode()


def test_a_finished_run_is_found_by_what_its_trainer_left(store: MemoryStore) -> None:
    store.put("s3://truscore/runs/run-1/end.json", ended("completed"))
    assert FinishedRuns(store=store, bucket="truscore").completion("run-1") == b"completion"


@pytest.mark.parametrize(
    ("key", "content", "code", "named"),
    [
        ("run-2/end.json", ended("completed"), "unknown_run", "run run-1 is not known: there is nothing under s3://"),
        ("run-1/config.json", b"{}", "run_not_finished", "run run-1 has not ended"),
        ("run-1/end.json", ended("cancelled"), "checkpoint_missing", "run run-1 is cancelled: it left no checkpoint"),
        ("run-1/end.json", b"[]", "run_unreadable", "run-1/end.json does not say"),
        ("run-1/end.json", b"[" * 200_000, "run_unreadable", "run-1/end.json does not say"),
        (
            "run-1/end.json",
            b'{"outcome": "completed", "event": {"type": "' + COMPLETED.encode() + b'", "body": "?"}}',
            "run_unreadable",
            "run-1/end.json does not say",
        ),
        (
            "run-1/end.json",
            b'{"outcome": "completed", "event": null}',
            "run_unreadable",
            "run-1/end.json does not say",
        ),
    ],
)
def test_a_run_of_which_nothing_can_be_exported_is_refused_by_name(
    key: str, content: bytes, code: str, named: str, store: MemoryStore
) -> None:
    store.put(f"s3://truscore/runs/{key}", content)
    with pytest.raises(Unexportable, match=named) as refused:
        FinishedRuns(store=store, bucket="truscore").completion("run-1")
    assert refused.value.code == code
