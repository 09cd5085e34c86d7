"""Rendered cards as a dataset on disk, in COCO or YOLO."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Class names of each option of border detection, in order of label.
CLASS_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"dual_class": ("outer_border", "graphical_border"), "single_class": ("border",)}
)
FORMATS = ("coco", "yolo")
JPEG_QUALITY = 92


@dataclass(frozen=True, kw_only=True, slots=True)
class _Labelled:
    """One image's file name, size and outlines in order of label."""

    name: str
    width: int
    height: int
    outlines: tuple[NDArray[np.float64], ...]


def render_dataset(
    folder: Path,
    *,
    count: int,
    format: str = "coco",
    option: str = "dual_class",
    seed: int,
    image_size: tuple[int, int] = (320, 320),
) -> Path:
    """Render `count` cards of (width, height) pixels into the folder; the same arguments give the same bytes.

    Image number n depends on seed and n alone, so a larger dataset begins with a smaller one.
    """
    if format not in FORMATS:
        raise ValueError(f"format {format!r}: accepted are {', '.join(FORMATS)}")
    if option not in CLASS_NAMES:
        raise ValueError(f"option {option!r}: accepted are {', '.join(CLASS_NAMES)}")
    if count < 1 or min(image_size) < 64:
        raise ValueError(
            f"count {count}, image size {image_size}: expected at least 1 image of at least 64 x 64 pixels"
        )
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images = [_render(folder, number, seed, image_size, option) for number in range(count)]
    if format == "coco":
        _write_coco(folder, images, CLASS_NAMES[option])
    else:
        _write_yolo(folder, images, CLASS_NAMES[option])
    return folder


def _render(folder: Path, number: int, seed: int, image_size: tuple[int, int], option: str) -> _Labelled:
    import cv2
    import numpy as np

    from truscore.synthesis.scene import render_scene

    width, height = image_size
    scene = render_scene(np.random.default_rng([seed, number]), width, height)
    name = f"card-{number:05d}.jpg"
    _, encoded = cv2.imencode(".jpg", scene.image_HWC[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    (folder / "images" / name).write_bytes(encoded.tobytes())
    outlines = (scene.outer_N2, scene.graphical_N2)
    return _Labelled(name=name, width=width, height=height, outlines=outlines[: len(CLASS_NAMES[option])])


def _write_coco(folder: Path, images: Sequence[_Labelled], names: Sequence[str]) -> None:
    content: dict[str, Any] = {
        "info": {"description": "Rendered trading cards"},
        "categories": [{"id": label, "name": name} for label, name in enumerate(names, start=1)],
        "images": [
            {"id": number, "file_name": image.name, "width": image.width, "height": image.height}
            for number, image in enumerate(images, start=1)
        ],
        "annotations": [],
    }
    for number, image in enumerate(images, start=1):
        for label, points_N2 in enumerate(image.outlines, start=1):
            entry = {"id": len(content["annotations"]) + 1, "image_id": number, "category_id": label, "iscrowd": 0}
            content["annotations"].append(entry | _coco_shape(points_N2))
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")


def _coco_shape(points_N2: NDArray[np.float64]) -> dict[str, Any]:
    import numpy as np

    points = np.round(points_N2, 3)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    x, y = points[:, 0], points[:, 1]
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    box = [float(value) for value in np.round((left, top, right - left, bottom - top), 3)]
    return {"segmentation": [points.ravel().tolist()], "bbox": box, "area": round(area, 3)}


def _write_yolo(folder: Path, images: Sequence[_Labelled], names: Sequence[str]) -> None:
    (folder / "labels").mkdir(exist_ok=True)
    for image in images:
        lines = []
        for index, points_N2 in enumerate(image.outlines):
            fractions = (points_N2 / (image.width, image.height)).ravel()
            lines.append(" ".join([str(index), *(f"{value:.6f}" for value in fractions)]))
        label_file = folder / "labels" / Path(image.name).with_suffix(".txt")
        label_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    listed = "\n".join(f"  {index}: {name}" for index, name in enumerate(names))
    (folder / "data.yaml").write_text(f"train: images\nval: images\nnames:\n{listed}\n", encoding="utf-8")
