"""RetinaNet (Lin et al. 2017, "Focal Loss for Dense Object Detection") as recipes ask for it, from torchvision's parts.

Legend: B images, P anchors of an image, K classes, N instances of an image.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import RetinaNet
from torchvision.models.detection._utils import Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops import box_iou

from truscore.catalog.networks.configs import RetinaNetConfig
from truscore.configuration.recipe import Recipe
from truscore.zoo.configs import config_of
from truscore.zoo.detection.backbones import group_norm
from truscore.zoo.detection.border_lines.refining import second_stage
from truscore.zoo.detection.dense import DenseDetector, Detections, Target, transform_of
from truscore.zoo.detection.mask_rcnn import backbone_for, starts_published
from truscore.zoo.losses.detection import binary_loss

_OLD_TOWER = re.compile(r"^(head\.\w+_head\.conv)\.(\d)\.(weight|bias)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    logits_BPK: Tensor
    deltas_BP4: Tensor
    anchors_P4: tuple[Tensor, ...]  # xyxy, one for each image, levels one after another
    level_sizes: tuple[int, ...]  # anchors of each level


class CardRetinaNet(DenseDetector, RetinaNet):  # type: ignore[misc]
    """Torchvision's network, matching and suppression, with the recipe's loss. Classes have no background among them:
    label 1 is output 0."""

    head: Any
    anchor_generator: Any
    box_coder: Any
    proposal_matcher: Any
    postprocess_detections: Any

    def published(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Torchvision's weights, whose towers were once named without their activations."""
        return {_OLD_TOWER.sub(_new_tower, name): value for name, value in found.items()}

    def look(self, batch: ImageList, levels: "OrderedDict[str, Tensor]") -> Seen:
        # Finest first; anchors, logits and deltas are all in this order.
        features = list(levels.values())
        outputs = self.head(features)
        per_place = self.anchor_generator.num_anchors_per_location()[0]
        return Seen(
            # Half precision is too coarse for scores near 0 and for boxes of a thousand pixels.
            logits_BPK=outputs["cls_logits"].float(),
            deltas_BP4=outputs["bbox_regression"].float(),
            anchors_P4=tuple(self.anchor_generator(batch, features)),
            level_sizes=tuple(level.shape[-2] * level.shape[-1] * per_place for level in features),
        )

    def losses(self, seen: Seen, targets: list[Target]) -> dict[str, Tensor]:
        parts = [self._losses_of(seen, image, target) for image, target in enumerate(targets)]
        # A mean over images of what each has summed over its anchors: one with many instances counts as one with few.
        classification, box = (torch.stack(losses).mean() for losses in zip(*parts, strict=True))
        return {"classification": classification, "box": box}

    def _losses_of(self, seen: Seen, image: int, target: Target) -> tuple[Tensor, Tensor]:
        """Summed over the anchors and divided by how many of them show something (Lin et al. 2017, section 4.1)."""
        logits_PK, deltas_P4, anchors_P4 = seen.logits_BPK[image], seen.deltas_BP4[image], seen.anchors_P4[image]
        matched_P = self._matched(anchors_P4, target["boxes"])
        positive_P = matched_P >= 0
        matched_R = matched_P[positive_P]
        # Anchors that show nothing want 0 of every class: here there is no background class to be right about.
        wanted_PK = torch.zeros_like(logits_PK)
        wanted_PK[positive_P, target["labels"][matched_R] - 1] = 1.0
        # Overlaps of 0.4 to 0.5 are neither: they teach nothing (section 4).
        known_P = matched_P != Matcher.BETWEEN_THRESHOLDS
        count = max(1, len(matched_R))
        classification = binary_loss(logits_PK[known_P], wanted_PK[known_P], self.loss_config).sum() / count
        # Shift of the centre by the anchor's sides, and the logarithm of the ratio of sides.
        wanted_R4 = self.box_coder.encode_single(target["boxes"][matched_R], anchors_P4[positive_P])
        return classification, nn.functional.l1_loss(deltas_P4[positive_P], wanted_R4, reduction="sum") / count

    def _matched(self, anchors_P4: Tensor, boxes_N4: Tensor) -> Tensor:
        """For each anchor the index of the instance it shows, or one of the matcher's negative marks."""
        # The matcher refuses a table without rows.
        if not len(boxes_N4):
            return torch.full((len(anchors_P4),), Matcher.BELOW_LOW_THRESHOLD, device=anchors_P4.device)
        matched_P: Tensor = self.proposal_matcher(box_iou(boxes_N4, anchors_P4))
        return matched_P

    def detections(self, seen: Seen, image_sizes: list[tuple[int, int]]) -> list[Detections]:
        sizes = list(seen.level_sizes)
        outputs = {
            "cls_logits": list(torch.split(seen.logits_BPK, sizes, dim=1)),
            "bbox_regression": list(torch.split(seen.deltas_BP4, sizes, dim=1)),
        }
        anchors = [list(torch.split(anchors_P4, sizes)) for anchors_P4 in seen.anchors_P4]
        found: list[Detections] = self.postprocess_detections(outputs, anchors, image_sizes)
        # Outputs count from 0, labels from 1.
        return [{**of_image, "labels": of_image["labels"] + 1} for of_image in found]


def build_retinanet(recipe: Recipe, num_classes: int) -> CardRetinaNet:
    """``num_classes`` counts the classes of the dataset. Weights are random."""
    base = config_of(recipe, RetinaNetConfig)
    anchors = _anchors(base, recipe.image_size)
    head = RetinaNetHead(
        base.pyramid_channels,
        anchors.num_anchors_per_location()[0],
        num_classes,
        # The published towers have no norms; from scratch they need them.
        norm_layer=None if starts_published(recipe) else group_norm,
    )
    # At the end of the tower, so that the published names stay.
    head.classification_head.conv.append(nn.Dropout(recipe.loss_config.regularization.dropout))
    model = CardRetinaNet(
        backbone_for(recipe, base),
        num_classes,
        anchor_generator=anchors,
        head=head,
        detections_per_img=base.detections_per_image,
    )
    model.loss_config = recipe.loss_config
    model.transform = transform_of(recipe)
    model.border_lines = second_stage(recipe, num_classes)
    return model


def _new_tower(old: re.Match[str]) -> str:
    # conv.0, .2, .4, .6 (with a ReLU between) became conv.0.0, .1.0, .2.0, .3.0.
    return f"{old[1]}.{int(old[2]) // 2}.0.{old[3]}"


def _anchors(base: RetinaNetConfig, image_size: int) -> AnchorGenerator:
    scale = image_size if base.anchors_scale else 1
    sizes: Sequence[tuple[int, ...]] = tuple(tuple(int(side * scale) for side in level) for level in base.anchors)
    return AnchorGenerator(tuple(sizes), ((0.5, 1.0, 2.0),) * len(sizes))
