"""True depth, found depth and what lies between them, side by side, as PNG files. H height, W width."""

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from truscore.metrics.depth import without_plane

LONGER_SIDE_PX = 320
_LEAST_RANGE_UM = 2.0  # from black to white: paper alone is no relief


class KnownDepth(Protocol):
    """A sample whose depth is known: in steps of ``pitch_um`` where ``known_HW`` is 1."""

    @property
    def depth_HW(self) -> Tensor: ...  # noqa: N802

    @property
    def known_HW(self) -> Tensor: ...  # noqa: N802

    @property
    def pitch_um(self) -> float: ...


def write_depth(sample: KnownDepth, height_HW: NDArray[np.float64], path: Path) -> None:
    """Both without their planes and from dark to bright over the true one's range (1st to 99th percentile); of the
    error, white is half of that range."""
    known_HW = sample.known_HW.numpy() > 0
    true_HW = without_plane(sample.depth_HW.double().numpy() * sample.pitch_um, known_HW)
    found_HW = without_plane(height_HW * sample.pitch_um, known_HW)
    apart_HW = np.abs(without_plane(np.nan_to_num(found_HW - true_HW), known_HW))
    low, high = np.percentile(true_HW[known_HW], (1, 99)) if known_HW.any() else (0.0, 0.0)
    reach = max(high - low, _LEAST_RANGE_UM)
    shares = ((true_HW - low) / reach, (found_HW - low) / reach, apart_HW / (reach / 2))
    maps = (cv2.COLORMAP_VIRIDIS, cv2.COLORMAP_VIRIDIS, cv2.COLORMAP_INFERNO)
    parts = [_coloured(share_HW, known_HW, colours) for share_HW, colours in zip(shares, maps, strict=True)]
    _, encoded = cv2.imencode(".png", np.concatenate(parts, axis=1))
    path.write_bytes(encoded.tobytes())


def _coloured(share_HW: NDArray[np.float64], known_HW: NDArray[np.bool_], colours: int) -> NDArray[np.uint8]:
    grey_HW = np.round(255 * np.clip(np.nan_to_num(share_HW), 0, 1)).astype(np.uint8)
    coloured_HW3 = np.where(known_HW[..., None], cv2.applyColorMap(grey_HW, colours), 0).astype(np.uint8)
    height, width = known_HW.shape
    factor = LONGER_SIDE_PX / max(height, width)
    sized = cv2.resize(
        coloured_HW3, (max(1, round(width * factor)), max(1, round(height * factor))), interpolation=cv2.INTER_NEAREST
    )
    return np.asarray(sized, dtype=np.uint8)
