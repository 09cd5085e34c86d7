"""Dark corners of cards with bright worn patches: a network learns them in seconds. H, W sides, C colour."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from truscore.datasets import mask_to_rle


def write_worn_corners(folder: Path, *, count: int, size: int, seed: int) -> Path:
    """A COCO dataset of ``count`` pictures of ``size`` pixels a side, with the class "wear"."""
    (folder / "images").mkdir(parents=True)
    content: dict[str, Any] = {"categories": [{"id": 1, "name": "wear"}], "images": [], "annotations": []}
    for number in range(1, count + 1):
        image_HWC, worn_HW = worn_corner(np.random.default_rng([seed, number]), size)
        name = f"corner-{number:03d}.png"
        cv2.imwrite(str(folder / "images" / name), image_HWC)
        content["images"].append({"id": number, "file_name": name, "width": size, "height": size})
        rle, (rows, columns) = mask_to_rle(worn_HW), np.nonzero(worn_HW)
        left, top = int(columns.min()), int(rows.min())
        content["annotations"].append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "iscrowd": 0,
                "segmentation": {"size": [size, size], "counts": list(rle.counts)},
                "bbox": [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top],
                "area": int(worn_HW.sum()),
            }
        )
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def worn_corner(rng: np.random.Generator, size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A card over a lighter table, in any of four turns, with a bright patch somewhere on it."""
    image_HWC = np.full((size, size, 3), rng.uniform(90, 130, size=3), dtype=np.float32)
    tip_x, tip_y = rng.integers(size // 10, size // 4, size=2)
    image_HWC[tip_y:, tip_x:] = rng.uniform(10, 70, size=3)
    patch_HW = np.zeros((size, size), dtype=np.uint8)
    middle = tuple(int(value) for value in rng.integers(size // 3, 3 * size // 4, size=2))
    axes = tuple(int(value) for value in rng.integers(size // 8, size // 4, size=2))
    cv2.ellipse(patch_HW, middle, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    worn_HW = patch_HW > 0
    image_HWC[worn_HW] = rng.uniform(190, 240)
    image_HWC += rng.normal(0, 8, size=image_HWC.shape)
    turns = int(rng.integers(4))
    seen_HWC = np.rot90(image_HWC, turns).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(seen_HWC), np.ascontiguousarray(np.rot90(worn_HW, turns))
