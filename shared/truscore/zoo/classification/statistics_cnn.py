"""A small network that rates how sharp an image is. Legend: B images, C channels, H, W sides of a map.

Sharpness lives in the finest details, so the first layers keep the full resolution, and each stage is read where it
is. What is read are statistics of its maps: a classical focus measure is the variance of the Laplacian (Pech-Pacheco
et al. 2000), which is the deviation of one fixed filter's response over the image; here the filters are learned, and
their mean, deviation and maximum are kept (Kang et al. 2014, "Convolutional neural networks for no-reference image
quality assessment", section 3, pools extremes for the same reason).
"""

from collections import OrderedDict
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter

from truscore.zoo.classification.backbones import GROUPS

_LEAST_VARIANCE = 1e-5
_LEAST_SHARE = 0.3  # of the median deviation: a channel that is all but constant would drown the others where it is not
_MOST_DEVIATIONS = 5.0


def statistics(map_BCHW: Tensor) -> Tensor:
    """[B, 3C]: mean, deviation and maximum of each channel over the map."""
    mean_BC = map_BCHW.mean(dim=(2, 3))
    variance_BC = (map_BCHW - mean_BC[:, :, None, None]).square().mean(dim=(2, 3))
    # The root has no slope at 0: a little is added, so that flat maps have a gradient.
    return torch.cat([mean_BC, (variance_BC + _LEAST_VARIANCE).sqrt(), map_BCHW.amax(dim=(2, 3))], dim=1)


def deviations_in_cells(map_BCHW: Tensor, cells: int) -> Tensor:
    """[B, cells² C]: deviation of each channel within each of cells x cells parts of the map, row by row. Parts of a
    map whose sides are no multiples differ by a row or a column; those of smaller maps overlap."""
    batch, channels, height, width = map_BCHW.shape
    if height % cells == 0 and width % cells == 0:
        # The same at once: an exported graph has a node for each step.
        parts_BCrhcw = map_BCHW.reshape(batch, channels, cells, height // cells, cells, width // cells)
        squares = (parts_BCrhcw - parts_BCrhcw.mean(dim=(3, 5), keepdim=True)).square()
        return (squares.mean(dim=(3, 5)) + _LEAST_VARIANCE).sqrt().permute(0, 2, 3, 1).flatten(1)
    deviations = []
    for top, bottom in _parts(height, cells):
        for left, right in _parts(width, cells):
            cell_BChw = map_BCHW[:, :, top:bottom, left:right]
            variance_BC = (cell_BChw - cell_BChw.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(2, 3))
            deviations.append((variance_BC + _LEAST_VARIANCE).sqrt())
    return torch.cat(deviations, dim=1)


def _parts(side: int, parts: int) -> list[tuple[int, int]]:
    begins = [at * side // parts for at in range(parts)]
    return [(begin, max(begin + 1, (at + 1) * side // parts)) for at, begin in enumerate(begins)]


class Levels(nn.Module):
    """A body whose stages are all kept, finest first, and a pyramid over them where there is one."""

    def __init__(self, body: nn.Module, kept: tuple[str, ...], fpn: nn.Module | None = None) -> None:
        super().__init__()
        self.body = IntermediateLayerGetter(body, return_layers={name: str(at) for at, name in enumerate(kept)})
        self.fpn = nn.Identity() if fpn is None else fpn

    def forward(self, image_BCSS: Tensor) -> list[Tensor]:
        return list(self.fpn(self.body(image_BCSS)).values())


class Standardise(nn.Module):
    """Each feature in deviations from its mean, both of images that ``standardise_by`` was given; before, as it is."""

    mean_F: Tensor
    deviation_F: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        # Buffers: they are saved with the weights and go into exported files, and no optimizer moves them.
        self.register_buffer("mean_F", torch.zeros(features))
        self.register_buffer("deviation_F", torch.ones(features))

    def standardise_by(self, features_NF: Tensor) -> None:
        """Take mean and deviation of these images' features [N, F]."""
        deviation_F, mean_F = torch.std_mean(features_NF.double(), dim=0, correction=0)
        least = _LEAST_SHARE * deviation_F.median()
        self.mean_F.copy_(mean_F)
        self.deviation_F.copy_(torch.where(least > 0, deviation_F.clamp_min(least), 1.0))

    def forward(self, features_BF: Tensor) -> Tensor:
        standardised_BF = (features_BF - self.mean_F) / self.deviation_F
        return standardised_BF.clamp(-_MOST_DEVIATIONS, _MOST_DEVIATIONS)


class StatisticsHead(nn.Module):
    """Statistics of every level and a linear layer; with ``hidden``, one layer between. Statistics of an image are
    brought to unit size together or, with ``standardised``, each by those of the training images. With ``cells``,
    deviations within cells x cells parts of each level come beside those of the whole."""

    def __init__(
        self,
        channels: tuple[int, ...],
        outputs: int,
        *,
        hidden: int,
        dropout: float,
        standardised: bool = False,
        bias: bool = True,
        cells: int = 0,
    ) -> None:
        super().__init__()
        self._cells = cells
        # Three numbers a channel and one for each cell, of all levels one after another.
        features = (3 + cells**2) * sum(channels)
        self.norm = Standardise(features) if standardised else nn.LayerNorm(features)
        self.hidden = (
            nn.Sequential(nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout))
            if hidden
            else nn.Dropout(dropout)
        )
        self.out = nn.Linear(hidden or features, outputs, bias=bias)

    def features(self, levels: list[Tensor]) -> Tensor:
        """[B, (3 + cells²) (C1 + C2 + ...)]: numbers of a level no longer depend on its side."""
        found = [statistics(level_BCHW) for level_BCHW in levels]
        if self._cells:
            found += [deviations_in_cells(level_BCHW, self._cells) for level_BCHW in levels]
        return torch.cat(found, dim=1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        return cast(Tensor, self.out(self.hidden(self.norm(self.features(levels)))))


class Residual(nn.Module):
    """Two convolutions with group norm beside a shortcut (He et al. 2016, "Identity mappings": the sum stays linear,
    so that no sign is lost before statistics are taken); ``stride`` halves the side."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(GROUPS, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(GROUPS, channels)
        self.shortcut = nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False)

    def forward(self, map_BCHW: Tensor) -> Tensor:
        # The branch is normalised twice and the sum never: how strong a response is can be read after it.
        inner = nn.functional.silu(self.norm1(self.conv1(map_BCHW)))
        return cast(Tensor, self.norm2(self.conv2(inner)) + self.shortcut(map_BCHW))


def plain_body(widths: tuple[int, ...]) -> nn.Sequential:
    """A stage for each width: the first at full resolution, each other at half of the one before. Norms are within the
    blocks, so that how strong a response is, beside the others, still says something after them."""
    stages: OrderedDict[str, nn.Module] = OrderedDict(
        # Full resolution: whether an edge is sharp is in its single pixels, which a stem of stride 4 averages away.
        stage1=nn.Sequential(nn.Conv2d(3, widths[0], 3, padding=1), nn.SiLU())
    )
    for number, (channels_in, channels) in enumerate(pairwise(widths), start=2):
        stages[f"stage{number}"] = nn.Sequential(Residual(channels_in, channels, stride=2), nn.SiLU())
    return nn.Sequential(stages)
