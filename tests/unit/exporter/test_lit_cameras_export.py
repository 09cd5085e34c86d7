"""A network on views of several cameras becomes one file for any number of cameras and lights and any size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from truscore.datasets import read_dataset
from truscore.inference.runtime import onnxruntime
from truscore.recipes import resolve
from truscore.synthesis.lit import render_multi_view_dataset
from truscore.zoo import build_model
from truscore.zoo.photometric.multi_view_network import MultiViewNetwork

from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.evaluation import Labelled, evaluate
from services.exporter.child.export_target import ExportTarget
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.lit_examples import LitExample, load_scenes
from services.exporter.child.making import make_artifact
from services.exporter.task import Task

ROW = ("photometric_stereo", "depth_reconstruction", "multi_view_stereo")
SHAPES = ((2, 3, (24, 20)), (4, 5, (32, 28)))  # cameras, lights, size


@pytest.fixture(scope="module")
def target() -> ExportTarget:
    torch.manual_seed(1)
    network = build_model(resolve(*ROW), 0).eval()
    assert isinstance(network, MultiViewNetwork)
    with torch.no_grad():
        for regulariser in (network.coarse, network.fine):
            regulariser.last.weight.normal_(std=0.05)
    return export_target_of(network, (), kind="depth_estimation")


def example(folder: Path, cameras: int, lights: int, size: tuple[int, int]) -> LitExample:
    render_multi_view_dataset(folder, count=1, views=cameras, lights=lights, image_size=size, seed=3)
    index = read_dataset(folder).index
    assert index is not None
    return load_scenes(folder, index, [index.objects[0].name])[0]


def test_one_file_says_the_depth_that_the_network_says(target: ExportTarget, tmp_path: Path) -> None:
    examples = [example(tmp_path / f"scene-{place}", *shape) for place, shape in enumerate(SHAPES)]
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1,
        output_folder=str(tmp_path), provenance={"run_id": "run-1"},
    )  # fmt: skip
    context = conversion_context(target, [each.fed for each in examples], task)
    artifact = make_artifact(FORMATS["onnx"], context)
    assert artifact.parity.passed
    assert artifact.parity.images == len(SHAPES)
    session = onnxruntime.InferenceSession(context.folder / artifact.file_name)
    assert [each.name for each in session.get_inputs()] == [each.name for each in artifact.signature.inputs]
    given = dict(example(tmp_path / "other", 3, 4, (20, 26)).views)
    [depth_HW] = session.run(None, given)
    assert depth_HW.shape == (26, 20)
    assert np.abs(depth_HW - target.run_eager(given)["depth"]).max() < 0.02  # type: ignore[arg-type]
    # A light that is not there changes nothing, whatever it shows.
    more = {name: np.concatenate([given[name], given[name][:, :1]], axis=1) for name in ("views", "lights")}
    more["black_level"] = np.concatenate([given["black_level"], given["black_level"][:, :1]], axis=1)
    more["present"] = np.concatenate([given["present"], np.zeros((3, 1), np.float32)], axis=1)
    assert np.abs(session.run(None, given | more)[0] - depth_HW).max() < 0.02


def test_a_program_of_torch_says_the_same_from_two_cameras_on(target: ExportTarget, tmp_path: Path) -> None:
    shapes = ((3, 4, (24, 20)), (2, 3, (20, 26)), (4, 3, (20, 20)))
    followed, *others = (example(tmp_path / f"scene-{place}", *shape) for place, shape in enumerate(shapes))
    task = Task(
        checkpoint="", formats=("torch_export",), pictures=(), benchmark_rounds=1, output_folder=str(tmp_path),
        provenance={},
    )  # fmt: skip
    source, path = conversion_context(target, [followed.fed], task).source, tmp_path / "model.pt2"
    assert FORMATS["torch_export"].make(source, path)["cameras"] == "2 to 64"
    run = FORMATS["torch_export"].load(path, target.signature)
    verdict = target.check_parity((target.run_eager(each.fed), run(each.fed)) for each in others)
    assert verdict.passed
    assert verdict.images == len(others)


def test_a_file_is_measured_in_the_intervals_that_training_is(target: ExportTarget, tmp_path: Path) -> None:
    seen = example(tmp_path, 4, 5, (32, 28))
    labelled = Labelled(
        split="validation", task="depth_estimation", records=(), files=(), class_names=(), objects=(seen,)
    )
    metrics = evaluate(target.run_eager, labelled).metrics
    truth = evaluate(lambda _: {"depth": seen.depth_HW}, labelled).metrics
    assert truth["share_within_interval"] == 1
    assert 0 < metrics["share_within_interval"] < 1
    assert metrics["mean_error_intervals"] > truth["mean_error_intervals"] == pytest.approx(0, abs=1e-3)
