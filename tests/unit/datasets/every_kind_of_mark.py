"""Small datasets of the formats in JSON with every kind of mark that a format has, for tests that spoil them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from marks_in_files import HEIGHT, NAMES, WIDTH, create_ml, pictures
from tool_files import as_json
from truscore.datasets import index_to_json, read_dataset

NO_MARKS = ((),) * len(NAMES)
TRIANGLE = [[4, 4], [20, 4], [20, 20]]


def label_studio(folder: Path) -> None:
    def result(kind: str, **value: Any) -> dict[str, Any]:
        size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
        return {"id": kind, "from_name": "label", "to_name": "image", "type": kind, **size, "value": value}

    results = [
        result("rectanglelabels", x=10, y=10, width=20, height=20, rotation=0, rectanglelabels=["dent"]),
        result("polygonlabels", points=[[50, 50], [70, 50], [70, 80]], polygonlabels=["tear"]),
        result("keypointlabels", x=5, y=90, width=1, keypointlabels=["pin"]),
        result("ellipselabels", x=30, y=60, radiusX=5, radiusY=5, rotation=0, ellipselabels=["dent"]),
        result("choices", choices=["worn"]),
        result("taxonomy", taxonomy=[["edge", "soft"]]),
    ]
    tasks = [
        {"id": number, "data": {"image": name}, "annotations": [{"id": 1, "was_cancelled": False, "result": results}]}
        for number, name in enumerate(pictures(folder, NO_MARKS))
    ]
    as_json(folder / "export.json", tasks)


def via(folder: Path) -> None:
    polygon = {"name": "polygon", "all_points_x": [4, 14, 14], "all_points_y": [2, 2, 9]}
    regions = [
        {"shape_attributes": polygon, "region_attributes": {"type": {"dent": True, "tear": True}}},
        {
            "shape_attributes": {"name": "circle", "cx": 20, "cy": 20, "r": 4},
            "region_attributes": {"type": {"dent": True}},
        },
    ]
    images = {
        f"{name}1": {"filename": name, "size": 1, "file_attributes": {"class": "worn"}, "regions": regions}
        for name in pictures(folder, NO_MARKS)
    }
    as_json(folder / "via.json", {"_via_img_metadata": images})


def via_3(folder: Path) -> None:
    names = dict(enumerate(pictures(folder, NO_MARKS), start=1))
    marks = {
        "a": ([2, 4, 4, 8, 8], {"1": "0"}),
        "b": ([7, 4, 20, 14, 20, 14, 26], {"1": "1"}),
        "c": ([], {"2": "worn"}),
    }
    content = {
        "attribute": {
            "1": {"aname": "class", "type": 3, "options": {"0": "dent", "1": "tear"}},
            "2": {"aname": "label", "type": 1, "options": {}},
        },
        "file": {str(number): {"fid": number, "fname": name, "type": 2} for number, name in names.items()},
        "metadata": {
            f"{number}_{key}": {"vid": str(number), "xy": shape, "av": values}
            for number in names
            for key, (shape, values) in marks.items()
        },
        "view": {str(number): {"fid_list": [number]} for number in names},
    }
    as_json(folder / "project.json", content)


def supervisely(folder: Path) -> None:
    def thing(kind: str, exterior: list[list[int]], interior: Any = ()) -> dict[str, Any]:
        points = {"exterior": exterior, "interior": list(interior)}
        return {"id": kind, "classTitle": "dent", "geometryType": kind, "points": points}

    objects = [
        thing("polygon", [[4, 4], [24, 4], [24, 24], [4, 24]], [[[8, 8], [12, 8], [12, 12]]]),
        thing("rectangle", [[4, 4], [24, 24]]),
        thing("point", [[4, 4]]),
        thing("line", TRIANGLE),
    ]
    tags = [{"name": "worn", "value": None}, {"name": "grade", "value": "psa 9"}, {"name": "gloss", "value": 0.5}]
    as_json(folder / "meta.json", {"classes": [{"title": "dent", "shape": "any"}]})
    for name in pictures(folder, NO_MARKS, "ds/img/{}.png"):
        size = {"height": HEIGHT, "width": WIDTH}
        as_json(folder / f"{name.replace('img', 'ann')}.json", {"tags": tags, "size": size, "objects": objects})


def datumaro(folder: Path) -> None:
    flat = [value for pair in TRIANGLE for value in pair]
    marks = [
        {"type": "label", "label_id": 1},
        {"type": "bbox", "label_id": 0, "bbox": [4, 4, 9, 9]},
        {"type": "polygon", "label_id": 0, "points": flat},
        {"type": "polyline", "label_id": 0, "points": flat},
        {"type": "points", "label_id": 0, "points": [5, 5]},
        {"type": "ellipse", "label_id": 0, "points": [5, 5, 10, 10]},
    ]
    pictures(folder, NO_MARKS, "images/default/{}.png")
    items = [{"id": name, "image": {"path": f"{name}.png"}, "annotations": marks} for name in NAMES]
    labels = {"label": {"labels": [{"name": "dent"}, {"name": "worn"}]}}
    as_json(folder / "annotations/default.json", {"categories": labels, "items": items})


def labelme(folder: Path) -> None:
    shapes = [
        {"label": "dent", "shape_type": "polygon", "points": TRIANGLE, "group_id": 1},
        {"label": "dent", "shape_type": "circle", "points": [[14, 14], [20, 14]]},
        {"label": "dent", "shape_type": "linestrip", "points": TRIANGLE},
    ]
    for name in pictures(folder, NO_MARKS):
        size = {"imageWidth": WIDTH, "imageHeight": HEIGHT}
        flags = {"worn": True, "soft": True}
        as_json((folder / name).with_suffix(".json"), {"imagePath": name, **size, "flags": flags, "shapes": shapes})


def coco(folder: Path) -> None:
    names = pictures(folder, NO_MARKS)
    triangle = [value for pair in TRIANGLE for value in pair]
    rle = {"size": [HEIGHT, WIDTH], "counts": [150, 30, WIDTH * HEIGHT - 180]}
    marks = [
        {"id": 10 * number + kind, "image_id": number, "category_id": kind + 1, **shape}
        for number in range(len(names))
        for kind, shape in enumerate(
            ({"bbox": [4, 4, 16, 16], "segmentation": [triangle]}, {"bbox": [5, 0, 1, 30], "segmentation": rle})
        )
    ]
    images = [{"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(names)]
    categories = [{"id": at, "name": name, "supercategory": "damage"} for at, name in enumerate(("dent", "tear"), 1)]
    as_json(folder / "annotations.json", {"images": images, "annotations": marks, "categories": categories})


def truscore(folder: Path) -> None:
    coco(folder)
    index = read_dataset(folder, format="coco").index
    assert index is not None
    (folder / "annotations.json").unlink()
    images = tuple(replace(image, labels=(1,), scores=(("gloss", 0.5),), group="a") for image in index.images)
    (folder / "dataset-index.json").write_text(index_to_json(replace(index, images=images)))


def sagemaker(folder: Path) -> None:
    classes = {"class-map": {"0": "dent", "1": "worn"}, "human-annotated": "yes"}
    boxes = {"annotations": [{"class_id": 0, "left": 4, "top": 4, "width": 9, "height": 9}]}
    entry = {
        "boxes": boxes, "boxes-metadata": {**classes, "type": "groundtruth/object-detection"},
        "state": 1, "state-metadata": {**classes, "class-name": "worn", "type": "groundtruth/image-classification"},
        "kinds": [0, 1], "kinds-metadata": {**classes, "type": "groundtruth/image-classification-multilabel"},
    }  # fmt: skip
    lines = [json.dumps({"source-ref": f"s3://cards/{name}", **entry}) for name in pictures(folder, NO_MARKS)]
    (folder / "output.manifest").write_text("\n".join(lines))


def labelbox(folder: Path) -> None:
    corners = [{"x": x, "y": y} for x, y in TRIANGLE]
    objects = [
        {"name": "dent", "bounding_box": {"left": 4, "top": 4, "width": 9, "height": 9}},
        {"name": "tear", "polygon": corners},
        {"name": "tear", "line": corners},
        {"name": "pin", "point": corners[0]},
    ]
    answers = [
        {"name": "state", "radio_answer": {"name": "worn"}},
        {"name": "kinds", "checklist_answers": [{"name": "soft"}, {"name": "bent"}]},
    ]
    said = {"objects": objects, "classifications": answers}
    projects = {"p1": {"labels": [{"annotations": said}]}}
    rows = ({"data_row": {"external_id": name}, "projects": projects} for name in pictures(folder, NO_MARKS))
    (folder / "export.ndjson").write_text("\n".join(map(json.dumps, rows)))


def darwin(folder: Path) -> None:
    corners = [{"x": x, "y": y} for x, y in TRIANGLE]
    annotations = [
        {"name": "dent", "bounding_box": {"x": 4, "y": 4, "w": 9, "h": 9}},
        {"name": "tear", "polygon": {"paths": [corners]}},
        {"name": "oval", "ellipse": {"center": {"x": 14, "y": 14}, "radius": {"x": 4, "y": 6}, "angle": 0.5}},
        {"name": "tear", "line": {"path": corners}},
        {"name": "pin", "keypoint": {"x": 5, "y": 5}},
        {"name": "worn", "tag": {}},
    ]
    for name in pictures(folder, NO_MARKS):
        item = {"name": name, "path": "/", "slots": []}
        as_json(folder / f"{name[:-4]}.json", {"version": "2.0", "item": item, "annotations": annotations})


EVERY_KIND: Mapping[str, Callable[[Path], None]] = {
    "coco": coco,
    "create_ml": lambda folder: create_ml(folder, [["good"]] * len(NAMES)),
    "darwin": darwin,
    "datumaro": datumaro,
    "label_studio": label_studio,
    "labelbox": labelbox,
    "labelme": labelme,
    "sagemaker": sagemaker,
    "supervisely": supervisely,
    "truscore": truscore,
    "via": via,
    "via_3": via_3,
}
