"""A surface out of a set of views: normals, their slopes weighed by what surrounds them, and the height that fits best.

Normals are those of the set network, pixel by pixel. A small convolutional network sees them laid out and says by how
much each edge between neighbours counts and what is to be added to the slopes; the height follows in closed form, and
a second one adds what the slopes' disagreement with it tells. Untrained it is the robust solver and Poisson's equation.

Legend: B objects, L lights, P = H * W pixels, H height, W width, C channels, 3 the axes x right, y UP, z to the camera.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.integration import (
    Edges,
    between,
    certainty,
    differences,
    edges_certain,
    edges_inside,
    integrated,
    normals_of,
    slopes,
)
from truscore.zoo.photometric.light_refit import LightRefit
from truscore.zoo.photometric.set_network import SetSolver, Solved

_PLAIN = 6  # channels that are no learned features
_DILATIONS = (1, 2, 4)  # 15 pixels seen, of pictures of any size
_MOST_SLOPE = 0.3  # that is added to a slope
_MOST_HEIGHT = 1.0  # pixels that are added to the height
_LEAST_WEIGHT = 0.02
_FIRST_WEIGHT = 4.0  # whose logistic is 0.98: at first edges count nearly alike, and exactly alike in proportion


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """The height towards the camera in pixels, 0 in the mean over what is inside, and its unit normals."""

    height_BHW: Tensor
    normals_BHW3: Tensor


class Context(nn.Module):
    """Dilated convolutions whose last layer says nothing at first."""

    def __init__(self, channels: int, width: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, kernel_size=1)
        self.around = nn.ModuleList(
            nn.Conv2d(width, width, kernel_size=3, padding=dilation, dilation=dilation) for dilation in _DILATIONS
        )
        self.last = nn.Conv2d(width, outputs, kernel_size=1)
        for weights in self.last.parameters():
            nn.init.zeros_(weights)

    def forward(self, values_BCHW: Tensor, inside_B1HW: Tensor) -> Tensor:
        feature_BCHW = nn.functional.relu(self.first(values_BCHW)) * inside_B1HW
        for layer in self.around:
            feature_BCHW = (feature_BCHW + nn.functional.relu(layer(feature_BCHW))) * inside_B1HW
        found: Tensor = self.last(feature_BCHW)
        return found


class SurfaceNetwork(SetSolver):
    """The set network's normals and the surface through them."""

    def __init__(self, width: int, blocks: int, context: int, *, refits_lights: bool, dropout: float = 0.0) -> None:
        super().__init__(width, blocks, dropout)
        self.refit = LightRefit() if refits_lights else None
        self.edges = Context(_PLAIN + 2 * width, context, 4)
        self.refinement = Context(_PLAIN + 2 + 2 * width, context, 1)

    def forward(
        self, samples_BLP: Tensor, lights_BL3: Tensor, level_BL: Tensor, present_BL: Tensor, inside_BHW: Tensor
    ) -> Surface:
        """``samples_BLP`` are those of the rectangle's rows one after another, else as the set network takes them."""
        if self.refit is not None:
            lights_BL3 = self.refit(samples_BLP, lights_BL3, level_BL, present_BL, inside_BHW)
        solved = self.solved(samples_BLP, lights_BL3, level_BL, present_BL, inside_BHW.flatten(1))
        slope_B2HW = _slopes(solved, inside_BHW)
        described_BCHW = _described(solved, slope_B2HW, inside_BHW)
        inside_B1HW = inside_BHW[:, None]
        said_BCHW = self.edges(described_BCHW, inside_B1HW)
        slope_B2HW = slope_B2HW + _MOST_SLOPE * torch.tanh(said_BCHW[:, 2:])
        certain_BHW = certainty(solved.normals_BP3.reshape(*inside_BHW.shape, 3))
        trusted = _trusted(said_BCHW[:, :2], inside_BHW)
        certain = edges_certain(certain_BHW, inside_BHW)
        weight = (trusted[0] * certain[0], trusted[1] * certain[1])
        target = between(slope_B2HW[:, 0], slope_B2HW[:, 1], certain_BHW)
        height_BHW = integrated(target, weight)
        left_B2HW = _left(target, height_BHW.to(slope_B2HW.dtype), inside_BHW)
        seen_BCHW = torch.cat([described_BCHW, left_B2HW], dim=1)
        more_BHW = _MOST_HEIGHT * torch.tanh(self.refinement(seen_BCHW, inside_B1HW)[:, 0])
        whole_BHW = _centred(height_BHW + more_BHW, inside_BHW)
        return Surface(
            height_BHW=whole_BHW.to(samples_BLP.dtype),
            normals_BHW3=normals_of(whole_BHW, trusted).to(samples_BLP.dtype),
        )


def _centred(height_BHW: Tensor, inside_BHW: Tensor) -> Tensor:
    """0 outside, too."""
    count_B11 = inside_BHW.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    return (height_BHW - (height_BHW * inside_BHW).sum(dim=(1, 2), keepdim=True) / count_B11) * inside_BHW


def _slopes(solved: Solved, inside_BHW: Tensor) -> Tensor:
    count, height, width = inside_BHW.shape
    laid_BHW3 = solved.normals_BP3.reshape(count, height, width, 3)
    return torch.stack(slopes(laid_BHW3), dim=1) * inside_BHW[:, None]


def _described(solved: Solved, slope_B2HW: Tensor, inside_BHW: Tensor) -> Tensor:
    """[B, C, H, W]: slopes, how they bend, and how well the pixel is explained."""
    count, height, width = inside_BHW.shape
    right_BHW, down_BHW = slope_B2HW.unbind(dim=1)
    pad = nn.functional.pad
    # The curl: 0 of a surface without steps.
    curl_BHW = pad(right_BHW[:, 1:] - right_BHW[:, :-1], (0, 0, 0, 1)) - pad(
        down_BHW[:, :, 1:] - down_BHW[:, :, :-1], (0, 1)
    )
    plain_BCHW = torch.stack(
        [
            torch.tanh(right_BHW),
            torch.tanh(down_BHW),
            torch.tanh(4 * curl_BHW),
            (torch.log(solved.misfit_BP + 2e-3) / 4).reshape(count, height, width),
            solved.agreed_BP.reshape(count, height, width),
            inside_BHW,
        ],
        dim=1,
    )
    pooled_BCHW = solved.pooled_BPC.permute(0, 2, 1).reshape(count, -1, height, width)
    return torch.cat([plain_BCHW, pooled_BCHW], dim=1) * inside_BHW[:, None]


def _trusted(said_B2HW: Tensor, inside_BHW: Tensor) -> Edges:
    across, along = edges_inside(inside_BHW)
    counted_B2HW = _LEAST_WEIGHT + (1 - _LEAST_WEIGHT) * torch.sigmoid(_FIRST_WEIGHT + said_B2HW)
    return counted_B2HW[:, 0, :, :-1] * across, counted_B2HW[:, 1, :-1] * along


def _left(target: Edges, height_BHW: Tensor, inside_BHW: Tensor) -> Tensor:
    """What the height leaves of each slope to the right and below [B, 2, H, W]."""
    across, along = edges_inside(inside_BHW)
    grown = differences(height_BHW)
    pad = nn.functional.pad
    left_across = pad((target[0] - grown[0]) * across, (0, 1))
    left_along = pad((target[1] - grown[1]) * along, (0, 0, 0, 1))
    return torch.tanh(4 * torch.stack([left_across, left_along], dim=1))
