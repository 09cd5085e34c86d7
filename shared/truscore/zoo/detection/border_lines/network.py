"""The network of the second stage: where in a strip its line runs.

Convolutions give each place of the strip, in segments along it, a value for "the line is here"; what runs straight
through the whole strip adds up, over offsets and tilts, as in a Hough transform (Zhao et al. 2021, "Deep Hough
Transform for Semantic Line Detection"). All is differentiable; no line at all is one more outcome.

Legend: S strips, C channels, A offsets, L places along, G segments of them, T tilts, K kinds of border.
"""

import torch
from torch import Tensor, nn

OFFSETS = 96
PLACES = 128
SEGMENT = 8  # places
CHANNELS = 16
DILATIONS = (1, 2, 4, 8, 16)  # across: the last sees two thirds of the strip
MOST_TILT = 24  # offsets, from the first segment to the last, either way
TILT_STEP = 3
INPUTS = 7  # red, green, blue, whether the picture is there, the offset, the strip's reach, its kind


class LineNetwork(nn.Module):
    """From strips to log-probabilities of offset and tilt of each one's line, and of there being none."""

    shift_TAG: Tensor

    def __init__(self, kinds: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(INPUTS, CHANNELS, (3, SEGMENT), stride=(1, SEGMENT), padding=(1, 0))]
        for dilation in DILATIONS:
            layers += [
                nn.GroupNorm(4, CHANNELS),
                nn.ReLU(inplace=True),
                nn.Conv2d(CHANNELS, CHANNELS, (5, 3), padding=(2 * dilation, 1), dilation=(dilation, 1)),
            ]
        self.features = nn.Sequential(*layers, nn.GroupNorm(4, CHANNELS), nn.ReLU(inplace=True))
        self.line = nn.Conv2d(CHANNELS, kinds, 1)
        self.none = nn.Linear(CHANNELS, kinds)
        self.sharpness = nn.Parameter(torch.zeros(()))
        self.register_buffer("shift_TAG", _shifts(), persistent=False)

    def forward(
        self, strips_SCAL: Tensor, inside_S1AL: Tensor, reach_S: Tensor, kinds_S: Tensor
    ) -> tuple[Tensor, Tensor]:
        """[S, K, T, A] and [S, K]: for each kind of border, log-probabilities of its line's tilt and offset at the
        strip's middle, and of there being none in this strip.

        ``reach_S`` is the share of the border's shorter side that the strip reaches to either side; ``kinds_S`` says
        which border it was laid along, from 0.
        """
        features_SCAG = self.features(_inputs(strips_SCAL, inside_S1AL, reach_S, kinds_S))
        line_SKAG = self.line(features_SCAG)
        # Mean along each line of the grid of tilts and offsets; beyond the strip its last row goes on.
        tilts, rows, segments = self.shift_TAG.shape
        place_N = (self.shift_TAG * segments + torch.arange(segments, device=line_SKAG.device)).flatten()
        at_SKTAG = line_SKAG.flatten(2).index_select(2, place_N).reshape(-1, line_SKAG.shape[1], tilts, rows, segments)
        score_SKTA = at_SKTAG.mean(dim=-1) * (2 * self.sharpness).exp() * 4
        none_SK = self.none(features_SCAG.amax(dim=(2, 3)))
        flat_SKN = torch.cat([score_SKTA.flatten(2), none_SK[:, :, None] + 4], dim=2).log_softmax(dim=2)
        return flat_SKN[:, :, :-1].reshape(score_SKTA.shape), flat_SKN[:, :, -1]


def tilts() -> Tensor:
    """[T]: in offsets, from the middle of the first segment to that of the last."""
    return torch.arange(-MOST_TILT, MOST_TILT + 1, TILT_STEP, dtype=torch.float32)


def _shifts() -> Tensor:
    """[T, A, G]: which offset a line of this tilt has in each segment, whose offset is A at the strip's middle."""
    along_G = torch.linspace(-0.5, 0.5, PLACES // SEGMENT)
    shift_TG = (tilts()[:, None] * along_G).round().long()
    return (torch.arange(OFFSETS)[None, :, None] + shift_TG[:, None]).clamp(0, OFFSETS - 1)


def _inputs(strips_SCAL: Tensor, inside_S1AL: Tensor, reach_S: Tensor, kinds_S: Tensor) -> Tensor:
    """[S, INPUTS, A, L]: each strip at mean 0 and deviation 1, for cards of any colour in light of any strength."""
    centred_SCAL = strips_SCAL - strips_SCAL.mean(dim=(2, 3), keepdim=True)
    deviation_S111 = centred_SCAL.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    offset_A1 = torch.linspace(-1, 1, OFFSETS, device=strips_SCAL.device)[:, None]
    offset_S1AL = offset_A1.expand_as(inside_S1AL)
    reach_S1AL = (10 * reach_S[:, None, None, None]).expand_as(inside_S1AL)
    kind_S1AL = kinds_S.to(inside_S1AL)[:, None, None, None].expand_as(inside_S1AL)
    values_SCAL = centred_SCAL / (deviation_S111 + 0.02)
    return torch.cat([values_SCAL, inside_S1AL, offset_S1AL, reach_S1AL, kind_S1AL], dim=1)
