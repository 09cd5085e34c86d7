"""Wrong labels among what a trained network predicts out of fold: planted one at a time.

The network is right and sure on every image: what a poorer one doubts in vain is its own fault and no rule's.
N: images; K: classes; H, W: height and width.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from truscore.datasets import Annotation, DatasetIndex, ImageRecord
from truscore.validation import Finding
from truscore.validation.rules.label_errors import PredictedBox, suspect_boxes, suspect_classes, suspect_masks

from tests.planted_faults.samples import mark

CLASSES, IMAGES, MASKED = 3, 60, 24
WIDTH, HEIGHT = 96, 72
Random = np.random.Generator
Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubted:
    """Findings of one trial, the image whose label is wrong, and how many there are."""

    findings: list[Finding]
    planted: str
    images: int


def _index(images: list[ImageRecord]) -> DatasetIndex:
    names = tuple(f"grade {number}" for number in range(1, CLASSES + 1))
    return DatasetIndex(format="folder", class_names=names, images=tuple(images))


def _image(number: int, **changes: object) -> ImageRecord:
    plain = ImageRecord(path=f"{number:03}.png", sha256=f"{number:064x}", size_bytes=1, width=WIDTH, height=HEIGHT)
    return replace(plain, **changes)


def _other(random: Random, label: int) -> int:
    return (label + int(random.integers(1, CLASSES)) - 1) % CLASSES + 1


def classes(random: Random) -> Doubted:
    wrong = int(random.integers(IMAGES))
    images, believed = [], {}
    for number in range(IMAGES):
        label = number % CLASSES + 1
        sure = random.uniform(0.7, 0.95)
        rest_K = random.dirichlet(np.ones(CLASSES)) * (1 - sure)
        rest_K[label - 1] += sure
        believed[f"{number:03}.png"] = rest_K.tolist()
        images.append(_image(number, labels=(_other(random, label) if number == wrong else label,)))
    return Doubted(findings=suspect_classes(_index(images), believed), planted=images[wrong].path, images=IMAGES)


def _box(random: Random) -> Box:
    width, height = random.uniform(25, 45), random.uniform(20, 35)
    return random.uniform(2, 94 - width), random.uniform(2, 70 - height), width, height


def _elsewhere(random: Random, box: Box) -> Box:
    """A box of its size that has hardly anything of it."""
    while True:
        x, y, width, height = other = (*_box(random)[:2], *box[2:])
        across = min(x, box[0]) + width - max(x, box[0])
        down = min(y, box[1]) + height - max(y, box[1])
        if max(across, 0) * max(down, 0) <= 0.1 * width * height and x + width <= WIDTH and y + height <= HEIGHT:
            return other


def boxes(random: Random) -> Doubted:
    """A box overlooked, misplaced or misnamed."""
    wrong, kind = int(random.integers(IMAGES)), int(random.integers(3))
    images, believed = [], {}
    for number in range(IMAGES):
        label, box = number % CLASSES + 1, _box(random)
        seen = tuple(value + random.normal(0, 0.5) for value in box)
        believed[f"{number:03}.png"] = [PredictedBox(label=label, score=random.uniform(0.955, 0.99), box_xywh=seen)]
        marks: tuple[Annotation, ...] = (mark(label, box),)
        if number == wrong:
            marks = ((), (mark(label, _elsewhere(random, box)),), (mark(_other(random, label), box),))[kind]
        images.append(_image(number, annotations=marks))
    return Doubted(findings=suspect_boxes(_index(images), believed), planted=images[wrong].path, images=IMAGES)


def masks(random: Random) -> Doubted:
    """A mask in another place, or of another class."""
    wrong = int(random.integers(MASKED))
    images, believed = [], {}
    for number in range(MASKED):
        label, box = number % CLASSES + 1, _box(random)
        left, top, right, bottom = (round(value) for value in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
        doubt = random.uniform(0.01, 0.04)
        sure_KHW = np.full((CLASSES + 1, HEIGHT, WIDTH), doubt)
        sure_KHW[0] = 1 - CLASSES * doubt
        sure_KHW[0, top:bottom, left:right] = doubt
        sure_KHW[label, top:bottom, left:right] = 1 - CLASSES * doubt
        believed[f"{number:03}.png"] = sure_KHW
        given = mark(label, box)
        if number == wrong:
            moved = bool(random.integers(2))
            given = mark(label, _elsewhere(random, box)) if moved else mark(_other(random, label), box)
        images.append(_image(number, annotations=(given,)))
    return Doubted(findings=suspect_masks(_index(images), believed), planted=images[wrong].path, images=MASKED)


DOUBTS: Mapping[str, Callable[[Random], Doubted]] = {
    "label.suspect_class": classes,
    "label.suspect_box": boxes,
    "label.suspect_mask": masks,
}
