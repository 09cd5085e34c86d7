"""Rendered cards anywhere in their pictures and of many sizes: whoever doesn't look won't find them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from truscore.synthesis import render_dataset

RENDERED_PX = 128
LEAST_SHARE, MOST_SHARE = 0.45, 0.95  # of a rendered picture's side in that of the picture it is put on


def write_scattered_cards(folder: Path, *, count: int, option: str, size: int, seed: int) -> Path:
    """COCO: `count` pictures of `size` pixels a side, a card on each."""
    rng = np.random.default_rng(seed)
    rendered = render_dataset(
        folder.with_name(folder.name + "-rendered"),
        count=count,
        seed=seed,
        option=option,
        image_size=(RENDERED_PX, RENDERED_PX),
    )
    content = json.loads((rendered / "annotations.json").read_text())
    (folder / "images").mkdir(parents=True)
    for entry in content["images"]:
        share = rng.uniform(LEAST_SHARE, MOST_SHARE)
        at_2 = rng.uniform(0, size * (1 - share), size=2).round()
        with Image.open(rendered / "images" / entry["file_name"]) as picture:
            _put(picture, share, at_2, size, rng).save(folder / "images" / entry["file_name"])
        entry |= {"width": size, "height": size}
        for annotation in content["annotations"]:
            if annotation["image_id"] == entry["id"]:
                _move(annotation, share * size / RENDERED_PX, at_2)
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def _put(
    picture: Image.Image, share: float, at_2: NDArray[np.float64], size: int, rng: np.random.Generator
) -> Image.Image:
    side = round(share * size)
    ground_HWC = np.broadcast_to(rng.integers(60, 200, size=3, dtype=np.uint8), (size, size, 3))
    ground = Image.fromarray(np.ascontiguousarray(ground_HWC))
    ground.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (int(at_2[0]), int(at_2[1])))
    return ground


def _move(annotation: dict[str, Any], scale: float, at_2: NDArray[np.float64]) -> None:
    (outline,) = annotation["segmentation"]
    points_N2 = np.array(outline).reshape(-1, 2) * scale + at_2
    x, y, width, height = annotation["bbox"]
    annotation["segmentation"] = [points_N2.ravel().tolist()]
    annotation["bbox"] = [x * scale + at_2[0], y * scale + at_2[1], width * scale, height * scale]
    annotation["area"] *= scale**2
