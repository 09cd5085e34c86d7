"""Maps of an object's reflectance above, and below them a photograph under a light that was held out, the surface as it
would look under it, and how far that is off, as PNG files. H height, W width, P pixels, M lights held out.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from truscore.metrics.reflectance import fitted_gain

from services.trainer.worker.tasks.lit_objects import LitSample
from services.trainer.worker.tasks.reflectance_solvers import Found, relit_beside

MOST_OFF = 0.1  # of full scale, white on the map of errors
MOST_ROUGHNESS = 0.8  # white
LONGER_SIDE_PX = 200

Grey = NDArray[np.floating]


def write_reflectance(sample: LitSample, found: Found, size: tuple[int, int], path: Path) -> None:
    """Two rows of four and three: true and found albedo, true and found roughness; photograph, re-lit, error."""
    true_albedo_P, true_roughness_P, true_f0_P = sample.reflectance_P3.numpy().T
    gain = fitted_gain(found.albedo_P, true_albedo_P)
    glossy_P = true_f0_P > 0  # roughness is seen nowhere else
    above = [
        true_albedo_P,
        gain * found.albedo_P,
        true_roughness_P * glossy_P / MOST_ROUGHNESS,
        found.roughness_P * glossy_P / MOST_ROUGHNESS,
    ]
    sent_PM, photograph_PM = relit_beside(sample, found)
    rows = [np.concatenate([_laid(_grey(each_P), sample, size) for each_P in above], axis=1)]
    if sent_PM.shape[1]:
        sent_P, photograph_P = sent_PM[:, 0], photograph_PM[:, 0]
        brightest = max(float(np.percentile(photograph_P, 99)), 1e-6)
        off_P = np.where(photograph_P > 0, np.abs(sent_P - photograph_P), 0) / MOST_OFF
        below = [_grey(photograph_P / brightest), _grey(sent_P / brightest), _heat(off_P)]
        row_HW3 = np.concatenate([_laid(each_P3, sample, size) for each_P3 in below], axis=1)
        rows.append(np.pad(row_HW3, ((0, 0), (0, rows[0].shape[1] - row_HW3.shape[1]), (0, 0))))
    _, encoded = cv2.imencode(".png", np.concatenate(rows, axis=0))
    path.write_bytes(encoded.tobytes())


def _grey(values_P: Grey) -> NDArray[np.uint8]:
    # The square root spreads what is dark, as screens have it.
    grey_P: NDArray[np.uint8] = np.round(255 * np.sqrt(np.clip(values_P, 0, 1))).astype(np.uint8)
    return np.repeat(grey_P[:, None], 3, axis=1)


def _heat(share_P: Grey) -> NDArray[np.uint8]:
    heat_P1 = np.round(255 * np.clip(share_P, 0, 1)).astype(np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(heat_P1, cv2.COLORMAP_INFERNO)[:, 0], dtype=np.uint8)


def _laid(colours_P3: NDArray[np.uint8], sample: LitSample, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels that an object of very many was not evaluated on stay black."""
    height, width = size
    picture_N3 = np.zeros((height * width, 3), dtype=np.uint8)
    picture_N3[sample.place_P] = colours_P3
    factor = LONGER_SIDE_PX / max(height, width)
    sides = max(1, round(width * factor)), max(1, round(height * factor))
    sized = cv2.resize(picture_N3.reshape(height, width, 3), sides, interpolation=cv2.INTER_NEAREST)
    return np.asarray(sized, dtype=np.uint8)
