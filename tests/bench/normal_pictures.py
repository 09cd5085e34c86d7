"""A sheet of normals and of how far they are off, object by object. H height, W width, N pixels of a mask."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import LitViews

from tests.bench.picture_sheet import CELL_PX, write_sheet

BRIGHTEST_DEG = 10.0  # an error that is shown as white
Read = Callable[[LitViews], np.ndarray]  # the normals [N, 3] of an object


def draw_normals(path: Path, group: Sequence[LitViews], readers: Mapping[str, Read]) -> None:
    """A row for each object: its first view, its true normals, and each reader's error from 0 (black) to 10 degrees
    (white) with its mean."""
    headings = ("one of its views", "true normals", *(f"error of {name}" for name in readers))
    write_sheet(
        path, headings, [[(_enlarged(cell), words) for cell, words in _cells(views, readers)] for views in group]
    )


def _cells(views: LitViews, readers: Mapping[str, Read]) -> list[tuple[np.ndarray, str]]:
    assert views.normals_HW3 is not None
    truth_N3 = views.normals_HW3[views.mask_HW]
    grey_HW = np.clip(views.picture(views.samples_NL[:, 0] / np.percentile(views.samples_NL, 99)), 0, 1)
    shown_HW3 = views.picture((truth_N3 + 1) / 2, outside=1.0)
    cells = [(_bytes(grey_HW[..., None].repeat(3, axis=2)), ""), (_bytes(shown_HW3), "x, y, z as red, green, blue")]
    for read in readers.values():
        error_N = angular_errors(read(views), truth_N3)
        shown_HW = _bytes(np.clip(views.picture(error_N / BRIGHTEST_DEG), 0, 1))
        coloured_HW3 = cv2.applyColorMap(shown_HW, cv2.COLORMAP_INFERNO)[..., ::-1].copy()
        coloured_HW3[~views.mask_HW] = 255
        cells.append((coloured_HW3, f"mean {np.nanmean(error_N):.2f} degrees"))
    return cells


def _enlarged(cell_HW3: np.ndarray) -> Image.Image:
    """As a square; what is wider than high gets white above and below."""
    height, width = cell_HW3.shape[:2]
    side = max(height, width)
    above, left = (side - height) // 2, (side - width) // 2
    rims = ((above, side - height - above), (left, side - width - left), (0, 0))
    cell_HW3 = np.pad(cell_HW3, rims, constant_values=255)
    return Image.fromarray(cv2.resize(cell_HW3, (CELL_PX, CELL_PX), interpolation=cv2.INTER_NEAREST))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.round(255 * values).astype(np.uint8)
