"""Packaged ImageNet weights: the right file, in the right places of each network that takes it; real photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from truscore.catalog.networks import NETWORKS
from truscore.catalog.packaged_weights import at_hand, installed_file, packaged
from truscore.catalog.table import ROWS
from truscore.files import sha256_of
from truscore.recipes import Recipe, resolve
from truscore.zoo import build_model
from truscore.zoo.pretrained import UnusableWeights, load_pretrained

BASE = "efficientnet_lite0"
DATA = Path("../shared/data")
# Of ImageNet's 1000 classes, counted from 0.
PHOTOGRAPHS = {
    "fruitsnuts_coco/data/images/0.jpg": (952, "fig"),
    "labelme_examples/bbox_detection/data_annotated/2011_000025.jpg": (779, "school bus"),
    "labelme_examples/classification/data_annotated/0001.jpg": (281, "tabby cat"),
}
PACKAGED = [
    (row, base) for row in ROWS for base in row.bases if any(weights.package for weights in NETWORKS[base].weights)
]
installed = pytest.mark.skipif(not at_hand(BASE, "imagenet"), reason="needs the extra `weights`")


def file() -> Path:
    named = packaged(BASE, "imagenet")
    assert named is not None
    found = installed_file(named)
    assert found is not None
    return found


def recipe_of(row: tuple[str, str, str], base: str) -> Recipe:
    return resolve(*row, {"architecture_config": {"base_architecture": base, "pretrained_weights": "imagenet"}})


def seen(photograph: Path) -> Tensor:
    """[1, 3, 224, 224], 0 to 1: the middle square, as the weights were evaluated."""
    image = ImageOps.fit(Image.open(photograph).convert("RGB"), (224, 224))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255


def test_packaged_weights_have_a_whole_digest_a_licence_and_a_library_as_the_last_resort() -> None:
    assert PACKAGED
    for network in NETWORKS.values():
        for weights in network.weights:
            if weights.package:
                assert len(bytes.fromhex(weights.package.sha256)) == 32
                assert weights.licence
                assert weights.timm or weights.torchvision


@installed
def test_the_file_of_the_installed_package_is_the_one_the_catalog_names() -> None:
    named = packaged(BASE, "imagenet")
    assert named is not None
    assert sha256_of(file()) == named.sha256


@installed
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_real_photographs_are_named_by_their_class(photograph: str) -> None:
    grader = build_model(recipe_of(("surface_analysis", "quality_rating", "efficientnet"), BASE), 2).eval()
    load_pretrained(grader, file())
    published = torch.load(file(), weights_only=True)
    with torch.no_grad():
        pooled_BC = grader.backbone(grader.normalised(seen(DATA / photograph))).mean(dim=(2, 3))
        logits_BK = pooled_BC @ published["_fc.weight"].T + published["_fc.bias"]
    expected, name = PHOTOGRAPHS[photograph]
    assert int(logits_BK.argmax()) == expected, name
    assert float(logits_BK.softmax(dim=1)[0, expected]) > 0.4


@installed
def test_its_maps_are_those_of_timms_network_with_the_same_tensors_in_the_same_order() -> None:
    from timm import create_model

    theirs = create_model("tf_efficientnet_lite0").eval()
    names = list(theirs.state_dict())
    theirs.load_state_dict(dict(zip(names, torch.load(file(), weights_only=True).values(), strict=True)))
    ours = build_model(recipe_of(("surface_analysis", "quality_rating", "efficientnet"), BASE), 2).eval()
    load_pretrained(ours, file())
    image_BCHW = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = theirs.forward_features((image_BCHW * 255 - 127) / 128)
        torch.testing.assert_close(ours.backbone(ours.normalised(image_BCHW)), expected, atol=1e-4, rtol=1e-4)


@installed
@pytest.mark.parametrize(("row", "base"), PACKAGED, ids=lambda value: value if isinstance(value, str) else "")
def test_every_network_that_is_said_to_take_it_takes_all_of_its_body_from_it(row: object, base: str) -> None:
    network = build_model(recipe_of((row.category, row.option, row.architecture), base), 2)  # type: ignore[attr-defined]
    before = {name: value.clone() for name, value in network.state_dict().items() if name.startswith("backbone.body.")}
    loaded = load_pretrained(network, file())
    assert loaded.matched == len(before)
    after = network.state_dict()
    assert sum(torch.equal(after[name], value) for name, value in before.items()) == 0


@installed
def test_the_last_maps_are_half_of_the_sides_rounded_up_at_every_stride() -> None:
    grader = build_model(recipe_of(("surface_analysis", "quality_rating", "efficientnet"), BASE), 2).eval()
    with torch.no_grad():
        for side, expected in ((64, 2), (96, 3), (100, 4), (150, 5)):
            assert grader.backbone(torch.zeros(1, 3, side, side)).shape[-1] == expected


@installed
def test_tensors_in_another_order_are_refused_by_name_and_shape(tmp_path: Path) -> None:
    published = torch.load(file(), weights_only=True)
    names = list(published)
    first, second = names.index("_blocks.1._expand_conv.weight"), names.index("_blocks.1._depthwise_conv.weight")
    names[first], names[second] = names[second], names[first]
    torch.save({name: published[name] for name in names}, tmp_path / "shuffled.pth")
    grader = build_model(recipe_of(("surface_analysis", "quality_rating", "efficientnet"), BASE), 2)
    with pytest.raises(
        UnusableWeights, match=r"shuffled\.pth: its tensor _blocks\.1\._depthwise_conv\.weight is \[96, 1, 3, 3\]"
    ):
        load_pretrained(grader, tmp_path / "shuffled.pth")


def test_norms_keep_the_epsilon_that_their_statistics_were_published_with() -> None:
    for row, base in PACKAGED:
        network: nn.Module = build_model(recipe_of((row.category, row.option, row.architecture), base), 2)
        norms = [module for module in network.backbone.body.modules() if hasattr(module, "running_var")]
        assert {norm.eps for norm in norms} == {1e-3}, base
