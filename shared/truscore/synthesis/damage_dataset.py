"""Rendered corners and edges as a dataset on disk, in COCO with exact masks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from truscore.synthesis.damage import Damaged

# Class names of each option that finds damage, in order of label.
DAMAGE_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"damage_detection": ("wear", "scratch"), "wear_detection": ("whitening", "nick")}
)
JPEG_QUALITY = 92
LEAST_SIDE_PX = 32


def render_damage_dataset(
    folder: Path, *, count: int, option: str, seed: int, image_size: tuple[int, int] = (160, 160)
) -> Path:
    """Render `count` pictures of (width, height) pixels into the folder; the same arguments give the same bytes.

    Picture number n depends on seed and n alone. Raises ValueError for an option that finds no damage.
    """
    import numpy as np

    from truscore.synthesis.damage import render_damaged

    if option not in DAMAGE_NAMES:
        raise ValueError(f"option {option!r}: accepted are {', '.join(DAMAGE_NAMES)}")
    if count < 1 or min(image_size) < LEAST_SIDE_PX:
        raise ValueError(
            f"count {count}, image size {image_size}: expected at least 1 image of at least "
            f"{LEAST_SIDE_PX} x {LEAST_SIDE_PX} pixels"
        )
    (folder / "images").mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "info": {"description": "Rendered damage of trading cards"},
        "categories": [{"id": label, "name": name} for label, name in enumerate(DAMAGE_NAMES[option], start=1)],
        "images": [],
        "annotations": [],
    }
    width, height = image_size
    for number in range(count):
        damaged = render_damaged(np.random.default_rng([seed, number]), width, height, option=option)
        _add(damaged, f"{option}-{number:05d}.jpg", folder=folder, content=content)
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def _add(damaged: Damaged, name: str, *, folder: Path, content: dict[str, Any]) -> None:
    import cv2
    import numpy as np

    _, encoded = cv2.imencode(".jpg", damaged.image_HWC[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    (folder / "images" / name).write_bytes(encoded.tobytes())
    image_id = len(content["images"]) + 1
    height, width = damaged.labels_HW.shape
    content["images"].append({"id": image_id, "file_name": name, "width": width, "height": height})
    for label in sorted(set(np.unique(damaged.labels_HW).tolist()) - {0}):
        entry = {"id": len(content["annotations"]) + 1, "image_id": image_id, "category_id": label, "iscrowd": 0}
        content["annotations"].append(entry | _coco_mask(damaged.labels_HW == label))


def _coco_mask(mask_HW: NDArray[np.bool_]) -> dict[str, Any]:
    import numpy as np

    from truscore.datasets import mask_to_rle

    rle = mask_to_rle(mask_HW)
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "segmentation": {"size": [rle.height, rle.width], "counts": list(rle.counts)},
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "area": int(mask_HW.sum()),
    }
