"""Small datasets of every format with just these marks in their files, good and spoilt, so that both can be counted.

Pictures are 40 x 30 pixels. Each mark of an image has its own rows: 5 pixels high, `at` from the top.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from disk_datasets import picture
from PIL import Image
from tool_files import as_json, cvat_xml, region, via_region
from truscore.datasets import index_to_json, read_dataset

WIDTH, HEIGHT, MOST_MARKS = 40, 30, 4
NAMES = ("a", "b", "c")
Marks = Sequence[str]  # one image's: "good", or the name of what is wrong with it
Write = Callable[[Path, Sequence[Marks]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """How marks are written in a format; `faults` are those that a mark can have there, `most` how many an image."""

    write: Write
    faults: tuple[str, ...] = ()
    most: int = MOST_MARKS


def corners(at: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the mark at this place."""
    return 4, 1 + 7 * at, 14 + at, 6 + 7 * at


def pictures(folder: Path, images: Sequence[Marks], pattern: str = "{}.png") -> list[str]:
    names = [pattern.format(name) for name in NAMES[: len(images)]]
    for seed, name in enumerate(names):
        picture(folder / name, seed=seed)
    return names


def placed(kinds: Marks) -> list[tuple[int, str]]:
    """Each mark with its place; one that is there "again" is that of the first place once more."""
    return [(0, "good") if kind == "again" else (at, kind) for at, kind in enumerate(kinds)]


def sides(kind: str, at: int) -> tuple[Any, Any, Any, Any]:
    """Corners of a mark, spoilt as `kind` says."""
    left, top, right, bottom = corners(at)
    if kind == "number":
        return "left", top, right, bottom
    return (left, top, left, bottom) if kind == "flat" else (left, top, right, bottom)


def box(kind: str, at: int) -> list[Any]:
    """Left, top, width and height."""
    left, top, right, bottom = sides(kind, at)
    return [left, top, right - (left if kind != "number" else 4), bottom - top]


def coco(folder: Path, images: Sequence[Marks]) -> None:
    names, ids = pictures(folder, images), count()
    marks = [
        {
            "id": next(ids),
            "image_id": 99 if kind == "image" else number,
            "category_id": 9 if kind == "class" else 1,
            **({"bbox": box(kind, at)} if kind != "bare" else {}),
        }
        for number, kinds in enumerate(images)
        for at, kind in placed(kinds)
    ]
    entries = [{"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(names)]
    as_json(
        folder / "annotations.json",
        {"images": entries, "annotations": marks, "categories": [{"id": 1, "name": "dent"}]},
    )


def yolo(folder: Path, images: Sequence[Marks]) -> None:
    pictures(folder, images, "images/{}.png")
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text("names: [dent]\nnc: 1\n")
    for name, kinds in zip(NAMES, images, strict=False):
        rows = [_yolo_row(kind, at) for at, kind in placed(kinds)]
        (folder / f"labels/{name}.txt").write_text("\n".join(rows))


def _yolo_row(kind: str, at: int) -> str:
    left, top, right, bottom = corners(at)
    shares = [(left + right) / 2 / WIDTH, (top + bottom) / 2 / HEIGHT, (right - left) / WIDTH, (bottom - top) / HEIGHT]
    words = [f"{share:.6f}" for share in shares]
    label = {"class": "-1"}.get(kind, "0")
    if kind == "number":
        words[0] = "left"
    if kind == "flat":
        words[2] = "0"
    return " ".join([label, *(words[:3] if kind == "short" else words)])


def voc(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    for name, kinds in zip(names, images, strict=True):
        objects = "".join(_voc_object(kind, at) for at, kind in placed(kinds))
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"
        text = f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"
        (folder / name).with_suffix(".xml").write_text(text)


def _voc_object(kind: str, at: int) -> str:
    if kind == "bare":
        return "<object><name>dent</name></object>"
    left, top, right, bottom = sides(kind, at)
    name = "" if kind == "class" else "<name>dent</name>"
    bounds = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
    return f"<object>{name}<bndbox>{bounds}</bndbox></object>"


def labelme(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    for name, kinds in zip(names, images, strict=True):
        shapes = [_labelme_shape(kind, at) for at, kind in placed(kinds)]
        as_json(
            (folder / name).with_suffix(".json"),
            {"imagePath": name, "imageWidth": WIDTH, "imageHeight": HEIGHT, "shapes": shapes, "flags": {}},
        )


def _labelme_shape(kind: str, at: int) -> Any:
    left, top, right, bottom = sides(kind, at)
    if kind == "text":
        return "a shape"
    label = {} if kind == "class" else {"label": "dent"}
    shape_type = "star" if kind == "kind" else "rectangle"
    return {**label, "shape_type": shape_type, "points": [[left, top], [right, bottom]], "group_id": None}


def cvat(folder: Path, images: Sequence[Marks]) -> None:
    pictures(folder, images)
    entries = []
    for number, kinds in enumerate(images):
        marked = "".join(_cvat_mark(kind, at) for at, kind in placed(kinds))
        entries.append(
            f'<image id="{number}" name="{NAMES[number]}.png" width="{WIDTH}" height="{HEIGHT}">{marked}</image>'
        )
    head, _, rest = cvat_xml(labels="dent").partition("<image ")
    assert rest
    (folder / "annotations.xml").write_text(f"{head}{''.join(entries)}</annotations>")


def _cvat_mark(kind: str, at: int) -> str:
    left, top, right, bottom = sides(kind, at)
    name = "cuboid" if kind == "kind" else "box"
    label = "" if kind == "class" else 'label="dent" '
    return f'<{name} {label}xtl="{left}" ytl="{top}" xbr="{right}" ybr="{bottom}"></{name}>'


def label_studio(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    tasks = [
        {
            "id": number,
            "data": {"image": name},
            "annotations": [{"id": 1, "result": [_region(kind, at) for at, kind in placed(kinds)]}],
        }
        for number, (name, kinds) in enumerate(zip(names, images, strict=True))
    ]
    as_json(folder / "export.json", tasks)


def _region(kind: str, at: int) -> Any:
    left, top, right, bottom = corners(at)
    if kind == "text":
        return "a region"
    value: dict[str, Any] = {
        "x": "left" if kind == "number" else 100 * left / WIDTH,
        "y": 100 * top / HEIGHT,
        "width": 0 if kind == "flat" else 100 * (right - left) / WIDTH,
        "height": 100 * (bottom - top) / HEIGHT,
        "rotation": 0,
    }
    return region("magic" if kind == "kind" else "rectanglelabels", **value)


def via(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    entries = {
        f"{name}1": {
            "filename": name,
            "size": 1,
            "file_attributes": {},
            "regions": [_via_mark(kind, at) for at, kind in placed(kinds)],
        }
        for name, kinds in zip(names, images, strict=True)
    }
    as_json(folder / "via_region_data.json", entries)


def _via_mark(kind: str, at: int) -> Any:
    x, y, width, height = box(kind, at)
    name = "star" if kind == "kind" else "rect"
    return "a region" if kind == "text" else via_region(name=name, x=x, y=y, width=width, height=height)


def supervisely(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images, "ds/img/{}.png")
    as_json(folder / "meta.json", {"classes": [{"title": "dent", "shape": "rectangle"}], "tags": []})
    for name, kinds in zip(names, images, strict=True):
        objects = [_supervisely_object(kind, at) for at, kind in placed(kinds)]
        size = {"height": HEIGHT, "width": WIDTH}
        as_json(folder / f"{name.replace('img', 'ann')}.json", {"tags": [], "size": size, "objects": objects})


def _supervisely_object(kind: str, at: int) -> Any:
    left, top, right, bottom = sides(kind, at)
    if kind == "text":
        return "an object"
    points = {"exterior": [[left, top], [right, bottom]], "interior": []}
    named = {} if kind == "class" else {"classTitle": "dent"}
    return {"id": at, **named, "geometryType": "cuboid" if kind == "kind" else "rectangle", "points": points}


def datumaro(folder: Path, images: Sequence[Marks]) -> None:
    pictures(folder, images, "images/default/{}.png")
    items = []
    for name, kinds in zip(NAMES, images, strict=False):
        marks = [
            {
                "id": at,
                "type": "cuboid_3d" if kind == "kind" else "bbox",
                "label_id": 9 if kind == "class" else 0,
                "bbox": box(kind, at),
            }
            for at, kind in placed(kinds)
        ]
        items.append({"id": name, "annotations": marks, "image": {"path": f"{name}.png", "size": [HEIGHT, WIDTH]}})
    labels = {"label": {"labels": [{"name": "dent", "parent": ""}]}}
    as_json(folder / "annotations/default.json", {"info": {}, "categories": labels, "items": items})


def create_ml(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    entries = []
    for name, kinds in zip(names, images, strict=True):
        marks = [_create_ml_mark(kind, at) for at, kind in placed(kinds)]
        entries.append({"image": name, "annotations": marks})
    as_json(folder / "_annotations.createml.json", entries)


def _create_ml_mark(kind: str, at: int) -> Any:
    left, top, right, bottom = corners(at)
    size = {"width": 0 if kind == "flat" else right - left, "height": bottom - top}
    centre = {"x": "left" if kind == "number" else (left + right) / 2, "y": (top + bottom) / 2}
    named = {} if kind == "class" else {"label": "dent"}
    return "a mark" if kind == "text" else {**named, "coordinates": {**centre, **size}}


def image_folder(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    lines = []
    for name, kinds in zip(names, images, strict=True):
        marks = [_image_folder_mark(kind, at) for at, kind in placed(kinds)]
        lines.append(json.dumps({"file_name": name, "objects": marks}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))


def _image_folder_mark(kind: str, at: int) -> Any:
    left, top, right, bottom = corners(at)
    box = ["left" if kind == "number" else left, top, 0 if kind == "flat" else right - left, bottom - top]
    return {"bbox": box} if kind == "class" else {"bbox": box, "category": "dent"}


def sagemaker(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    lines = []
    for name, kinds in zip(names, images, strict=True):
        size = [{"width": WIDTH, "height": HEIGHT, "depth": 3}]
        marks = {"image_size": size, "annotations": [_sagemaker_mark(kind, at) for at, kind in placed(kinds)]}
        meta = {"class-map": {"0": "dent"}, "type": "groundtruth/object-detection", "human-annotated": "yes"}
        lines.append(json.dumps({"source-ref": f"s3://cards/{name}", "job": marks, "job-metadata": meta}))
    (folder / "output.manifest").write_text("\n".join(lines))


def _sagemaker_mark(kind: str, at: int) -> Any:
    x, y, width, height = box(kind, at)
    mark = {"class_id": 9 if kind == "class" else 0, "left": x, "top": y, "width": width, "height": height}
    return "a mark" if kind == "text" else mark


def labelbox(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    lines = []
    for name, kinds in zip(names, images, strict=True):
        said = {"objects": [_labelbox_mark(kind, at) for at, kind in placed(kinds)], "classifications": []}
        projects = {"p1": {"name": "cards", "labels": [{"label_kind": "Default", "annotations": said}]}}
        size = {"height": HEIGHT, "width": WIDTH}
        lines.append(json.dumps({"data_row": {"external_id": name}, "media_attributes": size, "projects": projects}))
    (folder / "export.ndjson").write_text("\n".join(lines))


def _labelbox_mark(kind: str, at: int) -> Any:
    x, y, width, height = box(kind, at)
    if kind == "text":
        return "a mark"
    named = {} if kind == "class" else {"name": "dent"}
    if kind == "kind":
        return {**named, "annotation_kind": "ImageSegmentationMask", "mask": {"url": "https://localhost/1.png"}}
    return {**named, "bounding_box": {"left": x, "top": y, "width": width, "height": height}}


def darwin(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    for name, kinds in zip(names, images, strict=True):
        marks = [_darwin_mark(kind, at) for at, kind in placed(kinds)]
        slots = [{"type": "image", "slot_name": "0", "width": WIDTH, "height": HEIGHT}]
        item = {"name": name, "path": "/", "slots": slots}
        as_json(folder / f"{name[:-4]}.json", {"version": "2.0", "item": item, "annotations": marks})


def _darwin_mark(kind: str, at: int) -> Any:
    x, y, width, height = box(kind, at)
    if kind == "text":
        return "a mark"
    named = {} if kind == "class" else {"name": "dent"}
    drawn = {"cuboid": {}} if kind == "kind" else {"bounding_box": {"x": x, "y": y, "w": width, "h": height}}
    return {"id": f"{at}", **named, **drawn}


def dota(folder: Path, images: Sequence[Marks]) -> None:
    pictures(folder, images, "images/{}.png")
    (folder / "labelTxt").mkdir()
    for name, kinds in zip(NAMES, images, strict=False):
        rows = [_dota_row(kind, at) for at, kind in placed(kinds)]
        (folder / f"labelTxt/{name}.txt").write_text("\n".join(["imagesource:x", "gsd:0.1", *rows]) + "\n")


def _dota_row(kind: str, at: int) -> str:
    left, top, right, bottom = sides(kind, at)
    row = f"{left} {top} {right} {top} {right} {bottom} {left} {bottom} dent 0"
    return row.removesuffix(" dent 0").rpartition(" ")[0] if kind == "short" else row


def open_images(folder: Path, images: Sequence[Marks]) -> None:
    pictures(folder, images, "{}.jpg")
    (folder / "class-descriptions-boxable.csv").write_text("/m/01,dent\n")
    rows = ["ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf"]
    for number, kinds in enumerate(images):
        for at, kind in placed(kinds):
            left, top, right, bottom = corners(at)
            first = "left" if kind == "number" else f"{left / WIDTH}"
            last = first if kind == "flat" else f"{right / WIDTH}"
            name = "z" if kind == "image" else NAMES[number]
            rows.append(f"{name},x,/m/01,1,{first},{last},{top / HEIGHT},{bottom / HEIGHT},0,0,0")
    (folder / "train-annotations-bbox.csv").write_text("\n".join(rows) + "\n")


def run_lengths(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images, "train_images/{}.png")
    rows = ["ImageId,ClassId,EncodedPixels"]
    for name, kinds in zip(names, images, strict=True):
        for at, kind in placed(kinds):
            left, top, right, bottom = corners(at)
            runs = " ".join(f"{HEIGHT * x + top + 1} {bottom - top}" for x in range(left, right))
            runs = {"number": "left 5", "short": runs.rpartition(" ")[0], "outside": "9999999 3"}.get(kind, runs)
            rows.append(f"{name.rpartition('/')[2]},dent,{runs}")
    (folder / "train.csv").write_text("\n".join(rows) + "\n")


def coco_panoptic(folder: Path, images: Sequence[Marks]) -> None:
    pictures(folder, images, "train/{}.jpg")
    (folder / "annotations/panoptic_train").mkdir(parents=True)
    entries, marks = [], []
    for name, kinds in zip(NAMES, images, strict=False):
        entries.append({"id": name, "file_name": f"{name}.jpg", "width": WIDTH, "height": HEIGHT})
        numbers_HWC = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
        segments = []
        for at, kind in enumerate(kinds):
            left, top, right, bottom = corners(at)
            if kind != "absent":
                numbers_HWC[top:bottom, left:right, 0] = at + 1
            segments.append({"id": at + 1, "category_id": 9 if kind == "class" else 4, "iscrowd": 0})
        Image.fromarray(numbers_HWC).save(folder / f"annotations/panoptic_train/{name}.png")
        marks.append({"image_id": name, "file_name": f"{name}.png", "segments_info": segments})
    categories = [{"id": 4, "name": "dent", "isthing": 1}]
    content = {"images": entries, "annotations": marks, "categories": categories}
    as_json(folder / "annotations/panoptic_train.json", content)


def deeppcb(folder: Path, images: Sequence[Marks]) -> None:
    pictures(folder, images, "{}_test.png")
    for seed, (name, kinds) in enumerate(zip(NAMES, images, strict=False)):
        picture(folder / f"{name}_temp.png", seed=50 + seed)
        rows = []
        for at, kind in placed(kinds):
            label = "9" if kind == "class" else "1"
            rows.append(" ".join(map(str, (*sides(kind, at), *(() if kind == "short" else (label,))))))
        (folder / f"{name}.txt").write_text("\n".join(rows))


def table(folder: Path, images: Sequence[Marks]) -> None:
    names = pictures(folder, images)
    with (folder / "boxes.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["filename", "xmin", "ymin", "xmax", "ymax", "label"])
        for name, kinds in zip(names, images, strict=True):
            for at, kind in placed(kinds):
                label = "" if kind == "class" else "dent"
                rows.writerow(["z.png" if kind == "image" else name, *sides(kind, at), label])


def masks(folder: Path, images: Sequence[Marks]) -> None:
    (folder / "scratched").mkdir()
    for seed, (name, kinds) in enumerate(zip(NAMES, images, strict=False)):
        picture(folder / f"scratched/{name}.jpg", seed=seed)
        for kind in kinds:
            marked_HW = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
            marked_HW[6:14, 5:15] = 255 if kind != "empty" else 0
            marked_HW = marked_HW[:9] if kind == "size" else marked_HW
            path = folder / f"scratched/{name}.png"
            Image.fromarray(marked_HW).save(path)
            if kind == "cut":
                path.write_bytes(path.read_bytes()[:40])


def folders(folder: Path, images: Sequence[Marks]) -> None:
    for seed, (name, kinds) in enumerate(zip(NAMES, images, strict=False)):
        for at, kind in enumerate(kinds):
            place = "" if kind == "class" else f"psa{at % 2 + 1}/"
            picture(folder / f"{place}{name}{at}.png", seed=10 * seed + at)


def views(folder: Path, images: Sequence[Marks]) -> None:
    """A light for each view."""
    for name, kinds in zip(NAMES, images, strict=False):
        home = folder / name
        home.mkdir()
        for at, _kind in enumerate(kinds):
            picture(home / f"{at:03}.png", seed=at)
        rows = [f"{'up' if kind == 'number' else 0.1 * at + 0.01} 0.2 0.9\n" for at, kind in enumerate(kinds)]
        (home / "light_directions.txt").write_text("".join(rows))
        (home / "filenames.txt").write_text("".join(f"{at:03}.png\n" for at in range(len(kinds))))


def indexed(folder: Path, images: Sequence[Marks]) -> None:
    coco(folder, images)
    index = read_dataset(folder).index
    assert index is not None
    (folder / "annotations.json").unlink()
    (folder / "dataset-index.json").write_text(index_to_json(index))


WRITTEN: Mapping[str, Written] = {
    "truscore": Written(write=indexed),
    "labelme": Written(write=labelme, faults=("again", "number", "flat", "kind", "class", "text")),
    "cvat": Written(write=cvat, faults=("again", "number", "flat", "kind", "class")),
    "label_studio": Written(write=label_studio, faults=("again", "number", "flat", "kind", "text")),
    "coco": Written(write=coco, faults=("again", "number", "flat", "class", "image", "bare")),
    "voc": Written(write=voc, faults=("again", "number", "flat", "class", "bare")),
    "coco_panoptic": Written(write=coco_panoptic, faults=("absent", "class")),
    "supervisely": Written(write=supervisely, faults=("again", "number", "flat", "kind", "class", "text")),
    "datumaro": Written(write=datumaro, faults=("again", "number", "flat", "kind", "class")),
    "create_ml": Written(write=create_ml, faults=("again", "number", "flat", "class", "text")),
    "image_folder": Written(write=image_folder, faults=("again", "number", "flat", "class")),
    "sagemaker": Written(write=sagemaker, faults=("again", "number", "flat", "class", "text")),
    "labelbox": Written(write=labelbox, faults=("again", "number", "flat", "kind", "class", "text")),
    "darwin": Written(write=darwin, faults=("again", "number", "flat", "kind", "class", "text")),
    "dota": Written(write=dota, faults=("again", "number", "flat", "short")),
    "open_images": Written(write=open_images, faults=("again", "number", "flat", "image")),
    "run_lengths": Written(write=run_lengths, faults=("again", "number", "short", "outside")),
    "via": Written(write=via, faults=("again", "number", "flat", "kind", "text")),
    "deeppcb": Written(write=deeppcb, faults=("again", "number", "flat", "class", "short")),
    "yolo": Written(write=yolo, faults=("again", "number", "flat", "class", "short")),
    "csv": Written(write=table, faults=("again", "number", "flat", "class", "image")),
    "multi_light": Written(write=views, faults=("number",)),
    "masks": Written(write=masks, faults=("cut", "size", "empty"), most=1),
    "folder": Written(write=folders, faults=("class",)),
}
