"""Box and mask heads of Mask R-CNN. Legend: R regions, C channels, S side of the pooled region.

``standard`` has torchvision's shapes at the base's widths. ``phoenix_specialized`` is for thin defects: a convolutional
box head that keeps where things are (Wu & He 2018, "Group Normalization", 4conv1fc) and masks of 56 instead of 28
pixels a side. Of borders it is the second stage in ``border_lines`` instead: finer masks place them no better.
"""

from torch import Tensor, nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

GROUPS = 8


class BoxHead(nn.Module):
    """Two hidden layers under torchvision's names; ``dropout`` is the share of their units that is dropped."""

    def __init__(self, in_features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_features, width)
        self.fc7 = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, regions_RCSS: Tensor) -> Tensor:
        # [R, C S S] to [R, width]: where something is, is known by the order of the features.
        hidden = self.dropout(self.fc6(regions_RCSS.flatten(start_dim=1)).relu())
        out: Tensor = self.dropout(self.fc7(hidden).relu())
        return out


class ConvBoxHead(nn.Module):
    """Two convolutions with group norm, then one hidden layer."""

    def __init__(self, channels: int, side: int, width: int, dropout: float) -> None:
        super().__init__()
        self.convs = nn.Sequential(*(layer for _ in range(2) for layer in _conv_norm_relu(channels)))
        # One layer after the convolutions, where the plain head has two: most of a head's weights are in the first.
        self.fc = nn.Linear(channels * side * side, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, regions_RCSS: Tensor) -> Tensor:
        # Convolutions keep [R, C, S, S]; flattened row by row, the hidden layer knows each place by its index.
        out: Tensor = self.dropout(self.fc(self.convs(regions_RCSS).flatten(start_dim=1)).relu())
        return out


class FineMaskPredictor(nn.Module):
    """Doubles the region twice: 14 to 56 pixels a side."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        # Side 2 at stride 2: outputs don't overlap, so none gets more than another (Odena et al. 2016, "Deconvolution
        # and checkerboard artifacts").
        self.up = nn.Sequential(
            nn.ConvTranspose2d(channels, channels, 2, stride=2),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(channels, channels, 2, stride=2),
            nn.ReLU(inplace=True),
        )
        self.mask_fcn_logits = nn.Conv2d(channels, num_classes, 1)

    def forward(self, regions_RCSS: Tensor) -> Tensor:
        logits: Tensor = self.mask_fcn_logits(self.up(regions_RCSS))
        return logits


def box_head(kind: str, *, channels: int, side: int, width: int, dropout: float) -> nn.Module:
    if kind == "phoenix_specialized":
        return ConvBoxHead(channels, side, width, dropout)
    return BoxHead(channels * side * side, width, dropout)


def mask_head(kind: str, *, channels: int, layers: tuple[int, ...], num_classes: int) -> tuple[nn.Module, nn.Module]:
    """Head and predictor."""
    # 3 x 3 convolutions at 14 pixels a side, dilation 1; the predictor doubles them, to 28 or 56.
    head = MaskRCNNHeads(channels, layers, 1)
    if kind == "phoenix_specialized":
        return head, FineMaskPredictor(layers[-1], num_classes)
    return head, MaskRCNNPredictor(layers[-1], layers[-1], num_classes)


def _conv_norm_relu(channels: int) -> tuple[nn.Module, ...]:
    return (
        # No bias: the norm behind it takes the mean off.
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.GroupNorm(GROUPS, channels),
        nn.ReLU(inplace=True),
    )
