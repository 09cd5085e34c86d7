"""Detectors in tensors of fixed size say what torchvision's say, and become programs of torch.export."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision import ops
from truscore.catalog.export_formats import why_not
from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import row_of
from truscore.datasets import load_image
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.detection.anchors import FittedAnchors
from truscore.zoo.detection.detectron2 import AlignedRoIAlign
from truscore.zoo.preprocess import preprocess

from services.exporter.child.convert import conversion_context, export_target_of, refuse_hindered
from services.exporter.child.export_target import Answers, ExportTarget, Picture
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.refused import ExportRefused
from services.exporter.child.static.canvas import Canvas
from services.exporter.child.static.mask_rcnn import pooling_of
from services.exporter.child.static.roi_align import Pooling, most_samples, roi_align
from services.exporter.child.static.suppression import kept
from services.exporter.task import Task
from tests.unit.exporter.small_networks import certain, outspoken
from tests.unit.exporter.test_every_row_exports import NAMES, pictures

# Norms over groups, means over whole maps, windows, norms over channels; anchors of one and of five levels, and none.
KINDS = (
    ("border_detection", "dual_class", "mask_rcnn", "mask_rcnn_mobilenet_v3_small_fpn"),
    ("border_detection", "dual_class", "mask_rcnn", "mask_rcnn_shufflenet_v2_fpn"),
    ("surface_analysis", "defect_detection", "swin_transformer", "mask_rcnn_swin_mini_fpn"),
    ("surface_analysis", "defect_detection", "convnext", "mask_rcnn_convnext_mini_fpn"),
    ("border_detection", "single_class", "retinanet", "retinanet_mobilenet_v3_small_fpn"),
    ("border_detection", "single_class", "yolo", "yolox_shufflenet_v2_x0_5_pan"),
    # Its regions have as many samples as they have pixels.
    ("border_detection", "dual_class", "detectron2", "detectron2_mask_rcnn_r18_fpn"),
    # Its strided convolutions are padded by a layer of their own.
    ("surface_analysis", "defect_detection", "fpn", "mask_rcnn_efficientnet_lite0_fine_fpn"),
)
ALONE = """
import sys
for name in ("truscore", "services", "torchvision"):
    sys.modules[name] = None
import numpy as np, torch
program = torch.export.load(sys.argv[1]).module()
given = np.load(sys.argv[2])
for name in given.files:
    outputs = program(torch.from_numpy(given[name]))
    np.savez(f"{sys.argv[2]}.{name}.npz", *[output.detach().numpy() for output in outputs])
"""


BORDERS = ("outer_border", "graphical_border")


def target_of(category: str, option: str, architecture: str, base: str, *, size: int = 64) -> ExportTarget:
    custom = {"head_customization": "standard"}
    overrides = {"image_size": size, "architecture_config": {"base_architecture": base, "custom_modifications": custom}}
    torch.manual_seed(2)
    model = outspoken(build_model(resolve(category, option, architecture, overrides), len(NAMES)).eval())
    for module in model.modules():
        if isinstance(module, FittedAnchors):
            module.fit(np.array([0.2, 0.3, 0.7, 1.0, 3.5]))
    return export_target_of(model, NAMES, kind=row_of(category, option, architecture).task)


def with_second_stage(category: str, option: str, architecture: str, base: str) -> ExportTarget:
    """As a border order is made by default; of what is found, which is sure, the first four alone."""
    overrides = {"image_size": 64, "architecture_config": {"base_architecture": base}}
    torch.manual_seed(2)
    model = certain(build_model(resolve(category, option, architecture, overrides), len(BORDERS)).eval())
    stage = model.get_submodule("border_lines.network")
    with torch.no_grad():
        stage.get_parameter("sharpness").fill_(2.5)  # untrained, it is sure of no line
    for holder, most in (
        (getattr(model, "roi_heads", model), "detections_per_img"),
        (model, "detections_per_image"),
    ):
        if hasattr(holder, most):
            setattr(holder, most, 4)
    return export_target_of(model, BORDERS, kind=row_of(category, option, architecture).task)


def statically(target: ExportTarget) -> Callable[[Picture], Answers]:
    graph: nn.Module | None = target.static_graph
    assert graph is not None
    names = [tensor.name for tensor in target.signature.outputs]

    def run(image_CHW: Picture) -> Answers:
        with torch.no_grad():
            outputs: tuple[Tensor, ...] = graph(torch.from_numpy(image_CHW))
        return {name: output.numpy() for name, output in zip(names, outputs, strict=True)}

    return run


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[3])
def test_a_detector_of_fixed_sizes_finds_what_its_network_finds(kind: tuple[str, str, str, str]) -> None:
    target = target_of(*kind)
    run = statically(target)
    verdict = target.check_parity((target.run_eager(each), run(each)) for each in pictures())
    assert verdict.passed
    assert verdict.detections > 3 * len(pictures())
    assert verdict.max_abs_difference["boxes"] < 0.01
    assert verdict.max_abs_difference["scores"] < 1e-4


def test_it_finds_on_scans_of_cards_what_its_network_finds(shared_data: Path) -> None:
    scans = sorted(shared_data.glob("truscore_card_borders_yolo/*/images/*.jpg"))
    target = target_of(*KINDS[0], size=160)
    run = statically(target)
    scan_CHW = preprocess(load_image(scans[0])).numpy()
    verdict = target.check_parity([(target.run_eager(scan_CHW), run(scan_CHW))])
    assert verdict.passed
    assert verdict.detections > 10


def chain(count: int) -> Tensor:
    """Boxes in a row, each of which overlaps the next but not the one after it, by falling score."""
    first = torch.arange(count, dtype=torch.float32) * 3
    return torch.stack([first, torch.zeros(count), first + 10, torch.full((count,), 10.0)], dim=1)


@pytest.mark.parametrize("boxes", ["chain", "scattered"])
def test_suppression_keeps_what_the_loop_over_single_boxes_keeps(boxes: str) -> None:
    generator = torch.Generator().manual_seed(3)
    corners = torch.rand(150, 2, generator=generator) * 40
    scattered_K4 = torch.cat([corners, corners + 5 + torch.rand(150, 2, generator=generator) * 20], dim=1)
    boxes_K4 = chain(150) if boxes == "chain" else scattered_K4
    falling_K = torch.linspace(1, 0, len(boxes_K4))
    stays_K = kept(boxes_K4[None], torch.ones(1, len(boxes_K4), dtype=torch.bool), 0.5)[0]
    assert stays_K.nonzero()[:, 0].tolist() == ops.nms(boxes_K4, falling_K, 0.5).tolist()
    assert 1 < int(stays_K.sum()) < len(boxes_K4)


def test_regions_are_pooled_as_torchvision_does_beyond_the_edge_of_the_picture_too() -> None:
    generator = torch.Generator().manual_seed(4)
    fine, coarse = torch.rand(1, 3, 16, 16, generator=generator), torch.rand(1, 3, 8, 8, generator=generator)
    corners = torch.rand(40, 2, generator=generator) * 60
    boxes_R4 = torch.cat([corners, corners + torch.rand(40, 2, generator=generator) * 20], dim=1)
    level_R = torch.arange(40) % 2
    canvas = Canvas(64, 32)
    canvas.hold(torch.tensor(64.0), torch.tensor(64.0))
    pooling = Pooling(scales=(1 / 4, 1 / 8), level_of=lambda _: level_R, places=7, samples=2)
    found = roi_align(pooling, [fine, coarse], canvas, boxes_R4)
    for level, (feature, scale) in enumerate(((fine, 1 / 4), (coarse, 1 / 8))):
        wanted = ops.roi_align(feature, [boxes_R4], 7, scale, sampling_ratio=2)
        assert torch.allclose(found[level_R == level], wanted[level_R == level], atol=1e-5)


@given(
    top=st.floats(-3, 300), left=st.floats(-3, 300), high=st.floats(0, 320), wide=st.floats(0, 320),
    held=st.tuples(st.integers(1, 320), st.integers(1, 320)),
)  # fmt: skip
def test_regions_with_as_many_samples_as_pixels_are_pooled_as_torchvision_does(
    top: float, left: float, high: float, wide: float, held: tuple[int, int]
) -> None:
    pool = AlignedRoIAlign((4, 8, 16), 7)
    canvas = Canvas(320, 32)
    canvas.hold(*(torch.tensor(float(length)) for length in held))
    boxes_R4 = torch.tensor([[left, top, min(left + wide, 320.0), min(top + high, 320.0)]])
    boxes_R4[:, 2:] = torch.maximum(boxes_R4[:, 2:], boxes_R4[:, :2])
    generator = torch.Generator().manual_seed(4)
    maps = [torch.rand(1, 2, 320 // stride, 320 // stride, generator=generator) for stride in (4, 8, 16)]
    own = [canvas.region(each.shape[-1]) for each in maps]
    cut = [each[..., : int(region.rows), : int(region.columns)] for each, region in zip(maps, own, strict=True)]
    found_RCPP = roi_align(pooling_of(pool), maps, canvas, boxes_R4)
    wanted_RCPP = pool({str(number): each for number, each in enumerate(cut)}, [boxes_R4], [(320, 320)])
    count_R = torch.ceil(
        (boxes_R4[:, 2:] - boxes_R4[:, :2]) / torch.tensor([4.0, 8, 16])[pool.map_levels([boxes_R4])] / 7
    )
    assert int(count_R.clamp(min=1).prod()) <= most_samples(pooling_of(pool), 320)
    assert torch.allclose(found_RCPP, wanted_RCPP, atol=1e-4)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[4], KINDS[5]], ids=lambda kind: kind[3])
def test_a_second_stage_of_fixed_sizes_places_sides_where_its_network_places_them(
    kind: tuple[str, str, str, str],
) -> None:
    target = with_second_stage(*kind)
    run = statically(target)
    for picture_CHW in pictures():
        eager, static = target.run_eager(picture_CHW), run(picture_CHW)
        assert list(static) == [tensor.name for tensor in target.signature.outputs]
        assert eager["corners"].shape == (4, 4, 2)
        assert np.allclose(eager["corners"], static["corners"], atol=0.01)
        assert np.allclose(eager["line_confidence"], static["line_confidence"], atol=0.01)


def test_the_default_order_of_borders_becomes_a_program_that_torch_runs_alone(tmp_path: Path) -> None:
    target = with_second_stage(*KINDS[0])
    # Above what it sees in black: where nothing is found there are no rows, and no sides to look along.
    target.graph.get_submodule("detector.roi_heads").score_thresh = 0.99997  # type: ignore[assignment]
    black_CHW = np.zeros((3, 30, 44), np.float32)
    shown = dict(zip(("wide", "square", "black"), [*pictures()[1:], black_CHW], strict=True))
    np.savez(tmp_path / "shown.npz", **shown)
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1, output_folder=str(tmp_path), provenance={}
    )
    FORMATS["torch_export"].make(conversion_context(target, pictures()[1:], task).source, tmp_path / "model.pt2")
    argv = [sys.executable, "-c", ALONE, str(tmp_path / "model.pt2"), str(tmp_path / "shown.npz")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    pairs, names = [], [tensor.name for tensor in target.signature.outputs]
    for name, picture_CHW in shown.items():
        with np.load(tmp_path / f"shown.npz.{name}.npz") as outputs:
            said = dict(zip(names, outputs.values(), strict=True))
        pairs.append((target.run_eager(picture_CHW), said))
    assert [len(eager["boxes"]) > 1 for eager, _ in pairs] == [True, True, False]
    assert len(pairs[-1][1]["boxes"]) == 0
    verdict = target.check_parity(pairs)
    assert verdict.passed
    assert verdict.max_abs_difference["boxes"] < 0.01
    assert all(np.allclose(eager["corners"], said["corners"], atol=0.01) for eager, said in pairs)


def test_the_matrix_says_which_detectors_have_fixed_sizes() -> None:
    assert all(why_not(NETWORKS[base], "torch_export") == "" for *_, base in KINDS)
    assert all(why_not(NETWORKS[base], "mobile") == "" for *_, base in KINDS)
    assert "INT8" in why_not(NETWORKS["detectron2_mask_rcnn_r18_fpn"], "quantized")


def test_a_checkpoint_whose_head_is_in_the_way_of_a_format_is_refused_naming_head_and_what_is_accepted() -> None:
    named = ("border_detection", "dual_class", "mask_rcnn")
    for name in ("onnx", "torch_export", "tensorrt"):
        refuse_hindered(resolve(*named), name)
    accepted = "accepted: onnx, tensorrt, torch_export, or a run of .*head_customization=standard"
    said = rf"'mobile'.*'phoenix_specialized'.*{accepted}$"
    with pytest.raises(ExportRefused, match=said) as refused:
        refuse_hindered(resolve(*named), "mobile")
    assert refused.value.code == "unsupported_format"
    standard = {"architecture_config": {"custom_modifications": {"head_customization": "standard"}}}
    refuse_hindered(resolve(*named, standard), "mobile")


@pytest.mark.parametrize("name", ["quantized", "torch_export"])
def test_a_checkpoint_of_windows_is_refused_for_formats_that_they_are_in_the_way_of(name: str) -> None:
    named = ("corner_analysis", "damage_detection", "u_net")
    with pytest.raises(
        ExportRefused, match=rf"'{name}'.*sampling 'windows'.*accepted: onnx, or a run of sampling=whole$"
    ):
        refuse_hindered(resolve(*named, {"sampling": "windows"}), name)
    refuse_hindered(resolve(*named, {"sampling": "whole"}), name)
