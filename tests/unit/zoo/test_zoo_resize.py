"""The detector's own resizing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from truscore.zoo.resize import AntialiasedTransform, doubled, network_size, resize_antialiased


@pytest.mark.parametrize("size", [(10, 7), (64, 64), (100, 37), (33, 120)])
def test_it_equals_torchs_antialiased_resizing(size: tuple[int, int]) -> None:
    image_CHW = torch.rand(3, 61, 47, generator=torch.Generator().manual_seed(0))
    expected = nn.functional.interpolate(image_CHW[None], size=size, mode="bilinear", antialias=True)[0]
    torch.testing.assert_close(resize_antialiased(image_CHW, *size), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 7, 5), (1, 2, 1, 1), (4, 2, 1)])
def test_doubling_equals_resizing_to_twice_the_size_and_so_does_its_gradient(shape: tuple[int, ...]) -> None:
    map_Chw = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    weight_CHW = torch.rand(*shape[:-2], 2 * shape[-2], 2 * shape[-1], dtype=torch.float64)
    found, expected = doubled(map_Chw), resize_antialiased(map_Chw, *weight_CHW.shape[-2:])
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad((one * weight_CHW).sum(), map_Chw)[0] for one in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_a_thin_line_of_a_large_scan_survives() -> None:
    scan_CHW = torch.zeros(1, 1400, 1400)
    scan_CHW[:, :, 701:704] = 1.0
    plain = nn.functional.interpolate(scan_CHW[None], size=(100, 100), mode="bilinear")[0]
    assert plain.max() == 0
    assert resize_antialiased(scan_CHW, 100, 100).max() > 0.1


@settings(max_examples=100, deadline=None)
@given(height=st.integers(1, 5000), width=st.integers(1, 5000), image_size=st.integers(32, 1024))
def test_the_longer_side_is_the_image_size_and_the_shape_stays(height: int, width: int, image_size: int) -> None:
    new = network_size(height, width, image_size=image_size)
    assert max(new) == image_size
    scale = image_size / max(height, width)
    assert abs(min(new) - min(height, width) * scale) <= 1.0


def test_targets_move_with_their_image() -> None:
    transform = AntialiasedTransform(50, 50, [0.0] * 3, [1.0] * 3)
    masks = torch.zeros(1, 100, 60, dtype=torch.uint8)
    masks[:, 20:80, 10:40] = 1
    target = {"boxes": torch.tensor([[10.0, 20.0, 40.0, 80.0]]), "labels": torch.tensor([1]), "masks": masks}
    image_CHW, resized = transform.resize(torch.rand(3, 100, 60), target)
    assert image_CHW.shape == (3, 50, 30)
    assert resized is not None
    assert resized["boxes"].tolist() == [[5.0, 10.0, 20.0, 40.0]]
    assert resized["masks"].shape == (1, 50, 30)
    assert resized["masks"].sum() == 30 * 15


def test_an_image_of_the_right_size_is_not_touched() -> None:
    image_CHW = torch.rand(3, 40, 64)
    same, _ = AntialiasedTransform(64, 64, [0.0] * 3, [1.0] * 3).resize(image_CHW)
    assert same is image_CHW
