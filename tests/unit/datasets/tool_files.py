"""Small datasets as annotation tools write them: two pictures of 40 x 30 pixels, and what is marked on them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from disk_datasets import picture

Write = Callable[[Path], Path]  # writes a dataset and gives the file of its annotations


def pictures(folder: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        picture(folder / name, seed=seed)


def as_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def cvat_xml(*elements: str, labels: str = "scratch dent", more: str = "") -> str:
    named = "".join(f"<label><name>{label}</name></label>" for label in labels.split())
    marked = "".join(elements)
    return (
        '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels>'
        f"{named}</labels></task></meta>"
        f'<image id="0" name="a.png" width="40" height="30">{marked}</image>'
        f'<image id="1" name="b.png" width="40" height="30"></image>{more}</annotations>'
    )


CVAT_BOX = '<box label="dent" xtl="5" ytl="6" xbr="15" ybr="14"><attribute name="deep">yes</attribute></box>'


def cvat(folder: Path) -> Path:
    pictures(folder, "images/a.png", "images/b.png")
    path = folder / "annotations.xml"
    path.write_text(cvat_xml(CVAT_BOX))
    return path


def region(kind: str = "rectanglelabels", **value: Any) -> dict[str, Any]:
    box = {"x": 12.5, "y": 20, "width": 25, "height": 80 / 3, "rotation": 0}
    shown = {"from_name": "label", "to_name": "image", "original_width": 40, "original_height": 30}
    return {"type": kind, "value": {kind: ["dent"], **(value or box)}, **shown}


def task(name: str, *results: Any, **more: Any) -> dict[str, Any]:
    return {"id": 7, "data": {"image": name}, "annotations": [{"id": 1, "result": list(results)}], **more}


def label_studio(folder: Path) -> Path:
    pictures(folder, "a.png", "b.png")
    return as_json(folder / "export.json", [task("/data/upload/1/0123abcd-a.png", region()), task("b.png")])


def via_region(label: str = "dent", /, **shape: Any) -> dict[str, Any]:
    box = {"name": "rect", "x": 5, "y": 6, "width": 10, "height": 8}
    return {"shape_attributes": shape or box, "region_attributes": {"type": label}}


def via(folder: Path) -> Path:
    pictures(folder, "a.png", "b.png")
    images = {
        "a.png1": {"filename": "a.png", "size": 1, "regions": [via_region()], "file_attributes": {}},
        "b.png1": {"filename": "b.png", "size": 1, "regions": [], "file_attributes": {}},
    }
    return as_json(folder / "via_region_data.json", images)


# Each has one mark of the class dent, the box 5, 6, 10, 8, on the first of two pictures.
SOUND: Mapping[str, Write] = {"cvat": cvat, "label_studio": label_studio, "via": via}
