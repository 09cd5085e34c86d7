"""YOLOX (Ge et al. 2021): anchor-free, a head with separate branches, SimOTA; over any body and pyramid, boxes
regressed by their generalised overlap (Rezatofighi et al. 2019).

Written here because no permissively licensed library carries a YOLO that can be taken alone (decision 17).
Legend: B images, C channels, H, W sides of a level, P places of an image, F places that show something, K classes.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection._utils import _topk_min
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import batched_nms, clip_boxes_to_image, generalized_box_iou_loss

from truscore.catalog.networks.configs import YOLOXConfig
from truscore.configuration.recipe import Recipe
from truscore.zoo.configs import config_of
from truscore.zoo.detection.backbones import group_norm
from truscore.zoo.detection.border_lines.refining import second_stage
from truscore.zoo.detection.dense import DenseDetector, Detections, Target, transform_of
from truscore.zoo.detection.mask_rcnn import backbone_for
from truscore.zoo.detection.yolox_assignment import Places, assign
from truscore.zoo.losses.detection import binary_loss
from truscore.zoo.published_backbones import body_of_nanodet

PRIOR = 0.01  # probability that a place shows something, before anything is learned (Lin et al. 2017)
BOX_WEIGHT = 5.0  # of the published training
LEAST_SCORE = 0.01
MOST_SUPPRESSED = 1000
OVERLAP_SUPPRESSED = 0.65
MOST_LOG_SIDE = 8.0  # e to the 8th strides: larger than any image


class Branches(nn.Module):
    """The head of one level: what is there, and where, by separate towers (section 2.1)."""

    def __init__(self, channels: int, num_classes: int, *, tower: int, dropout: float) -> None:
        super().__init__()
        self.stem = _convolved(channels, 1)
        self.what = nn.Sequential(*(_convolved(channels, 3) for _ in range(tower)), nn.Dropout(dropout))
        self.where = nn.Sequential(*(_convolved(channels, 3) for _ in range(tower)))
        self.classes = nn.Conv2d(channels, num_classes, 1)
        self.box = nn.Conv2d(channels, 4, 1)
        self.objectness = nn.Conv2d(channels, 1, 1)
        # Sigmoid of the bias is PRIOR: at first nearly every place says "nothing", and so many zeros cost little (Lin
        # et al. 2017, "Focal loss for dense object detection", section 3.3).
        for raw in (self.classes, self.objectness):
            nn.init.constant_(raw.get_parameter("bias"), -math.log((1 - PRIOR) / PRIOR))

    def forward(self, level_BCHW: Tensor) -> Tensor:
        """[B, 5 + K, H, W]: box, objectness, classes."""
        # One 1 x 1 convolution for both towers; what and where then go apart (Song et al. 2020, "Revisiting the sibling
        # head", on why they disagree).
        stem = self.stem(level_BCHW)
        where = self.where(stem)
        return torch.cat([self.box(where), self.objectness(where), self.classes(self.what(stem))], dim=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    centres_P2: Tensor
    strides_P: Tensor
    boxes_BP4: Tensor  # xyxy, pixels of the network's image
    objectness_BP: Tensor
    logits_BPK: Tensor

    def places(self, image: int) -> Places:
        return Places(
            centres_P2=self.centres_P2,
            strides_P=self.strides_P,
            boxes_P4=self.boxes_BP4[image],
            objectness_P=self.objectness_BP[image],
            logits_PK=self.logits_BPK[image],
        )


class CardYolox(DenseDetector):
    """Losses are ``classification``, ``objectness`` and ``box``; label 1 is output 0."""

    def __init__(self, recipe: Recipe, num_classes: int) -> None:
        super().__init__()
        base = config_of(recipe, YOLOXConfig)
        self.backbone = backbone_for(recipe, base)
        dropout = recipe.loss_config.regularization.dropout
        self.head = nn.ModuleList(
            Branches(base.pyramid_channels, num_classes, tower=base.tower, dropout=dropout) for _ in base.strides
        )
        self.strides = base.strides
        self.detections_per_image = base.detections_per_image
        self.loss_config = recipe.loss_config
        self.transform = transform_of(recipe)

    def published(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Torchvision's bodies, and those of NanoDet, whose first filters are turned to red, green and blue."""
        return body_of_nanodet(found)

    def look(self, batch: ImageList, levels: "OrderedDict[str, Tensor]") -> Seen:
        raw = [head(level) for head, level in zip(self.head, levels.values(), strict=True)]
        grids = [_grid(level, stride) for level, stride in zip(raw, self.strides, strict=True)]
        centres_P2 = torch.cat([centres for centres, _ in grids])
        strides_P = torch.cat([strides for _, strides in grids])
        # Half precision is too coarse for scores near 0 and for boxes of a thousand pixels.
        # [B, P, 5 + K]: levels one after another, each row by row, in the order of the centres.
        raw_BPX = torch.cat([level.flatten(2).transpose(1, 2) for level in raw], dim=1).float()
        return Seen(
            centres_P2=centres_P2,
            strides_P=strides_P,
            boxes_BP4=_boxes(raw_BPX[..., :4], centres_P2, strides_P),
            objectness_BP=raw_BPX[..., 4],
            logits_BPK=raw_BPX[..., 5:],
        )

    def losses(self, seen: Seen, targets: list[Target]) -> dict[str, Tensor]:
        parts = [self._losses_of(seen.places(image), target) for image, target in enumerate(targets)]
        return {name: torch.stack([of_image[name] for of_image in parts]).mean() for name in parts[0]}

    def _losses_of(self, places: Places, target: Target) -> dict[str, Tensor]:
        """Each summed over the places and divided by how many of them show something."""
        # No gradient flows through who answers for what.
        assigned = assign(places, target["boxes"], target["labels"])
        chosen_F, matched_F = assigned.chosen_F, assigned.matched_F
        count = max(1, len(chosen_F))
        overlap_loss_F = generalized_box_iou_loss(places.boxes_P4[chosen_F], target["boxes"][matched_F])
        # Every place learns whether it shows something; class and box are learned where it does.
        shown_P = torch.zeros_like(places.objectness_P).index_fill(0, chosen_F, 1.0)
        classes = nn.functional.one_hot(target["labels"][matched_F] - 1, places.logits_PK.shape[1])
        # How sure of a class a place should be is how well its box fits.
        wanted_FK = classes * (1.0 - overlap_loss_F.detach()).clamp(0.0, 1.0)[:, None]
        return {
            "classification": binary_loss(places.logits_PK[chosen_F], wanted_FK, self.loss_config).sum() / count,
            "objectness": binary_loss(places.objectness_P, shown_P, self.loss_config).sum() / count,
            "box": BOX_WEIGHT * overlap_loss_F.sum() / count,
        }

    def detections(self, seen: Seen, image_sizes: list[tuple[int, int]]) -> list[Detections]:
        # A product of probabilities: that something is there, and of what kind.
        scores_BPK = seen.objectness_BP[..., None].sigmoid() * seen.logits_BPK.sigmoid()
        return [
            self._kept(boxes_P4, scores_PK, size)
            for boxes_P4, scores_PK, size in zip(seen.boxes_BP4, scores_BPK, image_sizes, strict=True)
        ]

    def _kept(self, boxes_P4: Tensor, scores_PK: Tensor, size: tuple[int, int]) -> Detections:
        # Places and classes together: one place may be a candidate for two classes.
        flat = scores_PK.flatten()
        scores, index = flat.topk(_topk_min(flat, MOST_SUPPRESSED, 0))  # a minimum that stays in a graph
        sure = scores > LEAST_SCORE
        scores, index = scores[sure], index[sure]
        labels = index % scores_PK.shape[1]
        boxes = clip_boxes_to_image(boxes_P4[index // scores_PK.shape[1]], size)
        # By class: an inner border does not suppress the outer one around it.
        keep = batched_nms(boxes, scores, labels, OVERLAP_SUPPRESSED)[: self.detections_per_image]
        return {"boxes": boxes[keep], "labels": labels[keep] + 1, "scores": scores[keep]}


def build_yolox(recipe: Recipe, num_classes: int) -> CardYolox:
    """``num_classes`` counts the classes of the dataset. Weights are random."""
    model = CardYolox(recipe, num_classes)
    model.border_lines = second_stage(recipe, num_classes)
    return model


def _convolved(channels: int, side: int) -> nn.Sequential:
    # Norms over groups, as in the body from scratch: batches are small (decision 16).
    return nn.Sequential(
        nn.Conv2d(channels, channels, side, padding=side // 2, bias=False), group_norm(channels), nn.SiLU(inplace=True)
    )


def _grid(level_BXHW: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Centres x, y of a level's places in pixels, row by row, and their strides."""
    height, width = level_BXHW.shape[-2:]
    y_H, x_W = (torch.arange(side, device=level_BXHW.device, dtype=torch.float32) + 0.5 for side in (height, width))
    y_HW, x_HW = torch.meshgrid(y_H, x_W, indexing="ij")
    centres_P2 = torch.stack([x_HW, y_HW], dim=-1).reshape(-1, 2) * stride
    return centres_P2, torch.full_like(centres_P2[:, 0], stride)


def _boxes(raw_BP4: Tensor, centres_P2: Tensor, strides_P: Tensor) -> Tensor:
    """xyxy from the shift of the centre and the logarithm of the sides, both in strides."""
    strides_P1 = strides_P[:, None]
    middles = centres_P2 + raw_BP4[..., :2] * strides_P1
    # The exponential keeps sides positive, the clamp keeps it finite before anything is learned.
    halves = raw_BP4[..., 2:].clamp(max=MOST_LOG_SIDE).exp() * strides_P1 / 2
    return torch.cat([middles - halves, middles + halves], dim=-1)
