"""Small datasets as annotation tools write them: two pictures of 40 x 30 pixels, and what is marked on them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from disk_datasets import picture
from PIL import Image

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


def supervisely(folder: Path) -> Path:
    pictures(folder, "ds/img/a.png", "ds/img/b.png")
    as_json(folder / "meta.json", {"classes": [{"title": "dent", "shape": "rectangle"}], "tags": []})
    size = {"height": 30, "width": 40}
    as_json(folder / "ds/ann/b.png.json", {"description": "", "tags": [], "size": size, "objects": []})
    corners = {"exterior": [[5, 6], [15, 14]], "interior": []}
    thing = {"id": 3, "classTitle": "dent", "geometryType": "rectangle", "points": corners}
    return as_json(folder / "ds/ann/a.png.json", {"tags": [], "size": size, "objects": [thing]})


def datumaro(folder: Path) -> Path:
    pictures(folder, "images/default/a.png", "images/default/b.png")
    mark = {"id": 0, "type": "bbox", "label_id": 0, "bbox": [5, 6, 10, 8]}
    items = [
        {"id": stem, "annotations": marks, "image": {"path": f"{stem}.png", "size": [30, 40]}}
        for stem, marks in (("a", [mark]), ("b", []))
    ]
    labels = {"label": {"labels": [{"name": "dent", "parent": ""}]}}
    return as_json(folder / "annotations/default.json", {"info": {}, "categories": labels, "items": items})


def create_ml(folder: Path) -> Path:
    pictures(folder, "a.png", "b.png")
    mark = {"label": "dent", "coordinates": {"x": 10, "y": 10, "width": 10, "height": 8}}
    images = [{"image": "a.png", "annotations": [mark]}, {"image": "b.png", "annotations": []}]
    return as_json(folder / "_annotations.createml.json", images)


def dota(folder: Path) -> Path:
    pictures(folder, "images/a.png", "images/b.png")
    (folder / "labelTxt").mkdir()
    (folder / "labelTxt/b.txt").write_text("")
    path = folder / "labelTxt/a.txt"
    path.write_text("imagesource:GoogleEarth\ngsd:0.1\n5 6 15 6 15 14 5 14 dent 0\n")
    return path


def open_images(folder: Path) -> Path:
    pictures(folder, "a.jpg", "b.jpg")
    (folder / "class-descriptions-boxable.csv").write_text("/m/01,dent\n")
    path = folder / "train-annotations-bbox.csv"
    path.write_text(
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
        "a,xclick,/m/01,1,0.125,0.375,0.2,0.4666667,0,0,0,0,0\n"
    )
    return path


def run_lengths(folder: Path) -> Path:
    pictures(folder, "train_images/a.png", "train_images/b.png")
    runs = " ".join(f"{30 * x + 6 + 1} 8" for x in range(5, 15))
    path = folder / "train.csv"
    path.write_text(f"ImageId,ClassId,EncodedPixels\na.png,dent,{runs}\nb.png,dent,\n")
    return path


def coco_panoptic(folder: Path) -> Path:
    pictures(folder, "train/a.jpg", "train/b.jpg")
    numbers_HWC = np.zeros((30, 40, 3), dtype=np.uint8)
    numbers_HWC[6:14, 5:15] = (7, 1, 0)
    segments = {"a": [{"id": 263, "category_id": 4, "iscrowd": 0, "bbox": [5, 6, 10, 8]}], "b": []}
    (folder / "annotations/panoptic_train").mkdir(parents=True)
    for stem in segments:
        shown_HWC = numbers_HWC if stem == "a" else 0 * numbers_HWC
        Image.fromarray(shown_HWC).save(folder / f"annotations/panoptic_train/{stem}.png")
    images = [{"id": stem, "file_name": f"{stem}.jpg", "width": 40, "height": 30} for stem in segments]
    marks = [{"image_id": stem, "file_name": f"{stem}.png", "segments_info": found} for stem, found in segments.items()]
    content = {"images": images, "annotations": marks, "categories": [{"id": 4, "name": "dent", "isthing": 1}]}
    return as_json(folder / "annotations/panoptic_train.json", content)


# Each has one mark of the class dent, the box 5, 6, 10, 8, on the first of two pictures.
SOUND: Mapping[str, Write] = {
    "cvat": cvat,
    "label_studio": label_studio,
    "via": via,
    "supervisely": supervisely,
    "datumaro": datumaro,
    "create_ml": create_ml,
    "dota": dota,
    "open_images": open_images,
    "run_lengths": run_lengths,
    "coco_panoptic": coco_panoptic,
}
