"""The child itself: a real checkpoint becomes a real ONNX file, in a process of its own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
import torch
from torch import Tensor
from truscore.datasets import index_to_json, load_image, read_dataset
from truscore.recipes import recipe_to_json, resolve
from truscore.synthesis import CLASS_NAMES, render_dataset
from truscore.zoo import build_model, load_checkpoint_model
from truscore.zoo.detection.mask_rcnn import BorderMaskRCNN, Target
from truscore.zoo.preprocess import preprocess

from services.exporter.child.convert import conversion_context, convert, export_target_of
from services.exporter.child.formats.onnx.graph_file import session
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import make_artifact
from services.exporter.child.refused import ExportRefused
from services.exporter.child_process import Bounds, ChildFault, run_child
from services.exporter.task import EvaluatedImage, Task, write_task

NAMES = CLASS_NAMES["dual_class"]
ROOMY = Bounds(time_limit_s=400, memory_limit_bytes=8 << 30)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network: it finds fifty doubtful things on each picture, more than a trained one to compare."""
    path = tmp_path_factory.mktemp("checkpoint") / "best.pt"
    recipe = resolve("border_detection", "dual_class", "mask_rcnn", {"image_size": 96})
    torch.manual_seed(3)
    model = build_model(recipe, len(NAMES))
    torch.save(
        {"model": model.state_dict(), "recipe": recipe_to_json(recipe), "class_names": list(NAMES)},
        path,
    )
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    folder = tmp_path_factory.mktemp("cards")
    for number, size in enumerate(((200, 240), (333, 210))):
        render_dataset(folder / str(number), count=1, seed=number, image_size=size)
    return tuple(str(path) for path in sorted(folder.glob("*/images/*")))


@pytest.fixture
def task(checkpoint: Path, pictures: tuple[str, ...], tmp_path: Path) -> Task:
    return Task(
        checkpoint=str(checkpoint),
        formats=("onnx",),
        pictures=pictures,
        benchmark_rounds=1,
        output_folder=str(tmp_path),
        provenance={"run_id": "run-1", "checkpoint_sha256": "c" * 64},
    )


async def test_a_checkpoint_becomes_an_onnx_file_that_finds_the_same_on_pictures_of_any_size(
    task: Task, tmp_path: Path
) -> None:
    result = await run_child(task, tmp_path, bounds=ROOMY)
    assert result.refusals == ()
    (artifact,) = result.artifacts
    assert artifact.parity.passed
    assert (artifact.parity.images, artifact.parity.matched) == (2, 1.0)
    assert artifact.parity.detections > 10
    assert artifact.benchmark.latency_ms_p95 >= artifact.benchmark.latency_ms_p50 > 0
    assert artifact.notes["answered_by"].endswith("without torch, on 2 pictures")
    path = tmp_path / artifact.file_name
    _says_where_it_is_from(path)
    _agrees_on_a_size_never_seen(path, task)


def _says_where_it_is_from(path: Path) -> None:
    stated = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert stated["truscore.run_id"] == "run-1"
    assert stated["truscore.checkpoint_sha256"] == "c" * 64
    assert json.loads(stated["truscore.class_names"]) == list(NAMES)


def _agrees_on_a_size_never_seen(path: Path, task: Task) -> None:
    model, _, _ = load_checkpoint_model(Path(task.checkpoint))
    image_CHW = preprocess(load_image(Path(task.pictures[0])))[:, 11:188, 5:].numpy()
    target = export_target_of(model, NAMES, kind="instance_segmentation")
    of_file = session(path, target.signature)(np.ascontiguousarray(image_CHW))
    of_model = target.run_eager(image_CHW)
    assert target.check_parity([(of_model, of_file)]).passed
    assert len(of_model["boxes"]) > 0


def test_a_file_that_is_no_checkpoint_is_an_answer(task: Task, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"PK\x03\x04 not weights")
    (refusal,) = convert(replace(task, checkpoint=str(broken))).refusals
    assert (refusal.format, refusal.code) == ("onnx", "checkpoint_unreadable")


class Payload:
    """Code in a checkpoint: unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def test_a_checkpoint_that_holds_code_is_an_answer_and_the_code_is_not_run(task: Task, tmp_path: Path) -> None:
    content = torch.load(task.checkpoint, weights_only=True)
    torch.save({**content, "optimizer": Payload(tmp_path / "run")}, tmp_path / "code.pt")
    (refusal,) = convert(replace(task, checkpoint=str(tmp_path / "code.pt"))).refusals
    assert refusal.code == "checkpoint_unreadable"
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_that_was_cut_short_is_an_answer(task: Task, tmp_path: Path) -> None:
    content = Path(task.checkpoint).read_bytes()
    (tmp_path / "short.pt").write_bytes(content[: len(content) // 2])
    (refusal,) = convert(replace(task, checkpoint=str(tmp_path / "short.pt"))).refusals
    assert refusal.code == "checkpoint_unreadable"


def test_a_checkpoint_of_another_kind_of_run_is_refused_by_what_it_is_of(task: Task) -> None:
    (refusal,) = convert(replace(task, row=("edge_analysis", "wear_scoring", "resnet"))).refusals
    assert refusal.code == "checkpoint_foreign"
    assert "is of border_detection.dual_class.mask_rcnn; the run trained edge_analysis" in refusal.message


async def test_a_child_whose_disk_is_full_says_so_by_its_exit_code(task: Task, tmp_path: Path) -> None:
    """/dev/full takes no byte."""
    (tmp_path / "result.json.part").symlink_to("/dev/full")
    with pytest.raises(ChildFault, match="No space left on device") as fault:
        await run_child(replace(task, checkpoint=str(tmp_path / "nowhere.pt")), tmp_path, bounds=ROOMY)
    assert fault.value.code == "disk_full"


def test_a_format_that_fails_in_a_way_nobody_foresaw_holds_none_of_the_others(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(*_: object) -> dict[str, str]:
        raise KeyError("a node without a name")

    broken = {"quantized": replace(FORMATS["quantized"], make=fall), "onnx": FORMATS["onnx"]}
    monkeypatch.setattr("services.exporter.child.convert.FORMATS", broken)
    result = convert(replace(task, formats=("quantized", "onnx")))
    assert [artifact.format for artifact in result.artifacts] == ["onnx"]
    (refusal,) = result.refusals
    assert (refusal.format, refusal.code) == ("quantized", "conversion")
    assert "a node without a name" in refusal.message


def test_a_file_that_cannot_be_made_is_refused_though_the_checkpoint_s_metrics_and_the_engine_were_begun_beside_it(
    task: Task, tmp_path: Path, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the fork decoded is more than a pipe holds, so it waits to be read; and it holds the engine's input."""

    def fall(*_: object) -> dict[str, str]:
        raise KeyError("a node without a name")

    monkeypatch.setattr("services.exporter.child.convert.FORMATS", {"onnx": replace(FORMATS["onnx"], make=fall)})
    cards = render_dataset(tmp_path / "cards", count=2, seed=5)
    index = read_dataset(cards).index
    (tmp_path / "index.json").write_text(index_to_json(index))
    evaluated = tuple(
        EvaluatedImage(split="validation", path=record.path, file=str(cards / record.path)) for record in index.images
    )
    before = {child.pid for child in psutil.Process().children()}
    result = convert(replace(task, index=str(tmp_path / "index.json"), evaluated=evaluated))
    assert [(refusal.format, refusal.code) for refusal in result.refusals] == [("onnx", "conversion")]
    assert {child.pid for child in psutil.Process().children()} <= before


@pytest.fixture
def two_threads() -> Iterator[None]:
    """As many as a child has that does one thing beside another."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class Shifted(BorderMaskRCNN):
    """Says its boxes a pixel further than its parts find them."""

    def forward(self, images: list[Tensor], targets: list[Target] | None = None) -> list[Target]:
        found: list[Target] = super().forward(images)
        return [{**each, "boxes": each["boxes"] + 1} for each in found]


def test_an_artefact_that_disagrees_with_its_checkpoint_is_refused_with_the_differences(task: Task) -> None:
    model, _, _ = load_checkpoint_model(Path(task.checkpoint))
    model.__class__ = Shifted
    target = export_target_of(model, NAMES, kind="instance_segmentation")
    context = conversion_context(target, [preprocess(load_image(Path(path))).numpy() for path in task.pictures], task)
    with pytest.raises(ExportRefused, match=r"boxes differ by 1 \(accepted 0.25\)") as refused:
        make_artifact(FORMATS["onnx"], context)
    assert refused.value.code == "parity"


def test_a_network_of_another_kind_than_its_task_is_refused_by_name() -> None:
    for kind in ("instance_segmentation", "semantic_segmentation"):
        with pytest.raises(ExportRefused, match=r"Identity .*accepted: ") as refused:
            export_target_of(torch.nn.Identity(), NAMES, kind=kind)
        assert refused.value.code == "unsupported_architecture"


async def test_a_child_that_takes_too_long_is_ended_and_reported_so(task: Task, tmp_path: Path) -> None:
    with pytest.raises(ChildFault, match=r"longer than 0.2 s") as fault:
        await run_child(task, tmp_path, bounds=replace(ROOMY, time_limit_s=0.2))
    assert fault.value.code == "time_limit"
    assert _children() == []


async def test_a_child_that_takes_too_much_memory_is_ended_and_reported_so(task: Task, tmp_path: Path) -> None:
    with pytest.raises(ChildFault, match="bytes of memory; at most 50000000") as fault:
        await run_child(task, tmp_path, bounds=replace(ROOMY, memory_limit_bytes=50_000_000))
    assert fault.value.code == "memory_limit"
    assert _children() == []


async def test_a_child_goes_when_the_one_who_waits_is_cancelled(task: Task, tmp_path: Path) -> None:
    waiting = asyncio.ensure_future(run_child(task, tmp_path, bounds=ROOMY))
    await _first(_children)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert _children() == []


async def test_a_child_goes_when_its_service_is_killed(task: Task, tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from services.exporter.child_process import Bounds, run_child\n"
        "from services.exporter.task import read_task\n"
        "folder, bounds = pathlib.Path(sys.argv[1]), Bounds(time_limit_s=60, memory_limit_bytes=1 << 40)\n"
        "asyncio.run(run_child(read_task(folder), folder, bounds=bounds))\n"
    )
    await asyncio.to_thread(write_task, tmp_path, task)
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(tmp_path))
    children = await _first(psutil.Process(service.pid).children)
    os.kill(service.pid, signal.SIGKILL)
    await service.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, children, timeout=20)
    assert (len(gone), alive) == (1, [])


async def _first(look: Callable[[], list[psutil.Process]]) -> list[psutil.Process]:
    """What there is to see, as soon as there is something; a started process says so to nobody but the kernel."""
    async with asyncio.timeout(30):
        while not (seen := look()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return seen


def _children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "services.exporter.child" in child.cmdline()
    ]


async def test_a_child_sleeps_while_it_waits_and_is_handed_no_key_of_its_service(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUSCORE_S3_SECRET_KEY", "secret")
    waiting = asyncio.ensure_future(run_child(task, tmp_path, bounds=ROOMY))
    (child,) = await _first(_children)
    environment = child.environ()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert not [name for name in environment if name.startswith("TRUSCORE_")]
