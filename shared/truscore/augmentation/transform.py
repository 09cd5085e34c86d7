"""A change applied: pixels, masks, dense labels and outlines moved together, boxes found anew.

Legend: C channels, H, W sides, N instances, P points of their outlines.
"""

import math
from dataclasses import replace
from io import BytesIO

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import v2

from truscore.augmentation.changes import Change, drawn
from truscore.augmentation.colours import recoloured, recolours
from truscore.augmentation.policy import Policy
from truscore.augmentation.samples import IGNORED, Sample, corners_of, seen_boxes
from truscore.augmentation.seeds import mixed

GREY = 114


def augment(sample: Sample, *, policy: Policy, seed: int, epoch: int, index: int) -> Sample:
    """The sample as this epoch sees it: a pure function of (seed, epoch, image). Instances that leave the image are
    dropped."""
    height, width = sample.image_CHW.shape[-2:]
    return apply(drawn(policy, mixed(seed, epoch, index), height=height, width=width), sample)


def apply(change: Change, sample: Sample) -> Sample:
    """The changed sample; what was beyond the image is grey, in no mask, and IGNORED in a dense label map."""
    if len(sample.labels_N) and not len(sample.owner_P):
        outline_P2, owner_P = corners_of(sample.boxes_N4)
        sample = replace(sample, outline_P2=outline_P2, owner_P=owner_P)
    grid_1HW2 = _grid(change, sample.image_CHW) if change.moves else None
    labels_HW = sample.labels_HW
    moved = replace(
        sample,
        image_CHW=_shown(change, _moved(change, sample.image_CHW, grid_1HW2, "bilinear", fill=GREY)),
        masks_NHW=None if sample.masks_NHW is None else _moved_labels(change, sample.masks_NHW, grid_1HW2, fill=0),
        outline_P2=_moved_points(change, sample),
        labels_HW=None if labels_HW is None else _moved_labels(change, labels_HW[None], grid_1HW2, fill=IGNORED)[0],
    )
    return replace(moved, boxes_N4=_boxes_around(moved)).visible()


def _grid(change: Change, image_CHW: Tensor) -> Tensor:
    """[1, H, W, 2] where each pixel of the changed image comes from, x and y from -1 to 1, for all that moves with it.
    Sums of a row and a column: ``affine_grid`` multiplies matrices for it, at ten times the cost."""
    height, width = image_CHW.shape[-2:]
    if change.quarter_turns % 2:
        height, width = width, height
    angle, (right, down) = math.radians(change.angle_deg), change.shift_px
    x_W = (torch.arange(width) + (0.5 - width / 2 - right)) / change.scale
    y_H1 = ((torch.arange(height) + (0.5 - height / 2 - down)) / change.scale)[:, None]
    grid_HW2 = torch.empty(height, width, 2)
    torch.add(x_W * (2 * math.cos(angle) / width), y_H1 * (2 * math.sin(angle) / width), out=grid_HW2[..., 0])
    torch.add(x_W * (-2 * math.sin(angle) / height), y_H1 * (2 * math.cos(angle) / height), out=grid_HW2[..., 1])
    return grid_HW2[None]


def _moved(change: Change, pixels: Tensor, grid_1HW2: Tensor | None, mode: str, *, fill: int) -> Tensor:
    """As it was where pixels stay whole, else float32."""
    flipped = v2.functional.horizontal_flip(pixels) if change.flip_horizontal else pixels
    flipped = v2.functional.vertical_flip(flipped) if change.flip_vertical else flipped
    turned = torch.rot90(flipped, -change.quarter_turns, (-2, -1)) if change.quarter_turns % 4 else flipped
    if grid_1HW2 is None or not len(turned):
        return turned.contiguous()
    # Counted from the fill, what lies beyond is zero: filled afterwards, the image would get a dark rim where both mix.
    from_fill = turned.to(torch.float32)
    moved = nn.functional.grid_sample(
        (from_fill - fill if fill else from_fill)[None], grid_1HW2, mode=mode, padding_mode="zeros", align_corners=False
    )[0]
    return moved.add_(fill) if fill else moved


def _moved_labels(change: Change, labels: Tensor, grid_1HW2: Tensor | None, *, fill: int) -> Tensor:
    return _moved(change, labels, grid_1HW2, "nearest", fill=fill).to(labels.dtype)


def _moved_points(change: Change, sample: Sample) -> Tensor:
    height, width = sample.image_CHW.shape[-2:]
    x_P, y_P = sample.outline_P2.unbind(dim=1)
    x_P = width - x_P if change.flip_horizontal else x_P
    y_P = height - y_P if change.flip_vertical else y_P
    for _ in range(change.quarter_turns % 4):
        x_P, y_P, height, width = height - y_P, x_P, width, height
    points_P2 = torch.stack([x_P, y_P], dim=1)
    if not change.moves:
        return points_P2
    angle = math.radians(change.angle_deg)
    turn_22 = points_P2.new_tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre_2 = points_P2.new_tensor([width / 2, height / 2])
    return change.scale * (points_P2 - centre_2) @ turn_22.T + centre_2 + points_P2.new_tensor(change.shift_px)


def _shown(change: Change, image_CHW: Tensor) -> Tensor:
    """Lit anew, out of focus, noisy, compressed: in the order in which that happens to a photograph. uint8, from levels
    in uint8 or float32, which are rounded once where nothing is out of focus."""
    shown = recoloured(change, image_CHW.to(torch.float32)) if recolours(change) else image_CHW
    if change.blur_px:
        side = 2 * min(math.ceil(3 * change.blur_px), min(shown.shape[-2:]) - 1) + 1
        shown = v2.functional.gaussian_blur(_levels(shown), [side, side], [change.blur_px, change.blur_px])
    if change.noise_levels:
        generator = torch.Generator().manual_seed(change.noise_seed)
        shown = shown.clamp(0, 255) + torch.randn(shown.shape, generator=generator) * change.noise_levels
    shown = _levels(shown)
    return shown if change.jpeg_quality is None else _compressed(shown, change.jpeg_quality)


def _levels(image_CHW: Tensor) -> Tensor:
    return image_CHW if image_CHW.dtype == torch.uint8 else image_CHW.round().clamp_(0, 255).to(torch.uint8)


def _compressed(image_CHW: Tensor, quality: int) -> Tensor:
    # By Pillow: torchvision is about to give up its own JPEG coder.
    packed = BytesIO()
    v2.functional.to_pil_image(image_CHW).save(packed, format="JPEG", quality=quality)
    unpacked: Tensor = v2.functional.pil_to_tensor(Image.open(packed))
    return unpacked


def _boxes_around(sample: Sample) -> Tensor:
    height, width = sample.image_CHW.shape[-2:]
    owner_P2 = sample.owner_P[:, None].expand(-1, 2)
    points_P2 = sample.outline_P2
    start_N2 = points_P2.new_zeros((len(sample.labels_N), 2))
    low_N2 = start_N2.scatter_reduce(0, owner_P2, points_P2, "amin", include_self=False)
    high_N2 = start_N2.scatter_reduce(0, owner_P2, points_P2, "amax", include_self=False)
    limit_4 = points_P2.new_tensor([width, height, width, height])
    outer_N4 = torch.cat([low_N2, high_N2], dim=1)
    boxes_N4 = torch.minimum(outer_N4.clamp(min=0), limit_4)
    cut_N = (outer_N4 != boxes_N4).any(dim=1)
    if sample.masks_NHW is not None and cut_N.any():
        boxes_N4[cut_N] = seen_boxes(boxes_N4[cut_N], sample.masks_NHW[cut_N])
    return boxes_N4
