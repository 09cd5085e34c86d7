"""A network on views becomes one file for any number of lights and any size of picture."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import nn
from truscore.catalog import why_not_exported
from truscore.datasets import read_dataset
from truscore.inference.runtime import onnxruntime
from truscore.photometric_stereo import InvalidViews
from truscore.recipes import resolve
from truscore.synthesis.lit import render_lit_dataset
from truscore.zoo import build_model
from truscore.zoo.photometric.brdf_network import BrdfNetwork

from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.export_target import Answers, ExportTarget, Picture
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.lit_examples import load_examples
from services.exporter.child.lit_relighting import reflectance_of
from services.exporter.child.making import ConversionContext, make_artifact
from services.exporter.task import Task

SHAPES = ((3, 9, 12), (7, 16, 10), (50, 20, 21))  # lights, height, width
ROW = ("photometric_stereo", "surface_normal_estimation", "ps_net")
pytestmark = pytest.mark.usefixtures("short_loops")
OF_REFLECTANCE = ("reflectance_net", "brdf_estimation")


def fed(lights: int, height: int, width: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(lights)
    directions_L3 = rng.normal(size=(lights, 3)) * (0.6, 0.6, 0.1) + (0, 0, 1)
    directions_L3 /= np.linalg.norm(directions_L3, axis=1, keepdims=True)
    normals_HW3 = rng.normal(size=(height, width, 3)) * (0.3, 0.3, 0) + (0, 0, 1)
    normals_HW3 /= np.linalg.norm(normals_HW3, axis=2, keepdims=True)
    views_LHW = 0.6 * np.clip(np.einsum("hwc,lc->lhw", normals_HW3, directions_L3), 0, None)
    views_LHW += 0.02 * rng.random(views_LHW.shape)
    mask_HW = rng.random((height, width)) < 0.7
    plain = {
        "views": np.repeat(views_LHW[:, None], 3, axis=1),
        "lights": directions_L3,
        "black_level": np.full(lights, 0.01),
        "present": np.ones(lights),
        "mask": mask_HW,
    }
    return {name: values.astype(np.float32) for name, values in plain.items()}


@pytest.fixture(scope="module")
def target() -> ExportTarget:
    torch.manual_seed(1)
    network = build_model(resolve(*ROW), 0).eval()
    with torch.no_grad():
        network.head.weight.normal_(std=0.1)
    return export_target_of(network, (), kind="normal_estimation")


@pytest.fixture(scope="module")
def shop(target: ExportTarget, tmp_path_factory: pytest.TempPathFactory) -> ConversionContext:
    folder = tmp_path_factory.mktemp("views")
    provenance = {"run_id": "run-1"}
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1, output_folder=str(folder),
        provenance=provenance,
    )  # fmt: skip
    return conversion_context(target, [fed(*shape) for shape in SHAPES], task)  # type: ignore[misc]


def test_one_file_says_what_the_network_says_from_three_lights_to_fifty(
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
        length_HW = np.linalg.norm(normals_3HW, axis=0)
        assert normals_3HW.shape == (3, *shape[1:])
        assert np.allclose(length_HW, given["mask"], atol=1e-5)
        # A view that is not there changes nothing, whatever it shows.
        more = {name: np.concatenate([given[name], given[name][:2]]) for name in ("views", "lights", "black_level")}
        more |= {"present": np.append(given["present"], [0, 0]).astype(np.float32), "mask": given["mask"]}
        assert np.abs(session.run(None, more)[0] - normals_3HW).max() < 2e-5


def test_a_file_that_finds_its_lights_asks_for_none_and_says_them(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = build_model(resolve("photometric_stereo", "surface_normal_estimation", "ps_net_uncalibrated"), 0).eval()
    with torch.no_grad():
        network.head.weight.normal_(std=0.1)
        network.lights.direction.weight.mul_(10)  # new weights see all lights in one direction
    target = export_target_of(network, (), kind="normal_estimation")
    fed_by_shape = [unmeasured(*shape) for shape in SHAPES]
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1, output_folder=str(tmp_path), provenance={}
    )
    context = conversion_context(target, fed_by_shape, task)  # type: ignore[arg-type]
    artifact = make_artifact(FORMATS["onnx"], context)
    assert artifact.parity.passed
    session = onnxruntime.InferenceSession(tmp_path / artifact.file_name)
    assert [each.name for each in session.get_inputs()] == ["views", "present", "mask"]
    assert [each.name for each in session.get_outputs()] == ["normals", "light_directions", "light_intensities"]
    given = unmeasured(12, 18, 25)
    normals_3HW, directions_L3, intensities_L = session.run(None, given)
    assert np.allclose(np.linalg.norm(normals_3HW, axis=0), given["mask"], atol=1e-5)
    assert np.allclose(np.linalg.norm(directions_L3, axis=1), 1, atol=1e-5)
    assert np.log(intensities_L).mean() == pytest.approx(0, abs=1e-5)
    order = np.arange(12)[::-1]
    turned = session.run(None, given | {"views": given["views"][order]})
    padded = given | {"views": np.concatenate([given["views"], given["views"][:2]])}
    padded["present"] = np.append(given["present"], [0, 0]).astype(np.float32)
    more = session.run(None, padded)
    for mine, other in ((turned[1][order], turned[2][order]), (more[1][:12], more[2][:12])):
        assert np.abs(mine - directions_L3).max() < 1e-5
        assert np.abs(other - intensities_L).max() < 1e-5


def unmeasured(lights: int, height: int, width: int) -> dict[str, np.ndarray]:
    given = fed(lights, height, width)
    return {name: given[name] for name in ("views", "present", "mask")}


def test_views_without_directions_can_be_asked_of_a_network_that_finds_them(tmp_path: Path) -> None:
    folder = render_lit_dataset(tmp_path, count=1, option="ellipsoid", seed=4, lights=5, image_size=(24, 24))
    home = folder / "ellipsoid-00000"
    (home / "filenames.txt").rename(home / "names.txt")
    for name in ("light_directions.txt", "light_intensities.txt"):
        (home / name).unlink()
    index = read_dataset(folder).index
    assert index is not None
    (example,) = load_examples(folder, index, [index.objects[0].name], kind="normal_estimation", measured=False)
    assert set(cast(Mapping[str, np.ndarray], example.views)) == {"views", "present", "mask"}
    with pytest.raises(InvalidViews, match="not every view has a direction"):
        load_examples(folder, index, [index.objects[0].name], kind="normal_estimation")


def test_a_program_of_torch_says_the_same_of_any_number_of_lights_and_of_nothing_inside(
    target: ExportTarget, shop: ConversionContext
) -> None:
    path, kind = shop.folder / "model.pt2", FORMATS["torch_export"]
    assert kind.make(shop.source, path)["lights"] == "3 to 1024"
    run = kind.load(path, target.signature)
    verdict = target.check_parity((target.run_eager(each), run(each)) for each in shop.source.pictures)
    assert verdict.passed
    assert verdict.images == len(SHAPES)
    empty = fed(4, 9, 8) | {"mask": np.zeros((9, 8), np.float32)}
    assert not run(cast(Picture, empty))["normals"].any()


def test_formats_that_cannot_carry_it_are_refused_with_the_reason() -> None:
    assert "ExecuTorch" in why_not_exported(*ROW, "mobile")
    assert why_not_exported(*ROW, "tensorrt") == ""


@pytest.mark.parametrize("architecture", OF_REFLECTANCE)
def test_files_of_reflectance_say_what_the_network_says(architecture: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = build_model(resolve("photometric_stereo", "reflectance_analysis", architecture), 0).eval()
    with torch.no_grad():
        for layer in (network.shape.head, network.weight, network.head):
            layer.weight.normal_(std=0.1)
    if isinstance(network, BrdfNetwork):
        network.rate = nn.Parameter(network.rate[:2])  # two steps of the fit: the same operators as eight
    target = export_target_of(network, (), kind="reflectance_estimation")
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1, output_folder=str(tmp_path), provenance={}
    )
    context = conversion_context(target, [fed(*shape) for shape in SHAPES], task)  # type: ignore[misc]
    assert make_artifact(FORMATS["torch_export"], context).parity.passed
    artifact = make_artifact(FORMATS["onnx"], context)
    assert artifact.parity.passed
    assert max(artifact.parity.max_abs_difference.values()) < 1e-4
    assert set(artifact.parity.max_abs_difference) == {each.name for each in artifact.signature.outputs}
    session = onnxruntime.InferenceSession(tmp_path / artifact.file_name)
    given = fed(5, 11, 7)
    found = dict(zip((each.name for each in artifact.signature.outputs), session.run(None, given), strict=True))
    inside_HW = given["mask"] > 0
    assert (found["roughness"][inside_HW] >= 0.08).all()
    assert (found["albedo"][inside_HW] > 0).all()
    assert all(not values[..., ~inside_HW].any() for values in found.values())


def test_a_file_that_says_the_truth_is_judged_to_be_right(tmp_path: Path) -> None:
    """By the exporter's own evaluation, which hides every fourth light from it."""
    folder = render_lit_dataset(tmp_path, count=1, option="card", seed=4, lights=8, image_size=(24, 24), bits=16)
    index = read_dataset(folder).index
    assert index is not None
    (example,) = load_examples(folder, index, [index.objects[0].name], kind="reflectance_estimation")
    shown: list[float] = []
    maps = {name: np.load(next(folder.glob(f"*/{name}.npy"))) for name in ("normals", "albedo", "roughness", "f0")}
    document = json.loads(next(folder.glob("*/truth/scene.json")).read_text())

    def run(views: Picture) -> Answers:
        shown.extend(cast(Mapping[str, np.ndarray], views)["present"].tolist())
        return {
            "albedo": maps["albedo"].mean(axis=2) * document["gain"],
            "f0": maps["f0"] * document["gain"],
            "roughness": maps["roughness"],
            "roughness_confidence": np.ones_like(maps["roughness"]),
            "normals": maps["normals"].transpose(2, 0, 1),
        }

    figures = reflectance_of(run, example)
    assert shown == [1, 1, 1, 0, 1, 1, 1, 0]
    assert figures["relighting_PSNR_dB"] > 35
    assert (figures["albedo_error"], figures["roughness_error"]) == pytest.approx((0, 0), abs=1e-6)
