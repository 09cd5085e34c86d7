"""Faults of what annotation tools export, planted in sound exports."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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


TOOL_FAULTS: Mapping[str, FolderFault] = {
    "format.annotations.missing": FolderFault(write=via, plant=gone, how={"format": "via"}),
    "format.annotations.unreadable": FolderFault(write=via, plant=cut, how={"format": "via"}),
    "format.annotations.structure": FolderFault(
        write=via, plant=changed(lambda _, image: image["regions"].append("a rectangle"))
    ),
    "format.annotations.left_out": FolderFault(
        write=via, plant=changed(lambda _, image: image["file_attributes"].update(caption="a card"))
    ),
    "label.kind_unread": FolderFault(write=via, plant=changed(_star)),
    "label.several_annotators": FolderFault(write=label_studio, plant=changed(_again)),
}
