"""Published weights of detectors under foreign names."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.detection.detectron2_weights import renamed
from truscore.zoo.pretrained import UnusableWeights, load_pretrained

NANODET = sorted(Path("../shared/data/weights").glob("nanodet_*.pth"))
SMALL = "detectron2_mask_rcnn_r18_fpn"


def detectron2(base: str, seed: int = 0, classes: int = 3) -> nn.Module:
    custom = {"head_customization": "standard"}
    architecture = {"base_architecture": base, "pretrained_weights": "theirs/model.pkl", "custom_modifications": custom}
    overrides = {"architecture_config": architecture}
    torch.manual_seed(seed)
    return build_model(resolve("border_detection", "dual_class", "detectron2", overrides), classes)


def r50_fpn_names() -> Iterator[str]:
    """Names of a checkpoint of ``mask_rcnn_R_50_FPN``, as Detectron2 writes them."""

    def convolution(name: str) -> Iterator[str]:
        yield f"{name}.weight"
        yield from (f"{name}.norm.{part}" for part in ("weight", "bias", "running_mean", "running_var"))

    yield from convolution("backbone.bottom_up.stem.conv1")
    for stage, blocks in zip(range(2, 6), (3, 4, 6, 3), strict=True):
        for block in range(blocks):
            for part in (*(("shortcut",) if block == 0 else ()), "conv1", "conv2", "conv3"):
                yield from convolution(f"backbone.bottom_up.res{stage}.{block}.{part}")
    parts = [f"backbone.fpn_{kind}{level}" for kind in ("lateral", "output") for level in range(2, 6)]
    parts += [f"proposal_generator.rpn_head.{part}" for part in ("conv", "objectness_logits", "anchor_deltas")]
    parts += [f"roi_heads.{part}" for part in ("box_head.fc1", "box_head.fc2")]
    parts += [f"roi_heads.box_predictor.{part}" for part in ("cls_score", "bbox_pred")]
    parts += [f"roi_heads.mask_head.{part}" for part in (*(f"mask_fcn{n}" for n in range(1, 5)), "deconv", "predictor")]
    yield from (f"{part}.{kind}" for part in parts for kind in ("weight", "bias"))


def theirs_of(model: nn.Module) -> dict[str, Tensor]:
    """The network's tensors as Detectron2 would have written them: its names, the background last or not at all."""
    own = model.state_dict()
    theirs = {name: own[renamed(name)].clone() for name in r50_fpn_names() if renamed(name) in own}
    for kind in ("weight", "bias"):
        score = theirs[f"roi_heads.box_predictor.cls_score.{kind}"]
        theirs[f"roi_heads.box_predictor.cls_score.{kind}"] = torch.cat([score[1:], score[:1]])
        theirs[f"roi_heads.box_predictor.bbox_pred.{kind}"] = theirs[f"roi_heads.box_predictor.bbox_pred.{kind}"][4:]
        theirs[f"roi_heads.mask_head.predictor.{kind}"] = theirs[f"roi_heads.mask_head.predictor.{kind}"][1:]
    return theirs


def test_every_tensor_of_detectron2s_r50_fpn_has_its_place() -> None:
    own = detectron2("detectron2_mask_rcnn_r50_fpn").state_dict()
    assert sorted(renamed(name) for name in r50_fpn_names()) == sorted(own)
    # One of each kind, written out.
    assert renamed("backbone.bottom_up.res4.5.conv3.norm.running_var") == "backbone.body.layer3.5.bn3.running_var"
    assert renamed("backbone.bottom_up.res2.0.shortcut.norm.bias") == "backbone.body.layer1.0.downsample.1.bias"
    assert renamed("backbone.fpn_lateral5.weight") == "backbone.fpn.inner_blocks.3.0.weight"
    assert renamed("proposal_generator.rpn_head.anchor_deltas.bias") == "rpn.head.bbox_pred.bias"
    assert renamed("roi_heads.mask_head.mask_fcn4.bias") == "roi_heads.mask_head.3.0.bias"
    assert renamed("pixel_mean") == "pixel_mean"


@pytest.mark.parametrize("kind", ["pth", "pkl"])
def test_a_checkpoint_of_detectron2_fills_the_network_and_the_background_comes_first(tmp_path: Path, kind: str) -> None:
    source, path = detectron2(SMALL), tmp_path / f"model_final.{kind}"
    theirs = theirs_of(source)
    if kind == "pth":
        torch.save({"model": theirs, "iteration": 90_000}, path)
    else:
        arrays = {name: value.numpy() for name, value in theirs.items()}
        path.write_bytes(pickle.dumps({"model": arrays, "__author__": "Detectron2 Model Zoo"}, protocol=2))
    model = detectron2(SMALL, seed=9)
    loaded = load_pretrained(model, path)
    assert loaded.matched == loaded.total
    own, expected = model.state_dict(), source.state_dict()
    # Of the background's boxes and masks nothing was published.
    unread = {"roi_heads.box_predictor.bbox_pred": 4, "roi_heads.mask_predictor.mask_fcn_logits": 1}
    for name, value in expected.items():
        skip = unread.get(name.rpartition(".")[0], 0)
        assert torch.equal(own[name][skip:] if skip else own[name], value[skip:] if skip else value), name


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("content", ["code", "code among arrays", "a cut file", "numbers"])
def test_a_pickle_of_anything_but_arrays_is_refused_and_not_run(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pkl"
    whole = pickle.dumps({"model": {"a": np.zeros(3)}})
    path.write_bytes(
        {
            "code": pickle.dumps(Evil()),
            "code among arrays": pickle.dumps({"model": {"a": np.zeros(3), "b": Evil()}}),
            "a cut file": whole[: len(whole) // 2],
            "numbers": pickle.dumps([1, 2]),
        }[content]
    )
    with pytest.raises(UnusableWeights, match=r"model\.pkl"):
        load_pretrained(detectron2(SMALL), path)
    assert not (tmp_path / "executed").exists()


def test_a_body_of_torchvision_says_the_same_when_it_is_fed_as_detectron2_feeds_it(tmp_path: Path) -> None:
    stem = torch.randn(64, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    model = detectron2(SMALL)
    own = model.state_dict()
    start = "backbone.body."
    body = {name.removeprefix(start): value for name, value in own.items() if name.startswith(start)}
    torch.save(body | {"conv1.weight": stem}, tmp_path / "resnet18.pth")
    load_pretrained(model, tmp_path / "resnet18.pth")
    image_CHW = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))
    mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = nn.functional.conv2d(((image_CHW - mean) / deviation)[None], stem)
    ours = nn.functional.conv2d(model.transform.normalize(image_CHW)[None], model.backbone.body["conv1"].weight)
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)


def test_weights_of_torchvisions_older_retinanet_are_found(tmp_path: Path) -> None:
    overrides = {"architecture_config": {"base_architecture": "retinanet_resnet50_fpn", "pretrained_weights": "coco"}}
    model = build_model(resolve("border_detection", "single_class", "retinanet", overrides), 91)
    old = {_older(name): value for name, value in model.state_dict().items()}
    assert {"head.classification_head.conv.6.weight", "backbone.fpn.inner_blocks.0.bias"} < set(old)
    torch.save(old, tmp_path / "coco.pth")
    loaded = load_pretrained(model, tmp_path / "coco.pth")
    assert loaded.matched == loaded.total


def _older(name: str) -> str:
    parts = name.split(".")
    if name.startswith("head.") and parts[2] == "conv":
        return ".".join([*parts[:3], str(2 * int(parts[3])), parts[5]])
    if name.startswith("backbone.fpn.") and "_blocks." in name and not parts[3].startswith("p"):
        return ".".join([*parts[:4], parts[5]])
    return name


@pytest.mark.skipif(not NANODET, reason="needs ../shared/data/weights")
@pytest.mark.parametrize("path", NANODET, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("row", "base"),
    [
        (("border_detection", "single_class", "yolo"), "yolox_shufflenet_v2_x1_0_pan"),
        (("border_detection", "dual_class", "mask_rcnn"), "mask_rcnn_shufflenet_v2_fpn"),
        (("surface_analysis", "defect_detection", "fpn"), "mask_rcnn_shufflenet_v2_fine_fpn"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_body_of_a_real_nanodet_is_found_whole_with_its_colours_turned(
    row: tuple[str, str, str], base: str, path: Path
) -> None:
    overrides = {"architecture_config": {"base_architecture": base, "pretrained_weights": "nanodet/coco.pth"}}
    model = build_model(resolve(*row, overrides), 1)
    loaded = load_pretrained(model, path)
    assert loaded.matched == sum(name.startswith("backbone.body.") for name in model.state_dict())
    theirs = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]["backbone.conv1.0.weight"]
    assert torch.equal(model.state_dict()["backbone.body.conv1.0.weight"], theirs.flip(1))
