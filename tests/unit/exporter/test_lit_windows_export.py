"""A network that sees what lies around a pixel becomes one file that goes over views window by window."""

from pathlib import Path

import numpy as np
import pytest
import torch
from truscore.catalog.export_formats import why_not
from truscore.catalog.networks import NETWORKS
from truscore.inference.runtime import onnxruntime
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.photometric.spatial_network import SpatialSetNetwork

from services.exporter.child.convert import conversion_context
from services.exporter.child.export_target import ExportTarget
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.lit_windows import spatial_target
from services.exporter.child.making import ConversionContext, make_artifact
from services.exporter.task import Task
from tests.unit.exporter.test_lit_views_export import ROW, fed

SHAPES = ((3, 9, 12), (7, 16, 10), (50, 20, 21))  # lights, height, width
SMALL = {"architecture_config": {"base_architecture": "spatial_set_network"}}
pytestmark = pytest.mark.usefixtures("short_loops")


@pytest.fixture(scope="module")
def target() -> ExportTarget:
    torch.manual_seed(1)
    network = build_model(resolve(*ROW, SMALL), 0).eval()
    assert isinstance(network, SpatialSetNetwork)
    with torch.no_grad():
        network.head.weight.normal_(std=0.1)
    return spatial_target(network, (), window=8)  # several windows of each of the shapes


@pytest.fixture(scope="module")
def shop(target: ExportTarget, tmp_path_factory: pytest.TempPathFactory) -> ConversionContext:
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1,
        output_folder=str(tmp_path_factory.mktemp("windows")), provenance={"run_id": "run-1"},
    )  # fmt: skip
    return conversion_context(target, [fed(*shape) for shape in SHAPES], task)  # type: ignore[misc]


def test_one_file_says_what_the_network_says_of_any_number_of_windows(
    target: ExportTarget, shop: ConversionContext
) -> None:
    artifact = make_artifact(FORMATS["onnx"], shop)
    assert artifact.parity.passed
    assert artifact.parity.images == len(SHAPES)
    assert artifact.parity.max_abs_difference["normals"] < 2e-5
    session = onnxruntime.InferenceSession(shop.folder / artifact.file_name)
    assert [each.name for each in session.get_inputs()] == [each.name for each in artifact.signature.inputs]
    for shape in ((12, 8, 8), (4, 31, 5)):
        given = fed(*shape)
        [normals_3HW] = session.run(None, given)
        assert normals_3HW.shape == (3, *shape[1:])
        assert np.allclose(np.linalg.norm(normals_3HW, axis=0), given["mask"], atol=1e-5)
        # A view that is not there changes nothing, whatever it shows, and all pixels at once are the same as windows.
        more = {name: np.concatenate([given[name], given[name][:2]]) for name in ("views", "lights", "black_level")}
        more |= {"present": np.append(given["present"], [0, 0]).astype(np.float32), "mask": given["mask"]}
        assert np.abs(session.run(None, more)[0] - normals_3HW).max() < 2e-5
        assert target.whole_graph is not None
        with torch.no_grad():
            whole_3HW = target.whole_graph(*(torch.from_numpy(each) for each in given.values()))
        assert np.abs(whole_3HW.numpy() - normals_3HW).max() < 2e-5


def test_a_program_of_torch_says_the_same_of_all_pixels_at_once(target: ExportTarget, shop: ConversionContext) -> None:
    path, kind = Path(shop.folder / "model.pt2"), FORMATS["torch_export"]
    kind.make(shop.source, path)
    run = kind.load(path, target.signature)
    verdict = target.check_parity((target.run_eager(each), run(each)) for each in shop.source.pictures)
    assert verdict.passed
    assert verdict.images == len(SHAPES)


def test_formats_that_cannot_carry_it_are_refused_with_the_reason() -> None:
    for name in ("spatial_set_network", "spatial_set_network_wide"):
        assert "ExecuTorch" in why_not(NETWORKS[name], "mobile")
        assert not why_not(NETWORKS[name], "onnx")
