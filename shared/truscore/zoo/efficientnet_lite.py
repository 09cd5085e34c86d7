"""EfficientNet-Lite, as TensorFlow publishes it: EfficientNet (Tan & Le 2019, table 1) without squeeze-and-excitation,
with ReLU6 in place of SiLU, stem and head of one size (Liu 2020, "Higher accuracy on vision models with
EfficientNet-Lite").

Legend: B images, C channels, H, W sides.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import cast

from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation, StochasticDepth

# TensorFlow's norms have this, and so have the statistics they publish.
EPS = 1e-3
STEM, HEAD = 32, 1280
# Width and depth, as multiples of EfficientNet-B0's.
LITE: Mapping[str, tuple[float, float]] = MappingProxyType({"efficientnet_lite0": (1.0, 1.0)})
# Expansion, kernel, stride, channels, blocks.
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)

_norm = partial(nn.BatchNorm2d, eps=EPS)


def efficientnet_lite(name: str, dropped: float = 0.0) -> nn.Sequential:
    """The body: children "0" (the stem), "1" to "7" (the stages) and "8" (1280 channels), as torchvision names those of
    its EfficientNets. Its maps have strides 2, 2, 4, 8, 16, 16, 32, 32, 32. ``dropped`` is the rate at which the last
    block is dropped in training; those before it are dropped less."""
    width, depth = LITE[name]
    layers: list[nn.Module] = [_convolution(3, STEM, kernel=3, stride=2)]
    counts = [
        blocks if at in (0, len(_STAGES) - 1) else math.ceil(depth * blocks) for at, (*_, blocks) in enumerate(_STAGES)
    ]
    channels, done = STEM, 0
    for (expansion, kernel, stride, wide, _), count in zip(_STAGES, counts, strict=True):
        out = rounded_channels(width * wide)
        stage = []
        for number in range(count):
            rate = dropped * done / sum(counts)
            stage.append(
                InvertedResidual(
                    channels, out, kernel=kernel, stride=stride if number == 0 else 1, expansion=expansion, dropped=rate
                )
            )
            channels, done = out, done + 1
        layers.append(nn.Sequential(*stage))
    layers.append(_convolution(channels, HEAD, kernel=1))
    return nn.Sequential(OrderedDict((str(at), layer) for at, layer in enumerate(layers)))


class InvertedResidual(nn.Module):
    """Expanded, filtered channel by channel, projected without an activation, and added to what came in where that has
    the same shape (Sandler et al. 2018, "MobileNetV2", table 1). Without ``expansion``, the first step is left out."""

    def __init__(self, channels: int, out: int, *, kernel: int, stride: int, expansion: int, dropped: float) -> None:
        super().__init__()
        inside = channels * expansion
        widened = [_convolution(channels, inside, kernel=1)] if expansion > 1 else []
        self.block = nn.Sequential(
            *widened,
            _convolution(inside, inside, kernel=kernel, stride=stride, groups=inside),
            Conv2dNormActivation(inside, out, 1, norm_layer=_norm, activation_layer=None),
        )
        self.drop = StochasticDepth(dropped, "row")
        self._adds = stride == 1 and channels == out

    def forward(self, map_BCHW: Tensor) -> Tensor:
        out_BCHW = self.block(map_BCHW)
        return cast(Tensor, map_BCHW + self.drop(out_BCHW) if self._adds else out_BCHW)


def rounded_channels(wanted: float) -> int:
    """To a multiple of 8, at least 90 % of what is wanted."""
    near = max(8, int(wanted + 4) // 8 * 8)
    return near + 8 if near < 0.9 * wanted else near


def _convolution(channels: int, out: int, *, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    layer: nn.Sequential = Conv2dNormActivation(
        channels, out, kernel, stride, groups=groups, norm_layer=_norm, activation_layer=nn.ReLU6,
        padding=0 if stride > 1 else None, inplace=True,
    )  # fmt: skip
    if stride > 1:
        # TensorFlow pads a strided convolution of an even side by one place less in front than behind. Here one more
        # stands behind: of even sides it is not reached, and of odd ones it makes half of the places, rounded up. What
        # does not depend on the image's size goes into every exported graph.
        front = (kernel - 3) // 2
        layer.insert(0, nn.ZeroPad2d((front, front + 2, front, front + 2)))
    return layer
