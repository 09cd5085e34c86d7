"""What a detector found, in as many rows as it may find at most."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class PaddedDetections:
    """By falling score; rows beyond what was found are not present and have score 0. Boxes are xyxy."""

    boxes_D4: Tensor
    labels_D: Tensor
    scores_D: Tensor
    present_D: Tensor
