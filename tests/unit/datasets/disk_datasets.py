"""Small datasets written to disk for the tests of the readers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from truscore.datasets import ReadResult


def picture(path: Path, width: int = 40, height: int = 30, *, seed: int = 0, **save: Any) -> Path:
    """A picture with structure enough for its perceptual hash to say something."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 255, size=(6, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST).save(path, **save)
    return path


def coco(
    path: Path,
    *,
    images: Sequence[Mapping[str, Any]] = (),
    annotations: Sequence[Mapping[str, Any]] = (),
    categories: Sequence[Mapping[str, Any]] = ({"id": 1, "name": "card"},),
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": list(images), "annotations": list(annotations), "categories": list(categories)}
    path.write_text(json.dumps(content))
    return path


def entry(number: int = 1, name: str = "a.png", width: int = 40, height: int = 30) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": width, "height": height}


def mark(number: int = 1, image: int = 1, category: int = 1, **shape: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": category, **(shape or {"bbox": [5, 6, 10, 8]})}


def write_label(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return path


def codes(reading: ReadResult) -> set[str]:
    return {problem.code for problem in reading.problems}


def only(reading: ReadResult, code: str) -> str:
    """The message of the single problem with this code."""
    (problem,) = [problem for problem in reading.problems if problem.code == code]
    return f"{problem.location}: {problem.message}"
