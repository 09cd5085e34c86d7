"""What maps of albedo, roughness and F0 say of an object's pixels, as npy files. H height, W width."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from truscore.datasets.formats.multi_light.numpy_file import array_of
from truscore.datasets.images.decode import UnreadableImage, read_bounded
from truscore.datasets.index.records import ReflectanceMap
from truscore.datasets.limits import Limits
from truscore.datasets.reading.context import ReaderContext

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What a surface can have: numbers from `least` to `most`, in arrays of so many axes; a third is of the colours."""

    least: float
    most: float
    axes: tuple[int, ...] = (2,)

    def array(self, content: bytes, limits: Limits) -> NDArray[Any]:
        """The file's numbers. Raises UnreadableImage."""
        accepted = "height x width, or height x width x 3," if 3 in self.axes else "height x width"
        return array_of(content, limits, axes=self.axes, accepted=f"{accepted} of 16, 32 or 64-bit floats")


# A roughness of 0 is a perfect mirror, whose highlight no camera measures.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "albedo": Kind(least=0.0, most=1.0, axes=(2, 3)),
        "roughness": Kind(least=0.01, most=1.0),
        "f0": Kind(least=0.0, most=1.0),
    }
)


def read_reflectance(context: ReaderContext, path: str, mask_HW: Mask | None, what: str) -> ReflectanceMap | None:
    """The map as the index has it; None after reporting why it cannot be read. `what` is a key of `KINDS`."""
    import numpy as np

    try:
        content = read_bounded(context.folder.root / path, limits=context.limits)
        values = KINDS[what].array(content, context.limits)
    except UnreadableImage as error:
        context.log.add("label.reflectance_unreadable", error.reason, path)
        return None
    height, width = values.shape[:2]
    possible_HW = _possible(values, KINDS[what])
    expected_HW = (
        mask_HW if mask_HW is not None and mask_HW.shape == (height, width) else np.ones((height, width), bool)
    )
    return ReflectanceMap(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
        expected_px=int(expected_HW.sum()),
        possible_px=int((expected_HW & possible_HW).sum()),
    )


def load_reflectance(path: Path, what: str, limits: Limits) -> NDArray[np.float64]:
    """The map's numbers [H, W], the mean of its colours, within what a surface can have. Raises UnreadableImage."""
    import numpy as np

    kind = KINDS[what]
    values = kind.array(read_bounded(path, limits=limits), limits).astype(np.float64)
    grey_HW = values.mean(axis=2) if values.ndim == 3 else values
    held_HW: NDArray[np.float64] = np.clip(np.nan_to_num(grey_HW, nan=kind.least), kind.least, kind.most)
    return held_HW


def _possible(values: NDArray[Any], kind: Kind) -> Mask:
    import numpy as np

    values_HWC = values.reshape(*values.shape[:2], -1)
    inside_HWC = np.logical_and(values_HWC >= kind.least, values_HWC <= kind.most)  # of no number neither holds
    possible_HW: Mask = np.logical_and.reduce(inside_HWC, axis=2)
    return possible_HW
