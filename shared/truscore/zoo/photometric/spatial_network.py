"""Normals of pixels from a set of views, each of which is seen with what lies around it.

As in PS-FCN (Chen 2018, section 3) one convolutional extractor sees every view, pooling over the lights tells what they
have in common, and further convolutions see that. What they say is added to what the pixelwise encoder makes of each
light of a pixel; the closed form behind it is the set network's, so that untrained it is the robust solver.

Legend: B objects, L lights, P = H * W pixels, H height, W width, h, w half of them, F features, C channels, 3 the axes
x right, y UP, z to the camera.
"""

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.set_network import (
    FEATURES,
    Backbone,
    Seen,
    SetSolver,
    encoder_of,
    features_of,
    pooled,
    scale_of,
    seen_of,
    typical_of,
)
from truscore.zoo.photometric.weighted_solve import unit

_DIRECTIONS = 4  # features that turn: light and first normal, across and up


class ViewContext(nn.Module):
    """What the surroundings of a pixel say of each of its lights [B, L, P, C]; not negative."""

    def __init__(self, features: int, channels: int, width: int) -> None:
        super().__init__()
        half, quarter = 2 * channels, 4 * channels
        self.near = _around(features, channels)
        self.view = nn.ModuleList([_around(channels, half, stride=2), _around(half, half)])
        self.common = nn.ModuleList([_around(2 * half, quarter, stride=2), *(_around(quarter, quarter) for _ in "ab")])
        self.back_to_half = nn.ConvTranspose2d(quarter, half, kernel_size=4, stride=2, padding=1)
        self.fused = _around(2 * half + half, half)
        self.told = nn.Conv2d(half, half, kernel_size=1)
        self.own = _around(half, half)
        self.back_to_whole = nn.ConvTranspose2d(half, width, kernel_size=4, stride=2, padding=1)
        self.skip = nn.Conv2d(channels, width, kernel_size=1)

    def forward(self, feature_BLPF: Tensor, present_BL: Tensor, inside_BHW: Tensor) -> Tensor:
        count, lights = present_BL.shape
        height, width = inside_BHW.shape[1:]
        inside_B1HW = inside_BHW[:, None]
        inside_B1hw = _halved(inside_B1HW)
        inside_quarter = _halved(inside_B1hw)

        def of_views(values: Tensor) -> Tensor:
            """[B, L, ...] of [B L, ...]."""
            return values.reshape(count, lights, *values.shape[1:])

        laid_BLFHW = feature_BLPF.transpose(2, 3).reshape(count, lights, -1, height, width) * inside_B1HW[:, None]
        near_BLCHW = of_views(self.near(laid_BLFHW.flatten(0, 1)).relu()) * inside_B1HW[:, None]
        feature_BLChw = near_BLCHW
        for layer in self.view:
            feature_BLChw = of_views(layer(feature_BLChw.flatten(0, 1)).relu()) * inside_B1hw[:, None]
        pooled_BChw = _pooled(feature_BLChw, present_BL)
        common = pooled_BChw
        for layer in self.common:
            common = layer(common).relu() * inside_quarter
        common_BChw = _cut(self.back_to_half(common).relu(), inside_B1hw) * inside_B1hw
        common_BChw = self.fused(torch.cat([pooled_BChw, common_BChw], dim=1)).relu() * inside_B1hw
        own_BLChw = of_views(self.own(feature_BLChw.flatten(0, 1)))
        told_BLChw = (own_BLChw + self.told(common_BChw)[:, None]).relu() * inside_B1hw[:, None]
        whole = self.back_to_whole(told_BLChw.flatten(0, 1))
        said_BLCHW = of_views((_cut(whole, inside_B1HW) + self.skip(near_BLCHW.flatten(0, 1))).relu())
        return said_BLCHW.flatten(3).transpose(2, 3)


class PixelBlock(nn.Module):
    """A layer on each light, with what is common to the lights of its pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own = nn.Linear(width, width)
        self.pixel = nn.Linear(2 * width, width, bias=False)

    def forward(self, feature_BLPC: Tensor, present_BLPC: Tensor) -> Tensor:
        common_BPC = self.pixel(pooled(feature_BLPC, present_BLPC))
        more_BLPC: Tensor = (self.own(feature_BLPC) + common_BPC[:, None]).relu()
        return feature_BLPC + more_BLPC


class SpatialBackbone(Backbone):
    """The encoder of a light, the context of its view and the blocks behind them, which the set network's are without
    what is common to all pixels of an object: context takes its place, and windows see what the whole does."""

    def __init__(self, width: int, blocks: int, context: int) -> None:
        super().__init__()
        around = ViewContext(FEATURES + _DIRECTIONS, context, width)
        self.body = nn.ModuleList([encoder_of(FEATURES, width), around, *(PixelBlock(width) for _ in range(blocks))])

    def forward(self, feature_BLPF: Tensor, present_BL: Tensor, inside_BHW: Tensor) -> Tensor:
        """[B, L, P, C]."""
        encoder, around, *blocks = self.body
        feature_BLPC: Tensor = encoder(feature_BLPF[..., :FEATURES]) + around(feature_BLPF, present_BL, inside_BHW)
        for block in blocks:
            feature_BLPC = block(feature_BLPC, present_BL[..., None, None])
        return feature_BLPC


class SpatialSetNetwork(SetSolver):
    """The normals alone, of pixels that are laid out."""

    def __init__(self, width: int, blocks: int, context: int, dropout: float = 0.0) -> None:
        super().__init__(width, blocks, dropout, backbone=SpatialBackbone(width, blocks, context))

    def forward(
        self, samples_BLP: Tensor, lights_BL3: Tensor, level_BL: Tensor, present_BL: Tensor, inside_BHW: Tensor
    ) -> Tensor:
        """Unit normals [B, H, W, 3]. ``samples_BLP`` are those of the rectangle's rows one after another, else as the
        set network takes them."""
        object_B11 = typical_of(scale_of(samples_BLP, level_BL, present_BL), inside_BHW.flatten(1))
        return self.part((samples_BLP, lights_BL3, level_BL, present_BL), inside_BHW, object_B11)

    def part(self, given: tuple[Tensor, Tensor, Tensor, Tensor], inside_BHW: Tensor, object_B11: Tensor) -> Tensor:
        """The same of a window of objects with these typical samples [B, 1, 1]; ``given`` is what ``forward`` takes
        first."""
        seen, present_BL = seen_of(*given), given[3]
        feature_BLPF = torch.cat([features_of(seen, object_B11), _directions(seen)], dim=-1)
        feature_BLPC = self.backbone(feature_BLPF, present_BL, inside_BHW)
        normals_BP3 = self.weighed(seen, feature_BLPC, present_BL).normals_BP3
        count, height, width = inside_BHW.shape
        return normals_BP3.reshape(count, height, width, 3)


def _directions(seen: Seen) -> Tensor:
    """[B, L, P, 4]: what lies beside a pixel is another thing on the side of the light."""
    light_BLP2 = seen.lights_BL3[:, :, None, :2].expand(-1, -1, seen.start_BP3.shape[1], -1)
    normal_BLP2 = unit(seen.start_BP3)[:, None, :, :2].expand(-1, seen.lights_BL3.shape[1], -1, -1)
    return torch.cat([light_BLP2, normal_BLP2], dim=-1)


def _around(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1)


def _halved(inside_B1HW: Tensor) -> Tensor:
    """1 where one of two by two pixels is inside, of sides that may be odd."""
    return nn.functional.max_pool2d(nn.functional.pad(inside_B1HW, (0, 1, 0, 1)), kernel_size=2)


def _cut(values_BChw: Tensor, like_B1hw: Tensor) -> Tensor:
    """As many rows and columns as ``like_B1hw`` has, which are the same or one fewer."""
    height, width = like_B1hw.shape[2:]
    if not torch.compiler.is_exporting():
        return values_BChw[..., :height, :width]
    # torch.export cannot tell that a slice of so many fits; an index it takes.
    place_H, place_W = (torch.arange(length, device=like_B1hw.device) for length in (height, width))
    return values_BChw.index_select(2, place_H).index_select(3, place_W)


def _pooled(feature_BLChw: Tensor, present_BL: Tensor) -> Tensor:
    """Mean and maximum over the lights that are there [B, 2 C, h, w]."""
    present_BL111 = present_BL[..., None, None, None]
    there_BLChw = feature_BLChw * present_BL111
    mean_BChw = there_BLChw.sum(dim=1) / present_BL111.sum(dim=1)
    return torch.cat([mean_BChw, there_BLChw.amax(dim=1)], dim=1)
