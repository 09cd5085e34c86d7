"""How far an object's pixels lie towards the camera, out of `depth.npy`, and how long a pixel is. H height, W width."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

from truscore.datasets.formats.multi_light.numpy_file import array_of
from truscore.datasets.images.decode import UnreadableImage, read_bounded
from truscore.datasets.index.records import DepthMap
from truscore.datasets.limits import Limits
from truscore.datasets.reading.context import ReaderContext

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PITCH = "pixel_pitch.txt"  # one number: micrometres from a pixel's middle to the next one's
LONGEST_PITCH_UM = 1e6  # a pixel of a metre shows no object
_LONGEST_TEXT = 64


def read_depth(
    context: ReaderContext, path: str, pitch_path: str, mask_HW: NDArray[np.bool_] | None
) -> DepthMap | None:
    """The depth map as the index has it; None after reporting why it cannot be read."""
    limits, root = context.limits, context.folder.root
    try:
        content = read_bounded(root / path, limits=limits)
        depth_HW = _depth(content, limits)
        pitch_um = _pitch(root, pitch_path)
    except UnreadableImage as error:
        context.log.add("label.depth_unreadable", error.reason, path)
        return None
    import numpy as np

    expected_HW = np.ones(depth_HW.shape, dtype=bool) if mask_HW is None else mask_HW
    known_HW = np.isfinite(depth_HW)
    if expected_HW.shape == depth_HW.shape:
        known_HW = known_HW & expected_HW
    return DepthMap(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        width=depth_HW.shape[1],
        height=depth_HW.shape[0],
        expected_px=int(expected_HW.sum()),
        known_px=int(known_HW.sum()),
        pitch_um=pitch_um,
    )


def load_depth(path: Path, limits: Limits) -> NDArray[np.float64]:
    """Micrometres towards the camera [H, W], NaN where nothing is known. Raises UnreadableImage."""
    import numpy as np

    depth_HW = _depth(read_bounded(path, limits=limits), limits).astype(np.float64)
    depth_HW[~np.isfinite(depth_HW)] = np.nan
    return depth_HW


def _depth(content: bytes, limits: Limits) -> NDArray[np.floating]:
    return array_of(content, limits, axes={2}, accepted="height x width of 16, 32 or 64-bit floats")


def _pitch(root: Path, path: str) -> float:
    """Raises UnreadableImage."""
    if not path:
        raise UnreadableImage("image.unsupported", f"no {PITCH} says how many micrometres a pixel is")
    with (root / path).open("rb") as file:
        text = file.read(_LONGEST_TEXT + 1)
    try:
        pitch_um = float(text.decode("utf-8")) if len(text) <= _LONGEST_TEXT else math.nan
    except ValueError:
        pitch_um = math.nan
    if not 0 < pitch_um <= LONGEST_PITCH_UM:
        reason = (
            f"{path} says {text[:20]!r}; accepted is one number of micrometres above 0, at most {LONGEST_PITCH_UM:g}"
        )
        raise UnreadableImage("image.unsupported", reason)
    return pitch_um
