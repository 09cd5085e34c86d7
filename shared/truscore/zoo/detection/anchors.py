"""Anchors whose aspect ratios are those of the boxes that a network is trained on.

Legend: A anchors of a place, N boxes, Q aspect ratios.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection.anchor_utils import AnchorGenerator

MOST_RATIO = 16.0  # of height to width, and the reverse: a longer anchor is thinner than the finest map's stride
_ROUNDS = 100


class FittedAnchors(AnchorGenerator):  # type: ignore[misc]
    """Torchvision's anchors, with ratios that ``fit`` sets before training and that the state dict carries."""

    ratios_Q: Tensor

    def __init__(self, sizes: Sequence[Sequence[int]], count: int) -> None:
        """``sizes`` are sides of squares of the anchors' area, by level, in pixels; ``count``: Q."""
        ratios = spread_ratios(count)
        super().__init__(tuple(tuple(level) for level in sizes), (tuple(ratios),) * len(sizes))
        self.register_buffer("ratios_Q", torch.tensor(ratios, dtype=torch.float32))
        self.register_load_state_dict_post_hook(_renewed)

    def fit(self, ratios_N: NDArray[np.float64]) -> None:
        """Take the ratios, height by width, that N boxes have. Of none nothing changes, nor where weights were loaded
        that have ratios of their own: what they know of anchors is about those."""
        unset_Q = torch.tensor(spread_ratios(len(self.ratios_Q)), device=self.ratios_Q.device)
        if len(ratios_N) and torch.equal(self.ratios_Q, unset_Q):
            self.ratios_Q.copy_(torch.from_numpy(fitted_ratios(ratios_N, len(self.ratios_Q))))
            self.renew()

    def renew(self) -> None:
        """[A, 4] of each level from the ratios as they are."""
        ratios = self.ratios_Q.tolist()
        self.cell_anchors = [self.generate_anchors(level, ratios, device=self.ratios_Q.device) for level in self.sizes]


def _renewed(anchors: Any, _incompatible: Any) -> None:
    anchors.renew()


def spread_ratios(count: int) -> list[float]:
    """Powers of two about 1: of five, from 1/4 to 4."""
    return [2.0 ** (place - (count - 1) / 2) for place in range(count)]


def fitted_ratios(ratios_N: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """[Q], ascending: centres of clusters of the ratios' logarithms, in which a box and its quarter turn lie alike far
    from the square (k-means: Lloyd 1982, "Least Squares Quantization in PCM"; anchors from clusters of the training
    boxes: Redmon & Farhadi 2017, "YOLO9000", section 2). Deterministic: begun at quantiles."""
    logs_N = np.sort(np.log(np.clip(ratios_N, 1 / MOST_RATIO, MOST_RATIO)))
    centres_Q = np.quantile(logs_N, (np.arange(count) + 0.5) / count)
    for _ in range(_ROUNDS):
        nearest_N = np.abs(logs_N[:, None] - centres_Q).argmin(axis=1)
        # A cluster without boxes stays where it is.
        moved_Q = np.array(
            [logs_N[nearest_N == q].mean() if (nearest_N == q).any() else centre for q, centre in enumerate(centres_Q)]
        )
        if np.array_equal(moved_Q, centres_Q):
            break
        centres_Q = moved_Q
    fitted_Q: NDArray[np.float64] = np.exp(centres_Q)
    return fitted_Q
