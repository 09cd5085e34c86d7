"""Pixels change as torchvision changes them, where it does the same.

Legend: C channels, H, W sides.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from truscore.augmentation import GREY, Change, Sample, apply
from truscore.augmentation.colours import LUMINANCE, recoloured

COLOURS = (
    (v2.functional.adjust_brightness, 0.8, Change(brightness=0.8)),
    (v2.functional.adjust_brightness, 1.25, Change(brightness=1.25)),
    (v2.functional.adjust_contrast, 0.8, Change(contrast=0.8)),
    (v2.functional.adjust_contrast, 1.25, Change(contrast=1.25)),
    (v2.functional.adjust_saturation, 0.8, Change(saturation=0.8)),
    (v2.functional.adjust_saturation, 1.25, Change(saturation=1.25)),
)


@pytest.fixture
def image_CHW() -> Tensor:
    """Mid tones, that nothing here drives out of 0 to 255."""
    return torch.rand(3, 30, 41, generator=torch.Generator().manual_seed(3)) * 110 + 70


def changed(change: Change, image_CHW: Tensor) -> Tensor:
    return apply(change, Sample(image_CHW=image_CHW.round().to(torch.uint8))).image_CHW


@pytest.mark.parametrize(("adjust", "factor", "change"), COLOURS)
def test_one_map_of_colours_gives_what_torchvision_gives_one_by_one(
    adjust: Callable[[Tensor, float], Tensor], factor: float, change: Change, image_CHW: Tensor
) -> None:
    assert torch.allclose(recoloured(change, image_CHW), adjust(image_CHW / 255, factor) * 255, atol=1e-3)


def test_all_at_once_is_one_after_another(image_CHW: Tensor) -> None:
    expected_CHW = image_CHW
    for step in (Change(brightness=0.9), Change(contrast=1.2), Change(saturation=0.7), Change(hue=0.05)):
        expected_CHW = recoloured(step, expected_CHW)
    at_once = Change(brightness=0.9, contrast=1.2, saturation=0.7, hue=0.05)
    assert torch.allclose(recoloured(at_once, image_CHW), expected_CHW, atol=1e-2)


@pytest.mark.parametrize("hue", [-0.03, 0.03, 0.25])
def test_another_hue_leaves_greys_and_luminance_alone(hue: float, image_CHW: Tensor) -> None:
    turned_CHW = recoloured(Change(hue=hue), image_CHW)
    weights_C = torch.tensor(LUMINANCE)
    before_HW, after_HW = (torch.einsum("c,chw->hw", weights_C, each) for each in (image_CHW, turned_CHW))
    assert torch.allclose(before_HW, after_HW, atol=0.2)
    grey_CHW = image_CHW[:1].expand(3, -1, -1)
    assert torch.allclose(recoloured(Change(hue=hue), grey_CHW), grey_CHW, atol=0.1)
    assert (turned_CHW - image_CHW).abs().mean() > 1


def test_hue_turns_from_red_towards_yellow() -> None:
    red_CHW = torch.tensor([200.0, 40.0, 40.0]).view(3, 1, 1)
    red, green, blue = recoloured(Change(hue=0.05), red_CHW).flatten().tolist()
    assert red > green > blue


@pytest.mark.parametrize("angle_deg", [0.0, -17.0, 90.0])
def test_pixels_move_as_torchvision_moves_them(angle_deg: float, image_CHW: Tensor) -> None:
    change = Change(angle_deg=angle_deg, scale=1.2, shift_px=(3.5, -2.25))
    expected_CHW = GREY + v2.functional.affine(
        image_CHW.round() - GREY, angle=angle_deg, translate=[3.5, -2.25], scale=1.2, shear=[0.0, 0.0],
        interpolation=v2.InterpolationMode.BILINEAR,
    )  # fmt: skip
    difference_CHW = changed(change, image_CHW).float() - expected_CHW
    assert difference_CHW.abs().max() <= 0.51
