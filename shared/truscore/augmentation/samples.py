"""An image and all that moves with it.

Legend: C channels, H, W sides, N instances, P points of their outlines.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

IGNORED = 255  # in a dense label map: pixels that are neither trained on nor evaluated
LEAST_SIDE_PX = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """An image (uint8 CHW) and its labels; all but the image may be left out.

    ``outline_P2`` are the points that bound each instance, ``owner_P`` says whose they are: a turned box is found from
    them exactly, where turning the box itself would make it too large. ``targets`` are of the image as a whole.
    """

    image_CHW: Tensor
    boxes_N4: Tensor = field(default_factory=partial(torch.zeros, 0, 4))  # xyxy, pixels
    labels_N: Tensor = field(default_factory=partial(torch.zeros, 0, dtype=torch.int64))  # from 1
    masks_NHW: Tensor | None = None  # uint8, 0 and 1
    outline_P2: Tensor = field(default_factory=partial(torch.zeros, 0, 2))  # x, y, pixels
    owner_P: Tensor = field(default_factory=partial(torch.zeros, 0, dtype=torch.int64))
    labels_HW: Tensor | None = None  # int64, a class for each pixel, or IGNORED
    targets: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def masks(self) -> Tensor:
        """The masks of a sample that has some."""
        if self.masks_NHW is None:
            raise ValueError("the sample has no masks: it was made without masks_NHW")
        return self.masks_NHW

    def only(self, keep_N: Tensor) -> "Sample":
        """The instances that are marked."""
        if keep_N.all():
            return self
        keep_P = keep_N[self.owner_P]
        places_N = torch.cumsum(keep_N, dim=0) - 1
        return replace(
            self,
            boxes_N4=self.boxes_N4[keep_N],
            labels_N=self.labels_N[keep_N],
            masks_NHW=None if self.masks_NHW is None else self.masks_NHW[keep_N],
            outline_P2=self.outline_P2[keep_P],
            owner_P=places_N[self.owner_P[keep_P]],
        )

    def visible(self) -> "Sample":
        """The instances that have an extent and, where there are masks, a pixel at this size."""
        sides_N2 = self.boxes_N4[:, 2:] - self.boxes_N4[:, :2]
        seen_N = (sides_N2 >= LEAST_SIDE_PX).all(dim=1)
        if self.masks_NHW is not None:
            seen_N &= (self.masks_NHW > 0).flatten(1).any(dim=1)
        return self.only(seen_N)


def corners_of(boxes_N4: Tensor) -> tuple[Tensor, Tensor]:
    """Outline points (4N x 2) and their owners (4N), for boxes that nothing finer is known of."""
    corners_P2 = boxes_N4[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    return corners_P2, torch.arange(len(boxes_N4)).repeat_interleave(4)


def seen_boxes(boxes_N4: Tensor, masks_NHW: Tensor) -> Tensor:
    """[N, 4] boxes of instances that are cut off: what made them wide may no longer be seen. The mask knows it to a
    pixel, so that sides within a pixel of it stay."""
    seen_N4 = torch.stack([_extent(mask_HW, box_4) for mask_HW, box_4 in zip(masks_NHW > 0, boxes_N4, strict=True)])
    inwards_4 = boxes_N4.new_tensor([1, 1, -1, -1])
    return torch.where((seen_N4 - boxes_N4) * inwards_4 > 1, seen_N4, boxes_N4)


def _extent(mask_HW: Tensor, box_4: Tensor) -> Tensor:
    columns, rows = mask_HW.any(dim=0).nonzero(), mask_HW.any(dim=1).nonzero()
    if not len(rows):
        return box_4
    return box_4.new_tensor([columns[0].item(), rows[0].item(), columns[-1].item() + 1, rows[-1].item() + 1])
