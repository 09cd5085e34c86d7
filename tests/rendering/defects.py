"""Patches of card surface with defects on them, each an instance with its outline, as a COCO dataset.

Array legend: H height, W width, C colour (0 to 255), N points of an outline (x, y in pixels).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]
    Outline = NDArray[np.float64]

# In order of label.
DEFECT_NAMES = ("scratch", "dent", "stain")
MOST_DEFECTS = 3
LEAST_SIDE_PX = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Defect:
    label: int
    outline_N2: Outline


def render_defects(folder: Path, *, count: int, seed: int, image_size: tuple[int, int] = (160, 160)) -> Path:
    """Render `count` patches of (width, height) pixels with one to three defects each; the same arguments give the
    same bytes, and patch number n depends on seed and n alone."""
    import cv2
    import numpy as np

    if count < 1 or min(image_size) < LEAST_SIDE_PX:
        least = f"at least 1 image of at least {LEAST_SIDE_PX} x {LEAST_SIDE_PX} pixels"
        raise ValueError(f"count {count}, image size {image_size}: expected {least}")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    categories = [{"id": label, "name": name} for label, name in enumerate(DEFECT_NAMES, start=1)]
    content: dict[str, Any] = {"categories": categories, "images": [], "annotations": []}
    width, height = image_size
    for number in range(count):
        image_HWC, defects = render_patch(np.random.default_rng([seed, number]), width, height)
        name = f"surface-{number:05d}.png"
        _, encoded = cv2.imencode(".png", image_HWC[..., ::-1])
        (folder / "images" / name).write_bytes(encoded.tobytes())
        content["images"].append({"id": number + 1, "file_name": name, "width": width, "height": height})
        for defect in defects:
            entry = {"id": len(content["annotations"]) + 1, "image_id": number + 1, "iscrowd": 0}
            content["annotations"].append({**entry, "category_id": defect.label, **_coco_shape(defect.outline_N2)})
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def render_patch(rng: Generator, width: int, height: int) -> tuple[NDArray[np.uint8], tuple[Defect, ...]]:
    """A printed surface and what is wrong with it. Defects keep to their own part of the patch."""
    import numpy as np

    patch_HWC = _surface(rng, height, width)
    quarters = rng.permutation(4)[: int(rng.integers(1, MOST_DEFECTS + 1))]
    defects = []
    for quarter in quarters:
        label = int(rng.integers(1, len(DEFECT_NAMES) + 1))
        middle_2 = np.array([0.25 + 0.5 * (quarter % 2), 0.25 + 0.5 * (quarter // 2)]) + rng.uniform(-0.04, 0.04, 2)
        reach = 0.2 * min(width, height)
        outline_N2 = _HARMS[label - 1](rng, patch_HWC, middle_2 * (width, height), reach)
        defects.append(Defect(label=label, outline_N2=outline_N2))
    noise_HWC = rng.normal(0, rng.uniform(1.0, 3.0), size=patch_HWC.shape)
    return np.asarray(np.clip(np.round(patch_HWC + noise_HWC), 0, 255), dtype=np.uint8), tuple(defects)


def _surface(rng: Generator, height: int, width: int) -> Picture:
    """Two soft fields of print."""
    import numpy as np
    from truscore.synthesis.texture import blend, clouds, ramp

    first, second = rng.uniform(60, 190, size=(2, 3))
    share_HW = 0.5 + 0.5 * ramp(height, width, rng.uniform(0, 2 * math.pi)) + 0.2 * clouds(rng, height, width, cells=3)
    return np.ascontiguousarray(blend(tuple(first), tuple(second), share_HW))


def _scratch(rng: Generator, patch_HWC: Picture, middle_2: Outline, reach: float) -> Outline:
    """A bent bright line, as wide as a hair is at this distance."""
    import numpy as np

    angle, bend = rng.uniform(0, math.pi), rng.uniform(-0.25, 0.25) * reach
    along_2, across_2 = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    step_N1 = np.linspace(-1, 1, 7)[:, None]
    spine_N2 = middle_2 + reach * step_N1 * along_2 + bend * (1 - step_N1**2) * across_2
    half_N1 = max(1.2, 0.09 * reach) * np.sqrt(1.05 - step_N1**2)
    outline_N2 = np.concatenate([spine_N2 + half_N1 * across_2, (spine_N2 - half_N1 * across_2)[::-1]])
    _fill(patch_HWC, outline_N2, lambda inside_HWC: inside_HWC + rng.uniform(70, 110))
    return outline_N2


def _dent(rng: Generator, patch_HWC: Picture, middle_2: Outline, reach: float) -> Outline:
    """A round hollow: dark on the side of the lamp, bright on the other."""
    import numpy as np

    outline_N2 = _blob(rng, middle_2, reach * rng.uniform(0.45, 0.7), raggedness=0.04)
    y_HW, x_HW = np.mgrid[: patch_HWC.shape[0], : patch_HWC.shape[1]].astype(np.float32)
    slope_HW = ((x_HW - middle_2[0]) + (y_HW - middle_2[1])) / reach
    shade_HW = np.asarray(80 * np.clip(slope_HW, -1, 1), dtype=np.float32)
    _fill(patch_HWC, outline_N2, lambda inside_HWC: inside_HWC + shade_HW[..., None])
    return outline_N2


def _stain(rng: Generator, patch_HWC: Picture, middle_2: Outline, reach: float) -> Outline:
    """A ragged brown patch, through which the print shows."""
    import numpy as np

    outline_N2 = _blob(rng, middle_2, reach * rng.uniform(0.6, 0.9), raggedness=0.18)
    brown_C = (np.array([70.0, 45.0, 20.0]) + rng.normal(0, 6, size=3)).astype(np.float32)
    _fill(patch_HWC, outline_N2, lambda inside_HWC: inside_HWC + np.float32(0.75) * (brown_C - inside_HWC))
    return outline_N2


# In the order of DEFECT_NAMES.
_HARMS: tuple[Callable[[Generator, Picture, Outline, float], Outline], ...] = (_scratch, _dent, _stain)


def _blob(rng: Generator, middle_2: Outline, radius: float, *, raggedness: float) -> Outline:
    import numpy as np

    angles_N = np.linspace(0, 2 * math.pi, 16, endpoint=False)
    radii_N = radius * (1 + raggedness * rng.uniform(-1, 1, size=16))
    return np.asarray(middle_2 + radii_N[:, None] * np.stack([np.cos(angles_N), np.sin(angles_N)], axis=1))


def _fill(patch_HWC: Picture, outline_N2: Outline, changed: Callable[[Picture], Picture]) -> None:
    import cv2
    import numpy as np

    covered_HW = np.zeros(patch_HWC.shape[:2], dtype=np.uint8)
    # OpenCV counts from pixel centres, we from pixel corners; four bits of its coordinates are fractions.
    cv2.fillPoly(covered_HW, [np.round((outline_N2 - 0.5) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    patch_HWC += (changed(patch_HWC) - patch_HWC) * (covered_HW[..., None].astype(np.float32) / 255)


def _coco_shape(outline_N2: Outline) -> dict[str, Any]:
    import numpy as np

    points = np.round(outline_N2, 3)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    x, y = points[:, 0], points[:, 1]
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    box = [float(value) for value in np.round((left, top, right - left, bottom - top), 3)]
    return {"segmentation": [points.ravel().tolist()], "bbox": box, "area": round(area, 3)}
