"""Supervisely, Datumaro, COCO panoptic, run lengths and YOLO's columns: what is particular to each."""

import base64
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disk_datasets import codes, only, picture, write_label
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tool_files import as_json, pictures
from truscore.datasets import Annotation, ImageRecord, annotation_mask, read_dataset
from truscore.datasets.formats.run_lengths.reader import _mask as runs_to_mask
from truscore.datasets.shapes.parse import BadShape


def supervisely(folder: Path, *things: Any, tags: Any = ()) -> Any:
    pictures(folder, "ds/img/a.png")
    as_json(folder / "meta.json", {"classes": [{"title": "crease"}, {"title": "dent"}]})
    content = {"size": {"height": 30, "width": 40}, "objects": list(things), "tags": list(tags)}
    as_json(folder / "ds/ann/a.png.json", content)
    return read_dataset(folder)


def thing(kind: str, **more: Any) -> dict[str, Any]:
    return {"id": 1, "classTitle": "dent", "geometryType": kind, **more}


def test_a_hole_of_a_supervisely_polygon_is_not_marked(tmp_path: Path) -> None:
    outside, hole = [[4, 4], [24, 4], [24, 24], [4, 24]], [[9, 9], [19, 9], [19, 19], [9, 19]]
    reading = supervisely(tmp_path, thing("polygon", points={"exterior": outside, "interior": [hole]}))
    (mark,) = reading.index.images[0].annotations
    mask_HW = annotation_mask(mark, 30, 40)
    assert mask_HW[6, 6]
    assert not mask_HW[14, 14]
    assert mark.label == 2


def test_a_bitmap_lies_at_its_origin(tmp_path: Path) -> None:
    part_HW = np.array([[255, 0, 255], [0, 255, 0]], dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(part_HW).save(written, format="PNG")
    packed = base64.b64encode(zlib.compress(written.getvalue())).decode()
    reading = supervisely(tmp_path, thing("bitmap", bitmap={"data": packed, "origin": [7, 9]}))
    (mark,) = reading.index.images[0].annotations
    assert (annotation_mask(mark, 30, 40)[9:11, 7:10] == (part_HW > 0)).all()
    outside = supervisely(tmp_path / "b", thing("bitmap", bitmap={"data": packed, "origin": [39, 9]}))
    assert "leaves its image" in only(outside, "label.mask_size")


@pytest.mark.parametrize(
    ("drawn", "code"),
    [
        (thing("cuboid"), "label.kind_unread"),
        (thing("rectangle", points={"exterior": [[1, 2]]}), "label.malformed"),
        (thing("bitmap", bitmap={"data": "!", "origin": [1, 2]}), "label.mask_unreadable"),
        ({"geometryType": "point"}, "label.malformed"),
    ],
)
def test_what_supervisely_has_else_is_named(tmp_path: Path, drawn: Any, code: str) -> None:
    reading = supervisely(tmp_path, drawn)
    assert code in codes(reading)
    assert reading.index.annotation_count == 0


@pytest.mark.parametrize("part", ["train", "val", "dev", "holdout"])
def test_tags_are_labels_and_parts_are_none(part: str, tmp_path: Path) -> None:
    reading = supervisely(tmp_path, tags=[{"name": part}, {"name": "psa9", "value": None}])
    assert [reading.index.class_names[label - 1] for label in reading.index.images[0].labels] == ["psa9"]


def datumaro_marks(folder: Path, *entries: Any) -> tuple[Any, tuple[Annotation, ...]]:
    pictures(folder, "images/train/a.png")
    item = {"id": "a", "annotations": list(entries), "media": {"type": "image", "path": "a.png", "size": [30, 40]}}
    content = {"categories": {"label": {"labels": [{"name": "dent"}]}}, "items": [item]}
    as_json(folder / "annotations/train.json", content)
    reading = read_dataset(folder, format="datumaro")
    assert reading.index is not None
    return reading, reading.index.images[0].annotations


def test_every_kind_of_datumaro_is_read(tmp_path: Path) -> None:
    counts = [6 + 30 * 5, 8, 1200 - 6 - 30 * 5 - 8]
    reading, marks = datumaro_marks(
        tmp_path,
        {"type": "polygon", "label_id": 0, "points": [1, 2, 9, 2, 5, 8]},
        {"type": "polyline", "label_id": 0, "points": [1, 2, 9, 2]},
        {"type": "points", "label_id": 0, "points": [1, 2]},
        {"type": "mask", "label_id": 0, "rle": {"size": [30, 40], "counts": counts}},
        {"type": "ellipse", "label_id": 0, "points": [4, 6, 20, 14]},
        {"type": "rotated_bbox", "label_id": 0, "points": [5, 5, 15, 5, 15, 9, 5, 9]},
        {"type": "label", "label_id": 0},
        {"type": "caption", "caption": "a card"},
        {"type": "cuboid_3d", "label_id": 0},
        {"type": "bbox", "label_id": 3, "bbox": [1, 1, 2, 2]},
    )
    assert codes(reading) == {"label.kind_unread", "format.annotations.left_out", "label.unknown_category"}
    assert [mark.shape for mark in marks] == ["", "linestrip", "point", "", "", ""]
    assert [mark.box_xywh for mark in marks][3:] == [(5, 6, 1, 8), pytest.approx((4, 6, 16, 8)), (5, 5, 10, 4)]
    assert reading.index.images[0].labels == (1,)


RECORD = ImageRecord(path="a", sha256="", size_bytes=1, width=4, height=3)


@given(st.text("0123456789 -x", max_size=20))
def test_any_run_lengths_are_a_mask_or_refused(text: str) -> None:
    try:
        rle = runs_to_mask(text, RECORD)
    except BadShape:
        return
    assert sum(rle.counts) == 12


def test_neighbouring_runs_are_one() -> None:
    assert runs_to_mask("1 2 3 1 12 1", RECORD).counts == (0, 3, 8, 1)


def test_yolo_boxes_with_key_points_keep_those_that_are_seen(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    write_label(tmp_path / "a.txt", "0 0.5 0.5 0.5 0.4 0.3 0.4 2 0 0 0 0.6 0.6 1")
    (tmp_path / "data.yaml").write_text("names: [dent]\nkpt_shape: [3, 3]\n")
    reading = read_dataset(tmp_path)
    assert codes(reading) == {"label.key_points"}
    assert reading.index is not None
    (mark,) = reading.index.images[0].annotations
    assert mark.box_xywh == pytest.approx((10, 9, 20, 12))
    assert mark.points == pytest.approx((12, 12, 24, 18))
    assert annotation_mask(mark, 30, 40).sum() == 20 * 12


def test_yolo_turned_boxes_are_polygons_of_four_corners(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    write_label(tmp_path / "a.txt", "0 0.5 0.2 0.6 0.4 0.5 0.6 0.4 0.4")
    (tmp_path / "data.yaml").write_text("names: [dent]\n")
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert reading.index.images[0].annotations[0].polygons[0] == pytest.approx((20, 6, 24, 12, 20, 18, 16, 12))
