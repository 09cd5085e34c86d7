"""Instances of one training image pasted onto another, as Ghiasi et al., "Simple Copy-Paste is a Strong Data
Augmentation Method for Instance Segmentation" (CVPR 2021): pixels as they are, without blending.

Legend: C channels, H, W sides, N instances.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from truscore.augmentation.changes import drawn
from truscore.augmentation.policy import Policy
from truscore.augmentation.samples import Sample, corners_of, seen_boxes
from truscore.augmentation.seeds import mixed
from truscore.augmentation.transform import apply
from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.index.records import KEY_POINTS

_PASTED = 1  # told apart, in a seed, from what the image itself is changed by
_NO_OUTLINE = ("", "point", KEY_POINTS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pasted:
    """What an epoch pastes onto an image: annotations of the record at ``place``, by their numbers, after a change that
    belongs to ``seed``."""

    place: int
    annotations: tuple[int, ...]
    seed: int


class CopyPaste:
    """Which instances of a split are pasted onto which image: a pure function of (seed, epoch, image)."""

    def __init__(self, records: Sequence[ImageRecord], *, policy: Policy, seed: int) -> None:
        """``records`` are the split's; of their instances those are pasted whose outline is known."""
        self._records, self._policy, self._seed = records, policy, seed
        self._places: dict[int, list[int]] = {}  # by label, of images that show it
        if policy.copy_paste:
            for place, record in enumerate(records):
                for label in sorted({one.label for one in record.annotations if can_be_pasted(one)}):
                    self._places.setdefault(label, []).append(place)

    def drawn(self, *, epoch: int, index: int) -> Pasted | None:
        """What is pasted onto the image at ``index``, if anything is."""
        seed = mixed(self._seed, epoch, index, _PASTED)
        draws = torch.Generator().manual_seed(seed)
        if not self._places or torch.rand(1, generator=draws).item() >= self._policy.copy_paste:
            return None
        # A class first: of classes that few images show, as many instances are pasted as of the others.
        place = _one_of(self._places[_one_of(sorted(self._places), draws)], draws)
        if place == index:
            return None  # each would stand there twice
        known = [number for number, one in enumerate(self._records[place].annotations) if can_be_pasted(one)]
        certain, halves = _one_of(known, draws), torch.rand(len(known), generator=draws) < 0.5
        some = tuple(number for number, half in zip(known, halves, strict=True) if half or number == certain)
        return Pasted(place=place, annotations=some, seed=seed)

    def onto(self, sample: Sample, *, epoch: int, index: int, load: Callable[[int], Sample]) -> Sample:
        """The augmented sample of an image with what is pasted onto it; ``load`` gives the image at a place of the
        records, with an instance for each of its annotations, at the size of this one."""
        if (pasted := self.drawn(epoch=epoch, index=index)) is None:
            return sample
        source = load(pasted.place)
        chosen_N = torch.zeros(len(source.labels_N), dtype=torch.bool)
        chosen_N[list(pasted.annotations)] = True
        height, width = source.image_CHW.shape[-2:]
        change = drawn(self._policy, pasted.seed, height=height, width=width)
        return paste(apply(change, source.only(chosen_N)), sample)


def can_be_pasted(annotation: Annotation) -> bool:
    """Whether more than a box is known of an instance: a box holds what is around it as well."""
    outlined = bool(annotation.polygons or annotation.rle) or annotation.shape not in _NO_OUTLINE
    return outlined and not annotation.crowd


def paste(source: Sample, onto: Sample) -> Sample:
    """The pixels of all instances of ``source`` laid over ``onto``, centre over centre. What they hide is cut out of
    the instances below; those that are hidden wholly are dropped, and so is what lies outside the image."""
    height, width = onto.image_CHW.shape[-2:]
    below, right = height - source.image_CHW.shape[-2], width - source.image_CHW.shape[-1]
    around = (right // 2, right - right // 2, below // 2, below - below // 2)  # negative: cut off
    masks_NHW, pasted_CHW = nn.functional.pad(source.masks, around), nn.functional.pad(source.image_CHW, around)
    hidden_HW = (masks_NHW > 0).any(dim=0)
    left_NHW = onto.masks * ~hidden_HW
    boxes_N4 = torch.cat(
        [
            _cut(onto.boxes_N4, onto.masks, left_NHW),
            _cut(source.boxes_N4, source.masks, masks_NHW, moved=(right // 2, below // 2)),
        ]
    )
    outline_P2, owner_P = corners_of(boxes_N4)
    return replace(
        onto,
        image_CHW=torch.where(hidden_HW, pasted_CHW, onto.image_CHW),
        masks_NHW=torch.cat([left_NHW, masks_NHW]),
        labels_N=torch.cat([onto.labels_N, source.labels_N]),
        boxes_N4=boxes_N4,
        outline_P2=outline_P2,
        owner_P=owner_P,
    ).visible()


def _cut(boxes_N4: Tensor, before_NHW: Tensor, left_NHW: Tensor, *, moved: tuple[int, int] = (0, 0)) -> Tensor:
    """Boxes of instances of which some are no longer seen as a whole; ``moved`` right and down."""
    height, width = left_NHW.shape[-2:]
    moved_N4 = boxes_N4 + boxes_N4.new_tensor(moved * 2)
    moved_N4 = torch.minimum(moved_N4.clamp(min=0), moved_N4.new_tensor([width, height, width, height]))
    cut_N = before_NHW.sum(dim=(1, 2)) != left_NHW.sum(dim=(1, 2))
    if cut_N.any():
        moved_N4[cut_N] = seen_boxes(moved_N4[cut_N], left_NHW[cut_N])
    return moved_N4


def _one_of(values: Sequence[int], draws: torch.Generator) -> int:
    return values[int(torch.randint(len(values), (1,), generator=draws).item())]
