"""A square of one size for pictures of any shape, on which a network computes as if only the picture's own maps
were there.

A detector pads a picture to whole strides, so the sizes of its maps, and with them its norms over groups, follow from
the picture's shape. Here maps are those of the whole square: what lies beyond the picture's own maps is set to 0 before
each convolution, which is the padding of that convolution or of a layer before it, and left out of each mean.

Legend: C channels, G groups, M side of a map of the square.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """The picture's own part of a map: from the upper left, so many rows and columns, whole numbers in float32.
    ``inside_MM`` is 1 there and 0 beyond."""

    rows: Tensor
    columns: Tensor
    inside_MM: Tensor


class Canvas:
    """The square and, during a forward pass, the picture's place on it.

    ``side`` is a multiple of ``divisor``, to whole multiples of which the network pads a picture.
    """

    def __init__(self, side: int, divisor: int) -> None:
        self.side = side
        self._divisor = divisor
        self._padded: tuple[Tensor, Tensor] | None = None
        self._regions: dict[int, Region] = {}

    def hold(self, height: Tensor, width: Tensor) -> None:
        """From here on the picture is of this height and width on the square."""
        self._padded = self._whole(height), self._whole(width)
        self._regions = {}

    def padded(self) -> tuple[Tensor, Tensor]:
        """Height and width that the network itself would have padded the picture to."""
        if self._padded is None:
            raise RuntimeError("the canvas holds no picture; hold(height, width) comes first")
        return self._padded

    def region(self, side: int) -> Region:
        """Of maps of this side."""
        if side not in self._regions:
            stride = self.stride(side)
            rows, columns = (torch.ceil(length / stride).to(torch.float32) for length in self.padded())
            place_M = torch.arange(side, dtype=torch.float32)
            inside_MM = ((place_M < rows)[:, None] & (place_M < columns)[None]).to(torch.float32)
            self._regions[side] = Region(rows=rows, columns=columns, inside_MM=inside_MM)
        return self._regions[side]

    def stride(self, side: int) -> int:
        """Pixels of the square to one place of a map of this side; networks halve their maps, rounding up."""
        stride = 1
        while math.ceil(self.side / stride) > side:
            stride *= 2
        return stride

    def _whole(self, length: Tensor) -> Tensor:
        return torch.ceil(length / self._divisor) * self._divisor


class _GroupNorm(nn.Module):
    """Wu & He 2018, "Group Normalization", equations 1 and 2, over the picture's own part of the map."""

    def __init__(self, norm: nn.GroupNorm, canvas: Canvas) -> None:
        super().__init__()
        self.norm, self.canvas = norm, canvas

    def forward(self, map_1CMM: Tensor) -> Tensor:
        _, channels, side, _ = map_1CMM.shape
        region = self.canvas.region(side)
        groups = self.norm.num_groups
        count = region.rows * region.columns * (channels // groups)
        map_GXMM = map_1CMM.reshape(groups, -1, side, side)
        mean_G = (map_GXMM * region.inside_MM).sum(dim=(1, 2, 3), keepdim=True) / count
        centred_GXMM = map_GXMM - mean_G
        variance_G = (centred_GXMM * region.inside_MM).square().sum(dim=(1, 2, 3), keepdim=True) / count
        normed_1CMM = (centred_GXMM * torch.rsqrt(variance_G + self.norm.eps)).reshape(1, channels, side, side)
        return normed_1CMM * self.norm.weight[:, None, None] + self.norm.bias[:, None, None]


class _Average(nn.Module):
    """Mean of each channel, for pooling to one place."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas

    def forward(self, map_1CMM: Tensor) -> Tensor:
        region = self.canvas.region(map_1CMM.shape[-1])
        sum_1C11 = (map_1CMM * region.inside_MM).sum(dim=(2, 3), keepdim=True)
        return sum_1C11 / (region.rows * region.columns)


def on_canvas(network: nn.Module, canvas: Canvas) -> nn.Module:
    """A copy that shares its weights and computes on the canvas; the batch is one picture.

    Convolutions, norms over groups and means over whole maps are changed; what looks at each place alone is not.
    Largest-of-window pooling takes 0 beyond the picture: it comes after activations that are at least 0.
    """
    shared: dict[int, object] = {id(each): each for each in (*network.parameters(), *network.buffers())}
    copied = copy.deepcopy(network, shared)
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.GroupNorm):
                setattr(parent, name, _GroupNorm(child, canvas))
            elif isinstance(child, nn.AdaptiveAvgPool2d):
                setattr(parent, name, _Average(canvas))
            elif isinstance(child, nn.Conv2d | nn.MaxPool2d | nn.ZeroPad2d) and any(_padding(child)):
                child.register_forward_pre_hook(_cleared(canvas))
    return copied


def _padding(layer: nn.Conv2d | nn.MaxPool2d | nn.ZeroPad2d) -> tuple[int | str, ...]:
    return layer.padding if isinstance(layer.padding, tuple) else (layer.padding,)


def _cleared(canvas: Canvas) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    def hook(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (map_1CMM,) = given
        return (map_1CMM * canvas.region(map_1CMM.shape[-1]).inside_MM,)

    return hook
