"""Small datasets made by code: clean ones, as a reading and as folders, for tests to plant faults in."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from truscore.datasets import Annotation, DatasetIndex, ImageRecord, ReadResult
from truscore.validation import Verdict, expectation_of, validate_dataset
from truscore.validation.measures.image_stats import ImageStats
from truscore.validation.policy.policy import Policy

WIDTH, HEIGHT = 96, 72
OUTER, GRAPHICAL = (10.0, 8.0, 70.0, 56.0), (18.0, 16.0, 54.0, 40.0)
NAMES = ("outer_border", "graphical_border")
SHARP = ImageStats(mean=120.0, spread=180.0, sharpness=2000.0, dark_share=0.0, bright_share=0.0)


def rectangle(box: tuple[float, float, float, float]) -> tuple[float, ...]:
    x, y, width, height = box
    return (x, y, x + width, y, x + width, y + height, x, y + height)


def mark(label: int, box: tuple[float, float, float, float], name: str) -> Annotation:
    return Annotation(label=label, box_xywh=box, polygons=(rectangle(box),), source_id=name)


def record(number: int) -> ImageRecord:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return ImageRecord(
        path=f"images/{number:03}.png",
        sha256=digest,
        size_bytes=5000,
        width=WIDTH,
        height=HEIGHT,
        file_format="PNG",
        perceptual_hash=digest[:16],
        annotations=(mark(1, OUTER, "outer"), mark(2, GRAPHICAL, "inner")),
    )


def sound_read_result(count: int = 60) -> ReadResult:
    images = tuple(record(number) for number in range(count))
    index = DatasetIndex(format="coco", class_names=NAMES, images=images)
    return ReadResult(index=index, problems=(), measurements={image.path: SHARP for image in images})


def with_images(
    reading: ReadResult, change: Callable[[ImageRecord], ImageRecord], *, places: range | None = None
) -> ReadResult:
    """The reading with some of its images changed, the first one where none are named."""
    index, places = reading.index, range(1) if places is None else places
    images = tuple(change(image) if place in places else image for place, image in enumerate(index.images))
    return replace(reading, index=replace(index, images=images))


def with_annotations(reading: ReadResult, *marks: Annotation, places: range | None = None) -> ReadResult:
    return with_images(reading, lambda image: replace(image, annotations=marks), places=places)


def with_image_stats(reading: ReadResult, **changes: float) -> ReadResult:
    first = reading.index.images[0].path
    return replace(reading, measurements={**reading.measurements, first: replace(SHARP, **changes)})


def validated(reading: ReadResult, *, option: str = "dual_class") -> Verdict:
    return validate_dataset(reading, expectation=expectation_of("border_detection", option), policy=Policy())


def texture(number: int) -> Image.Image:
    """A picture with sharp edges that looks like no other."""
    blocks_HWC = np.random.default_rng(number).integers(0, 256, size=(HEIGHT // 6, WIDTH // 6, 3), dtype=np.uint8)
    return Image.fromarray(blocks_HWC.repeat(6, axis=0).repeat(6, axis=1))


def write_images(folder: Path, count: int) -> list[str]:
    (folder / "images").mkdir(parents=True)
    names = [f"images/{number:03}.png" for number in range(count)]
    for number, name in enumerate(names):
        texture(number).save(folder / name)
    return names


def coco_content(names: list[str]) -> dict:
    """A COCO object that marks both borders on every image."""
    images = [{"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(names)]
    marks = [(n, label, box) for n in range(len(names)) for label, box in ((1, OUTER), (2, GRAPHICAL))]
    return {
        "images": images,
        "categories": [{"id": label, "name": name} for label, name in enumerate(NAMES, start=1)],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": label,
                "bbox": list(box),
                "segmentation": [list(rectangle(box))],
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            for number, (image, label, box) in enumerate(marks, start=1)
        ],
    }


def write_coco(folder: Path, count: int = 8, plant: Callable[[Path, dict], None] | None = None) -> Path:
    """A COCO folder. `plant` may change files and content; content that it empties is not written."""
    content = coco_content(write_images(folder, count))
    if plant is not None:
        plant(folder, content)
    if content:
        (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def write_yolo(folder: Path, count: int = 8, plant: Callable[[Path], None] | None = None) -> Path:
    """A YOLO folder with data.yaml; `plant` may change its files."""
    names = write_images(folder, count)
    (folder / "labels").mkdir()
    rows = [yolo_row(label, box) for label, box in enumerate((OUTER, GRAPHICAL))]
    for name in names:
        (folder / "labels" / Path(name).with_suffix(".txt").name).write_text("\n".join(rows))
    (folder / "data.yaml").write_text(f"names: [{', '.join(NAMES)}]\nnc: 2\ntrain: images\nval: images\n")
    if plant is not None:
        plant(folder)
    return folder


def yolo_row(label: int, box: tuple[float, float, float, float]) -> str:
    x, y, width, height = box
    values = ((x + width / 2) / WIDTH, (y + height / 2) / HEIGHT, width / WIDTH, height / HEIGHT)
    return " ".join([str(label), *(f"{value:.6f}" for value in values)])
