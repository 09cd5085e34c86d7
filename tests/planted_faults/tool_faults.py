"""Faults of what annotation tools export, planted in sound exports."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from tests.planted_faults import folders as sound
from tests.planted_faults.folders import COUNT, HEIGHT, WIDTH, FolderFault, Random, Write, box, pictures

EXPORT = "export.json"


def via(folder: Path, random: Random) -> None:
    pictures(folder, random)
    images = {}
    for number in range(COUNT):
        left, top, right, bottom = box(random)
        shape = {"name": "rect", "x": left, "y": top, "width": right - left, "height": bottom - top}
        region = {"shape_attributes": shape, "region_attributes": {"class": "defect"}}
        images[f"{number}"] = {"filename": f"{number:03}.png", "size": 1, "regions": [region], "file_attributes": {}}
    (folder / EXPORT).write_text(json.dumps(images))


def label_studio(folder: Path, random: Random) -> None:
    pictures(folder, random)
    tasks = []
    for number in range(COUNT):
        left, top, right, bottom = box(random)
        sides = {
            "x": left / WIDTH,
            "y": top / HEIGHT,
            "width": (right - left) / WIDTH,
            "height": (bottom - top) / HEIGHT,
        }
        value = {key: 100 * share for key, share in sides.items()} | {"rectanglelabels": ["defect"]}
        result = {"type": "rectanglelabels", "to_name": "image", "value": value}
        annotations = [{"id": number, "completed_by": 1, "result": [result]}]
        tasks.append({"id": number, "data": {"image": f"{number:03}.png"}, "annotations": annotations})
    (folder / EXPORT).write_text(json.dumps(tasks))


def changed(change: Callable[[Random, Any], object]) -> Write:
    """The content of one image's entry changed."""

    def plant(folder: Path, random: Random) -> None:
        content = json.loads((folder / EXPORT).read_text())
        which = int(random.integers(COUNT))
        change(random, content[which] if isinstance(content, list) else content[str(which)])
        (folder / EXPORT).write_text(json.dumps(content))

    return plant


def cut(folder: Path, random: Random) -> None:
    content = (folder / EXPORT).read_bytes()
    (folder / EXPORT).write_bytes(content[: int(random.uniform(0.5, 0.9) * len(content))])


def gone(folder: Path, _random: Random) -> None:
    (folder / EXPORT).unlink()


def _star(random: Random, image: Any) -> None:
    image["regions"][0]["shape_attributes"]["name"] = str(random.choice(["star", "cuboid", "text"]))


def _again(_random: Random, task: Any) -> None:
    task["annotations"].append({**task["annotations"][0], "completed_by": 2})


def coco(folder: Path, random: Random) -> None:
    sound.coco(folder, random)
    (folder / "annotations.json").rename(folder / EXPORT)


def in_coco(change: Callable[[Any], object]) -> Write:
    def plant(folder: Path, _random: Random) -> None:
        content = json.loads((folder / EXPORT).read_text())
        change(content)
        (folder / EXPORT).write_text(json.dumps(content))

    return plant


def _crowds(content: Any) -> None:
    for mark in content["annotations"]:
        mark["iscrowd"] = 1


def _short_part(content: Any) -> None:
    mark = content["annotations"][0]
    left, top, width, height = mark["bbox"]
    outline = [left, top, left + width, top, left + width, top + height, left, top + height]
    mark["segmentation"] = [outline, [left, top]]


def _text_ids(content: Any) -> None:
    for mark in content["annotations"]:
        mark["image_id"] = str(mark["image_id"])


def upright_marks(folder: Path, _random: Random) -> None:
    """A photo that is turned, its size that of the stored pixels, its mark where only the upright picture has room."""
    content = json.loads((folder / EXPORT).read_text())
    image, mark = content["images"][0], content["annotations"][0]
    exif = Image.Exif()
    exif[0x0112] = 6
    path = folder / image["file_name"]
    with Image.open(path) as picture:
        picture.convert("RGB").save(path.with_suffix(".jpg"), exif=exif, quality=95)
    path.unlink()
    image["file_name"] = image["file_name"].replace(".png", ".jpg")
    mark |= {"bbox": [8, HEIGHT - 2, 40, WIDTH - HEIGHT - 4], "area": 40 * (WIDTH - HEIGHT - 4)}
    (folder / EXPORT).write_text(json.dumps(content))


def rows(change: Callable[[str], str]) -> Write:
    """Every row of every label file changed."""

    def plant(folder: Path, _random: Random) -> None:
        for path in sorted(folder.glob("labels/*.txt")):
            path.write_text("\n".join(map(change, path.read_text().splitlines())))

    return plant


TOOL_FAULTS: Mapping[str, FolderFault] = {
    "format.annotations.missing": FolderFault(write=via, plant=gone, how={"format": "via"}),
    "format.annotations.unreadable": FolderFault(write=via, plant=cut, how={"format": "via"}),
    "format.annotations.structure": FolderFault(
        write=via, plant=changed(lambda _, image: image["regions"].append("a rectangle"))
    ),
    "format.annotations.left_out": FolderFault(
        write=via, plant=changed(lambda _, image: image["file_attributes"].update(caption="a card"))
    ),
    "format.values_as_text": FolderFault(write=coco, plant=in_coco(_text_ids)),
    "format.exif_upright": FolderFault(write=coco, plant=upright_marks),
    "label.part_left_out": FolderFault(write=coco, plant=in_coco(_short_part)),
    "label.all_crowd": FolderFault(write=coco, plant=in_coco(_crowds)),
    "label.confidence": FolderFault(write=sound.yolo, plant=rows(lambda row: f"{row} 0.9")),
    "label.key_points": FolderFault(write=sound.yolo, plant=rows(lambda row: f"{row} 0.5 0.5 2 0.4 0.4 1")),
    "label.kind_unread": FolderFault(write=via, plant=changed(_star)),
    "label.several_annotators": FolderFault(write=label_studio, plant=changed(_again)),
}
