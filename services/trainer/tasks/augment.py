"""What training images are put through. Random, and a pure function of (seed, epoch, image): workers, restarts and the
number of processes change nothing.

Legend: C channels, H, W sides, N instances, P points of their outlines.
"""

import hashlib
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torchvision.transforms import v2

GREY = 114

LEAST_SIDE_PX = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """An image (uint8 CHW) and its instances. ``outline_P2`` are the points that bound each instance, ``owner_P`` says
    whose they are: a turned box is found from them exactly, where turning the box itself would make it too large."""

    image_CHW: Tensor
    boxes_N4: Tensor  # xyxy, pixels
    labels_N: Tensor  # from 1
    masks_NHW: Tensor  # uint8, 0 and 1
    outline_P2: Tensor  # x, y, pixels
    owner_P: Tensor

    def only(self, keep_N: Tensor) -> "Sample":
        """The instances that are marked."""
        keep_P = keep_N[self.owner_P]
        places_N = torch.cumsum(keep_N, dim=0) - 1
        return replace(
            self,
            boxes_N4=self.boxes_N4[keep_N],
            labels_N=self.labels_N[keep_N],
            masks_NHW=self.masks_NHW[keep_N],
            outline_P2=self.outline_P2[keep_P],
            owner_P=places_N[self.owner_P[keep_P]],
        )

    def visible(self) -> "Sample":
        """The instances that have an extent and a pixel at this size."""
        sides_N2 = self.boxes_N4[:, 2:] - self.boxes_N4[:, :2]
        return self.only((sides_N2 >= LEAST_SIDE_PX).all(dim=1) & (self.masks_NHW > 0).flatten(1).any(dim=1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is done to one image: flipped, then turned clockwise about its centre, scaled and shifted; then lit anew."""

    flip: bool
    angle_deg: float
    scale: float
    shift_px: tuple[float, float]  # right, down
    brightness: float
    contrast: float
    saturation: float
    hue: float


def augment(sample: Sample, *, seed: int, epoch: int, index: int) -> Sample:
    """The sample as this epoch sees it; instances that leave the image are dropped."""
    height, width = sample.image_CHW.shape[-2:]
    return apply(drawn(mixed(seed, epoch, index), height=height, width=width), sample)


def drawn(seed: int, *, height: int, width: int) -> Change:
    """The change that belongs to a seed."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(9, generator=generator, dtype=torch.float64).tolist()

    def between(number: int, low: float, high: float) -> float:
        return low + (high - low) * float(share[number])

    return Change(
        flip=share[0] < 0.5,
        angle_deg=between(1, -5.0, 5.0),
        scale=between(2, 0.9, 1.1),
        shift_px=(between(3, -0.05, 0.05) * width, between(4, -0.05, 0.05) * height),
        brightness=between(5, 0.7, 1.3),
        contrast=between(6, 0.7, 1.3),
        saturation=between(7, 0.7, 1.3),
        hue=between(8, -0.03, 0.03),
    )


def apply(change: Change, sample: Sample) -> Sample:
    """Pixels, masks and outlines moved together; boxes found anew around the outlines."""
    moved = replace(
        sample,
        image_CHW=_lit(change, _moved(change, sample.image_CHW, v2.InterpolationMode.BILINEAR, fill=GREY)),
        masks_NHW=_moved(change, sample.masks_NHW, v2.InterpolationMode.NEAREST, fill=0),
        outline_P2=_moved_points(change, sample),
    )
    return replace(moved, boxes_N4=_boxes_around(moved)).visible()


def mixed(*numbers: int) -> int:
    """One 63-bit seed from several numbers; close numbers give unrelated seeds."""
    digest = hashlib.sha256(",".join(map(str, numbers)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def _moved(change: Change, pixels: Tensor, interpolation: v2.InterpolationMode, *, fill: int) -> Tensor:
    if not len(pixels):
        return pixels
    flipped = v2.functional.horizontal_flip(pixels) if change.flip else pixels
    moved: Tensor = v2.functional.affine(
        flipped,
        angle=change.angle_deg,
        translate=list(change.shift_px),
        scale=change.scale,
        shear=[0.0, 0.0],
        interpolation=interpolation,
        fill=[float(fill)] * len(pixels),
    )
    return moved


def _moved_points(change: Change, sample: Sample) -> Tensor:
    height, width = sample.image_CHW.shape[-2:]
    points_P2 = sample.outline_P2
    if change.flip:
        points_P2 = torch.stack([width - points_P2[:, 0], points_P2[:, 1]], dim=1)
    angle = math.radians(change.angle_deg)
    turn_22 = points_P2.new_tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre_2 = points_P2.new_tensor([width / 2, height / 2])
    return change.scale * (points_P2 - centre_2) @ turn_22.T + centre_2 + points_P2.new_tensor(change.shift_px)


def _lit(change: Change, image_CHW: Tensor) -> Tensor:
    lit = v2.functional.adjust_brightness(image_CHW, change.brightness)
    lit = v2.functional.adjust_contrast(lit, change.contrast)
    lit = v2.functional.adjust_saturation(lit, change.saturation)
    hued: Tensor = v2.functional.adjust_hue(lit, change.hue)
    return hued


def _boxes_around(sample: Sample) -> Tensor:
    height, width = sample.image_CHW.shape[-2:]
    owner_P2 = sample.owner_P[:, None].expand(-1, 2)
    points_P2 = sample.outline_P2
    start_N2 = points_P2.new_zeros((len(sample.labels_N), 2))
    low_N2 = start_N2.scatter_reduce(0, owner_P2, points_P2, "amin", include_self=False)
    high_N2 = start_N2.scatter_reduce(0, owner_P2, points_P2, "amax", include_self=False)
    limit_4 = points_P2.new_tensor([width, height, width, height])
    return torch.minimum(torch.cat([low_N2, high_N2], dim=1).clamp(min=0), limit_4)
