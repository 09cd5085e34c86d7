"""A network of surfaces becomes one file for any number of lights and any size of picture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from truscore.catalog import why_not_exported
from truscore.inference.runtime import onnxruntime
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.photometric.surface_network import SurfaceNetwork

from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import ConversionContext, make_artifact
from services.exporter.task import Task
from tests.unit.exporter.test_lit_views_export import fed

SHAPES = ((3, 9, 12), (7, 16, 10), (30, 20, 21))  # lights, height, width
ROW = ("photometric_stereo", "depth_reconstruction", "depth_net")
OF_NORMALS = ("photometric_stereo", "surface_normal_estimation", "neural_surface_reconstruction")
pytestmark = pytest.mark.usefixtures("short_loops")
PITCH = {"pitch_um": np.array([20.0], dtype=np.float32)}


def shop(row: tuple[str, str, str], kind: str, folder: Path, more: Mapping[str, np.ndarray]) -> ConversionContext:
    torch.manual_seed(1)
    network = build_model(resolve(*row), 0).eval()
    assert isinstance(network, SurfaceNetwork)
    with torch.no_grad():
        for weights in (network.head.weight, network.edges.last.weight, network.refinement.last.weight):
            weights.normal_(std=0.05)
    target = export_target_of(network, (), kind=kind)
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1,
        output_folder=str(folder), provenance={"run_id": "run-1"},
    )  # fmt: skip
    return conversion_context(target, [{**fed(*shape), **more} for shape in SHAPES], task)  # type: ignore[misc]


def test_one_file_says_the_depth_that_the_network_says(tmp_path: Path) -> None:
    context = shop(ROW, "depth_estimation", tmp_path, PITCH)
    artifact = make_artifact(FORMATS["onnx"], context)
    assert artifact.parity.passed
    assert artifact.parity.images == len(SHAPES)
    session = onnxruntime.InferenceSession(context.folder / artifact.file_name)
    assert [each.name for each in session.get_inputs()] == [each.name for each in artifact.signature.inputs]
    for shape in ((12, 8, 8), (4, 31, 5)):
        given = fed(*shape) | PITCH
        [depth_HW] = session.run(None, given)
        assert depth_HW.shape == shape[1:]
        assert (depth_HW[given["mask"] == 0] == 0).all()
        # A view that is not there changes nothing, whatever it shows; a pixel twice as long is twice as deep.
        more = {name: np.concatenate([given[name], given[name][:2]]) for name in ("views", "lights", "black_level")}
        more |= {"present": np.append(given["present"], [0, 0]).astype(np.float32), "mask": given["mask"]}
        assert np.abs(session.run(None, more | {"pitch_um": PITCH["pitch_um"] * 2})[0] - 2 * depth_HW).max() < 0.01


def test_one_file_says_the_normals_of_the_surface_under_refitted_lights(tmp_path: Path) -> None:
    context = shop(OF_NORMALS, "normal_estimation", tmp_path, {})
    artifact = make_artifact(FORMATS["onnx"], context)
    assert artifact.parity.passed
    session = onnxruntime.InferenceSession(context.folder / artifact.file_name)
    given = fed(12, 8, 9)
    [normals_3HW] = session.run(None, given)
    assert np.allclose(np.linalg.norm(normals_3HW, axis=0), given["mask"], atol=1e-5)


@pytest.mark.parametrize(("row", "kind"), [(ROW, "depth_estimation"), (OF_NORMALS, "normal_estimation")])
def test_a_program_of_torch_says_what_the_network_says(row: tuple[str, str, str], kind: str, tmp_path: Path) -> None:
    context = shop(row, kind, tmp_path, PITCH if row == ROW else {})
    artifact = make_artifact(FORMATS["torch_export"], context)
    assert artifact.parity.passed
    assert artifact.parity.images == len(SHAPES)


def test_the_format_that_cannot_carry_it_is_refused_with_the_reason() -> None:
    for row in (ROW, OF_NORMALS):
        assert "ExecuTorch" in why_not_exported(*row, "mobile")
    assert why_not_exported(*ROW, "tensorrt") == ""
    assert "21,966 layers" in why_not_exported(*OF_NORMALS, "tensorrt")
