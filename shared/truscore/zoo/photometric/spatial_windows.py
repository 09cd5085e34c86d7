"""Views of any size by a network that sees what lies around a pixel, window by window, so that memory is a window's.

Windows overlap by as much as the network sees: answers are those of the whole at once. All that a pixel learns from
beyond that is the object's typical sample, which is found beforehand. Written in what TorchScript compiles: exported
files go through the same loops.

Legend: L lights, H, W sides of the views, h, w those of a window, 3 the axes x right, y UP, z to the camera.
"""

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.set_network import scale_of, typical_of
from truscore.zoo.photometric.spatial_network import SpatialSetNetwork

# Pixels that a window answers for. With what it sees beside them, a network of 96 channels takes about 1.5 GB under 24
# lights; half of it would compute each pixel three times.
WINDOW = 128
# Pixels that are seen to each side, at most 22. Windows begin at multiples of four, where strides do.
_BESIDE = 24


class WindowAnswers(nn.Module):
    """Unit normals [h, w, 3] of one window, as ``WindowedNormals`` takes them."""

    def __init__(self, network: SpatialSetNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(  # noqa: PLR0917  traced, so by position
        self,
        samples_Lhw: Tensor,
        lights_L3: Tensor,
        level_L: Tensor,
        present_L: Tensor,
        inside_hw: Tensor,
        object_111: Tensor,
    ) -> Tensor:
        given = (samples_Lhw.flatten(1)[None], lights_L3[None], level_L[None], present_L[None])
        return self.network.part(given, inside_hw[None], object_111)[0]


class TypicalSample(nn.Module):
    """The typical sample of the object [1, 1, 1], of all its pixels."""

    def forward(self, samples_LHW: Tensor, level_L: Tensor, present_L: Tensor, inside_HW: Tensor) -> Tensor:
        scale_11P = scale_of(samples_LHW.flatten(1)[None], level_L[None], present_L[None])
        return typical_of(scale_11P, inside_HW.flatten()[None])


class WindowedNormals(nn.Module):
    """Takes samples as the network does, of one object and laid out; gives unit normals [H, W, 3]."""

    def __init__(self, answers: nn.Module, typical: nn.Module, window: int = WINDOW) -> None:
        """``answers`` and ``typical`` are the two above, as they are or traced; ``window`` is a multiple of four."""
        super().__init__()
        self.answers = answers
        self.typical = typical
        self.window = window
        self.beside = _BESIDE

    def forward(
        self, samples_LHW: Tensor, lights_L3: Tensor, level_L: Tensor, present_L: Tensor, inside_HW: Tensor
    ) -> Tensor:
        object_111: Tensor = self.typical(samples_LHW, level_L, present_L, inside_HW)
        height, width = inside_HW.shape[0], inside_HW.shape[1]
        bands: list[Tensor] = []
        for top in range(0, height, self.window):
            first_row, last_row = max(0, top - self.beside), min(height, top + self.window + self.beside)
            rows_LhW, inside_hW = samples_LHW[:, first_row:last_row], inside_HW[first_row:last_row]
            pieces: list[Tensor] = []
            for left in range(0, width, self.window):
                first, last = max(0, left - self.beside), min(width, left + self.window + self.beside)
                normals_hw3: Tensor = self.answers(
                    rows_LhW[:, :, first:last], lights_L3, level_L, present_L, inside_hW[:, first:last], object_111
                )
                pieces.append(normals_hw3[:, left - first : left - first + self.window])
            bands.append(torch.cat(pieces, dim=1)[top - first_row : top - first_row + self.window])
        return torch.cat(bands, dim=0)
