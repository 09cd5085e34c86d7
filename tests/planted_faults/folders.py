"""Sound folders of every format, drawn at random, for faults to be planted in. H, W, C: height, width and colour."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from truscore.datasets import index_to_json, read_dataset

WIDTH, HEIGHT, COUNT = 96, 72, 6
Random = np.random.Generator
Write = Callable[[Path, Random], None]
LABELS = ("good", "bad")


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderFault:
    """What is written, how it is spoilt, and how both the sound and the spoilt folder are validated."""

    write: Write
    plant: Write
    how: Mapping[str, Any] = field(default_factory=dict)


def picture(random: Random, *, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Sharp patches that look like no other picture's."""
    cells_HWC = random.integers(0, 256, size=(height // 6, width // 6, 3), dtype=np.uint8)
    return Image.fromarray(cells_HWC.repeat(6, axis=0).repeat(6, axis=1))


def pictures(folder: Path, random: Random, *names: str) -> None:
    for name in names or [f"{number:03}.png" for number in range(COUNT)]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture(random).save(folder / name)


def box(random: Random) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in pixels."""
    left, top = int(random.integers(4, 30)), int(random.integers(4, 24))
    return left, top, left + int(random.integers(20, 55)), top + int(random.integers(16, 40))


def any_of(random: Random, folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    return found[int(random.integers(len(found)))]


def coco(folder: Path, random: Random) -> None:
    names = [f"images/{number:03}.png" for number in range(COUNT)]
    pictures(folder, random, *names)
    marks = []
    for number in range(COUNT):
        left, top, right, bottom = box(random)
        size = {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top)}
        marks.append({"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, **size})
    content = {
        "images": [{"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(names)],
        "categories": [{"id": 1, "name": "border"}],
        "annotations": marks,
    }
    (folder / "annotations.json").write_text(json.dumps(content))


def yolo(folder: Path, random: Random) -> None:
    pictures(folder, random, *(f"images/{number:03}.png" for number in range(COUNT)))
    (folder / "labels").mkdir()
    for number in range(COUNT):
        (folder / f"labels/{number:03}.txt").write_text("\n".join(yolo_row(random, label) for label in (0, 1)))
    (folder / "data.yaml").write_text("names: [outer_border, graphical_border]\nnc: 2\ntrain: images\nval: images\n")


def yolo_row(random: Random, label: int) -> str:
    """The second class lies within the first."""
    inset = 0.05 + 0.1 * label
    across, down = (1 - 2 * inset - random.uniform(0, 0.02) for _ in range(2))
    return f"{label} 0.5 0.5 {across:.4f} {down:.4f}"


def voc(folder: Path, random: Random) -> None:
    pictures(folder, random)
    for number in range(COUNT):
        voc_file(folder, random, f"{number:03}", filename=f"{number:03}.png")


def voc_file(folder: Path, random: Random, stem: str, *, filename: str) -> None:
    sides = zip(("xmin", "ymin", "xmax", "ymax"), box(random), strict=True)
    (folder / f"{stem}.xml").write_text(
        f"<annotation><filename>{filename}</filename><size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"
        f"<object><name>defect</name><bndbox>{''.join(f'<{side}>{value}</{side}>' for side, value in sides)}</bndbox>"
        "</object></annotation>"
    )


def labelme(folder: Path, random: Random) -> None:
    pictures(folder, random)
    for number in range(COUNT):
        labelme_file(folder, random, f"{number:03}", imagePath=f"{number:03}.png")


def labelme_file(folder: Path, random: Random, stem: str, **changes: Any) -> None:
    content = {"imageWidth": WIDTH, "imageHeight": HEIGHT, "shapes": [triangle(random)], **changes}
    (folder / f"{stem}.json").write_text(json.dumps(content))


def triangle(random: Random) -> dict[str, Any]:
    left, top, right, bottom = box(random)
    return {"label": "defect", "points": [[left, top], [right, top], [left, bottom]], "shape_type": "polygon"}


def table(folder: Path, random: Random) -> None:
    pictures(folder, random)
    rows = [f"{number:03}.png,{LABELS[number % 2]},{random.uniform(0, 1):.3f}" for number in range(COUNT)]
    (folder / "labels.csv").write_text("\n".join(["filename,label,score:sharpness", *rows]) + "\n")


def indexed(folder: Path, random: Random) -> None:
    """The system's own format."""
    voc(folder, random)
    index = read_dataset(folder).index
    assert index is not None
    (folder / "dataset-index.json").write_text(index_to_json(index))
    for path in folder.glob("*.xml"):
        path.unlink()


def folders(folder: Path, random: Random) -> None:
    pictures(folder, random, *(f"psa{grade}/{number}.png" for grade in (1, 2) for number in range(4)))


def masks(folder: Path, random: Random) -> None:
    (folder / "scratched").mkdir()
    for number in range(COUNT):
        picture(random).save(folder / f"scratched/{number}.jpg", quality=95)
        mask(random).save(folder / f"scratched/{number}.png")


def mask(random: Random) -> Image.Image:
    marked_HW = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    left, top, right, bottom = box(random)
    marked_HW[top:bottom, left:right] = 255
    return Image.fromarray(marked_HW)


def deeppcb(folder: Path, random: Random) -> None:
    for number in range(10_000, 10_000 + COUNT):
        pictures(folder, random, f"{number}_temp.png", f"{number}_test.png")
        (folder / f"{number}.txt").write_text(f"{' '.join(map(str, box(random)))} {int(random.integers(1, 7))}\n")
