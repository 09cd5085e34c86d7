"""A picture of any size by a network that sees squares, at its native resolution: tile by tile, blended.

Tiles lie within the picture, evenly spread, so that the network meets the picture's margin as windows did in training.
Of two neighbours each answers up to the middle of what they share, away from its own margin, where a network sees the
least; there one fades into the other. One row of tiles is held at a time, so memory is the picture's and the answer's.

Written in what TorchScript compiles: exported files go through the same loops.

Legend: C channels, K classes with "nothing" as class 0, H, W sides of the picture, S side of a tile, h, w of the part
of a tile that shows the picture, R pixels over which two tiles fade into each other.
"""

import torch
from torch import Tensor, nn

from truscore.zoo.framing import GREY, Framed

# Of a tile's side: what each of two neighbours leaves to the other at least, and the fade between.
_MARGIN = _FADE = 1 / 16


class TileAnswers(nn.Module):
    """Probabilities [1, K, S, S] of one tile [1, C, S, S], as ``TiledPicture`` takes them."""

    def __init__(self, network: Framed) -> None:
        # Here, not above: it loads libraries that take seconds, which exporters of other networks do without.
        from truscore.zoo.segmentation.segmenter import Segmenter

        super().__init__()
        self.network = network
        self.by_softmax = isinstance(network, Segmenter)

    def forward(self, tile_1CSS: Tensor) -> Tensor:
        raw_1KSS: Tensor = self.network(tile_1CSS)
        if self.by_softmax:
            # Their softmax, written out: over an axis that is not the last, onnxruntime's takes four times as long.
            odds_1KSS = (raw_1KSS.float() - raw_1KSS.float().amax(dim=1, keepdim=True)).exp()
            return odds_1KSS / odds_1KSS.sum(dim=1, keepdim=True)
        return self.network.answers(raw_1KSS)["probabilities"]


class TiledPicture(nn.Module):
    """Takes a picture [C, H, W] from 0 to 1; gives probabilities [K, H, W] whose largest is what ``decided`` says."""

    ramp_R: Tensor

    def __init__(self, tile_answers: nn.Module, *, classes: int, side: int, threshold: float = 0.5) -> None:
        """``classes`` is K; ``threshold`` the probability from which a pixel is damage, of whatever class."""
        super().__init__()
        self.tile_answers = tile_answers
        self.classes = classes
        self.side = side
        self.fade = max(1, int(side * _FADE))
        self.step = side - 2 * int(side * _MARGIN) - self.fade
        self.threshold = threshold
        self.grey = GREY
        ramp_R = (torch.arange(self.fade, dtype=torch.float32) + 0.5) / self.fade
        self.register_buffer("ramp_R", ramp_R, persistent=False)

    def forward(self, image_CHW: Tensor) -> Tensor:
        return self._blended(image_CHW, True)

    def undecided(self, image_CHW: Tensor) -> Tensor:
        """[K, H, W]: what the network says, whatever the threshold."""
        return self._blended(image_CHW, False)

    def _blended(self, image_CHW: Tensor, decides: bool) -> Tensor:
        height, width = image_CHW.shape[1], image_CHW.shape[2]
        count = self._count(height)
        # As if a row of tiles without any answer ended where the picture begins: the loop has no first case, which a
        # graph would hold as a second copy of the network.
        before_KSW = torch.zeros([self.classes, self.side, width], device=image_CHW.device)
        before_at, begin = self.fade - self.side, self.side - self.fade
        pieces = [before_KSW[:, :0]]
        for number in range(count):
            at = self._place(number, count, height)
            band_KhW = self._band(image_CHW[:, at : at + self.side])
            own = (before_at + self.side - at - self.fade) // 2
            end = at + own - before_at
            faded_KRW = band_KhW[:, own : own + self.fade]
            rows = faded_KRW.shape[1]
            share_R1 = self._share(number, rows)[:, None]
            faded_KRW = faded_KRW * share_R1 + before_KSW[:, end : end + rows] * (1 - share_R1)
            pieces.append(self._answered(before_KSW[:, begin:end], decides))
            pieces.append(self._answered(faded_KRW, decides))
            before_KSW, before_at, begin = band_KhW, at, own + rows
        pieces.append(self._answered(before_KSW[:, begin:], decides))
        return torch.cat(pieces, dim=1)

    def _band(self, image_ChW: Tensor) -> Tensor:
        """[K, h, W] of a row of tiles; the columns' counterpart of ``_blended``."""
        width = image_ChW.shape[2]
        count = self._count(width)
        before_Khw = torch.zeros([self.classes, image_ChW.shape[1], self.side], device=image_ChW.device)
        before_at, begin = self.fade - self.side, self.side - self.fade
        pieces = [before_Khw[:, :, :0]]
        for number in range(count):
            at = self._place(number, count, width)
            tile_Khw = self._tile(image_ChW[:, :, at : at + self.side])
            own = (before_at + self.side - at - self.fade) // 2
            end = at + own - before_at
            faded_KhR = tile_Khw[:, :, own : own + self.fade]
            columns = faded_KhR.shape[2]
            share_R = self._share(number, columns)
            pieces.append(before_Khw[:, :, begin:end])
            pieces.append(faded_KhR * share_R + before_Khw[:, :, end : end + columns] * (1 - share_R))
            before_Khw, before_at, begin = tile_Khw, at, own + columns
        pieces.append(before_Khw[:, :, begin:])
        return torch.cat(pieces, dim=2)

    def _tile(self, image_Chw: Tensor) -> Tensor:
        height, width = image_Chw.shape[1], image_Chw.shape[2]
        tile_CSS = nn.functional.pad(image_Chw, [0, self.side - width, 0, self.side - height], value=self.grey)
        answer_1KSS: Tensor = self.tile_answers(tile_CSS[None])
        return answer_1KSS[0, :, :height, :width]

    def _answered(self, probability_KhW: Tensor, decides: bool) -> Tensor:
        return decided(probability_KhW, self.threshold) if decides else probability_KhW

    def _share(self, number: int, length: int) -> Tensor:
        """[R]: what counts of the later tile; of the first, everything."""
        return (self.ramp_R[:length] + float(number == 0)).clamp(max=1.0)

    def _count(self, length: int) -> int:
        return max(1, (length - self.side + self.step - 1) // self.step + 1)

    def _place(self, number: int, count: int, length: int) -> int:
        return number * max(0, length - self.side) // max(1, count - 1)


def decided(probability_KHW: Tensor, threshold: float) -> Tensor:
    """The same distribution with its odds of damage divided by those of the threshold, so that "nothing" is most
    probable below the threshold, and above it the damage that is most probable of them. Sums to 1 again."""
    nothing_1HW = probability_KHW[:1].clamp(min=1e-7)
    odds_1HW = (1.0 - nothing_1HW) / nothing_1HW * ((1.0 - threshold) / threshold)
    best_1HW = probability_KHW[1:].amax(dim=0, keepdim=True).clamp(min=1e-12)
    raw_KHW = torch.cat((torch.ones_like(nothing_1HW), odds_1HW * (probability_KHW[1:] / best_1HW)))
    return raw_KHW / raw_KHW.sum(dim=0, keepdim=True)
