"""True normals, found normals and the angle between them, side by side, as PNG files. H height, W width, P pixels."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from truscore.metrics.normals import angular_errors

from services.trainer.worker.tasks.lit_objects import LitSample

MOST_DEG = 20.0  # white on the map of errors
LONGER_SIDE_PX = 320


def write_normals(sample: LitSample, prediction_P3: NDArray[np.float32], size: tuple[int, int], path: Path) -> None:
    """``prediction_P3`` are those of the sample's pixels, in a picture of ``size`` (height, width)."""
    target_P3 = sample.normals_P3.numpy()
    share_P = np.clip(np.nan_to_num(angular_errors(prediction_P3, target_P3), nan=MOST_DEG) / MOST_DEG, 0, 1)
    coloured_P13 = cv2.applyColorMap(np.round(255 * share_P).astype(np.uint8)[:, None], cv2.COLORMAP_INFERNO)
    heat_P3 = np.asarray(coloured_P13[:, 0], dtype=np.uint8)
    parts = [_laid(colours_P3, sample, size) for colours_P3 in (_colours(target_P3), _colours(prediction_P3), heat_P3)]
    _, encoded = cv2.imencode(".png", np.concatenate(parts, axis=1))
    path.write_bytes(encoded.tobytes())


def _colours(normals_P3: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Blue, green, red of z, y, x, as normal maps have them."""
    coloured_P3: NDArray[np.uint8] = np.round(255 * (normals_P3[:, ::-1] + 1) / 2).astype(np.uint8)
    return coloured_P3


def _laid(colours_P3: NDArray[np.uint8], sample: LitSample, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels that an object of very many was not evaluated on stay black."""
    height, width = size
    picture_NC = np.zeros((height * width, 3), dtype=np.uint8)
    picture_NC[sample.place_P] = colours_P3
    factor = LONGER_SIDE_PX / max(height, width)
    sized = cv2.resize(
        picture_NC.reshape(height, width, 3),
        (max(1, round(width * factor)), max(1, round(height * factor))),
        interpolation=cv2.INTER_NEAREST,
    )
    return np.asarray(sized, dtype=np.uint8)
