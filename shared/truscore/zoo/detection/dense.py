"""What detectors have in common that look at every place of an image once.

Legend: B images, C channels, H, W sides, N instances of an image.
"""

from abc import abstractmethod
from collections import OrderedDict
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from truscore.configuration.recipe import LossConfig, Recipe
from truscore.zoo.detection.border_lines.refining import line_losses, refine, with_coarse
from truscore.zoo.detection.border_lines.stage import BorderLines
from truscore.zoo.detection.pyramid import PyramidBackbone
from truscore.zoo.framing import DEVIATION_RGB, MEAN_RGB
from truscore.zoo.resize import AntialiasedTransform

Target = dict[str, Tensor]
Detections = dict[str, Tensor]


class DenseDetector(nn.Module):
    """Gives losses while training and detections otherwise; what it sees of a batch serves both."""

    backbone: PyramidBackbone
    transform: AntialiasedTransform
    loss_config: LossConfig
    border_lines: BorderLines | None  # set by the builder: a default of the class would hide the module

    def forward(
        self, images: list[Tensor], targets: list[Target] | None = None
    ) -> dict[str, Tensor] | list[Detections]:
        """``images`` are CHW, 0 to 1, of any size; targets have boxes (xyxy) and labels (from 1).

        Losses are parts by name, unweighted; detections have boxes, labels and scores, in pixels of the image given.
        """
        batch, targets = self.transform(images, targets)
        seen = self.look(batch, self.backbone(batch.tensors))
        # One pass for either: what was seen is raw, and losses and detections are read from it.
        if self.training:
            return self.losses(seen, targets or []) | line_losses(self.border_lines, targets or [])
        detections = self._detections(seen, batch, images)
        if self.border_lines is None:
            return detections
        return [
            # From the image as it was given, not from the batch: sides are placed in pixels of the original.
            found | refine(self.border_lines, image, found)
            for image, found in zip(images, detections, strict=True)
        ]

    def losses_and_detections(
        self, images: list[Tensor], targets: list[Target]
    ) -> tuple[dict[str, Tensor], list[Detections]]:
        """Both for validation at the price of one pass. The model has to be in eval mode."""
        batch, targets = self.transform(images, targets)
        seen = self.look(batch, self.backbone(batch.tensors))
        losses = self.losses(seen, targets) | line_losses(self.border_lines, targets)
        return losses, self._detections(seen, batch, images)

    def _detections(self, seen: Any, batch: ImageList, images: list[Tensor]) -> list[Detections]:
        sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        # From the network's pixels back to those of each image given.
        found: list[Detections] = self.transform.postprocess(
            self.detections(seen, batch.image_sizes), batch.image_sizes, sizes
        )
        if self.border_lines is not None:
            # No masks: the coarse border is the box.
            with_coarse(found, [None] * len(found))
        return found

    @abstractmethod
    def look(self, batch: ImageList, levels: "OrderedDict[str, Tensor]") -> Any:
        """Whatever losses and detections are both computed from."""

    @abstractmethod
    def losses(self, seen: Any, targets: list[Target]) -> dict[str, Tensor]:
        """Parts of the loss by name, unweighted, each a mean over the images."""

    @abstractmethod
    def detections(self, seen: Any, image_sizes: list[tuple[int, int]]) -> list[Detections]:
        """In pixels of the images as the network sees them."""


def transform_of(recipe: Recipe) -> AntialiasedTransform:
    return AntialiasedTransform(recipe.image_size, recipe.image_size, list(MEAN_RGB), list(DEVIATION_RGB))
