"""SageMaker Ground Truth, Labelbox and V7 Darwin: what is particular to each, and files that are broken."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disk_datasets import codes, only
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_files import as_json, pictures
from truscore.datasets import (
    DatasetIndex,
    Limits,
    ReadResult,
    annotation_mask,
    read_dataset,
    recognise_format,
    split_dataset,
)

BOX = {"left": 1, "top": 2, "width": 10, "height": 8}
SQUARE = [{"x": x, "y": y} for x, y in ((4, 4), (24, 4), (24, 24), (4, 24))]
HOLE = [{"x": x, "y": y} for x, y in ((9, 9), (19, 9), (19, 19), (9, 19))]


def index_of(reading: ReadResult) -> DatasetIndex:
    assert reading.index is not None, reading.problems
    return reading.index


def lines(folder: Path, name: str, *entries: Any) -> ReadResult:
    pictures(folder, "a.png", "b.png")
    (folder / name).write_text("\n".join(json.dumps(entry) for entry in entries))
    return read_dataset(folder)


def manifest(folder: Path, *entries: Any) -> ReadResult:
    return lines(folder, "output.manifest", *entries)


def job(name: str = "a.png", *, classes: Any = None, human: str = "yes", box: Any = None) -> dict[str, Any]:
    size = [{"width": 40, "height": 30, "depth": 3}]
    meta = {"class-map": {"0": "dent"} if classes is None else classes, "human-annotated": human}
    return {
        "source-ref": f"s3://cards/scans/{name}",
        "cards": {"image_size": size, "annotations": [box or {"class_id": 0, **BOX}]},
        "cards-metadata": {**meta, "type": "groundtruth/object-detection"},
    }


def test_boxes_of_a_manifest_are_those_of_its_class_map(tmp_path: Path) -> None:
    reading = manifest(tmp_path, job("a.png"), job("b.png"))
    assert recognise_format(tmp_path) == "sagemaker"
    assert codes(reading) == set()
    index = index_of(reading)
    assert index.class_names == ("dent",)
    assert [mark.box_xywh for image in index.images for mark in image.annotations] == [(1, 2, 10, 8)] * 2


def test_classes_of_images_in_a_manifest_are_labels(tmp_path: Path) -> None:
    names = {"class-map": {"0": "psa 8", "1": "psa 9"}}
    one = {"source-ref": "a.png", "grade": 1, "grade-metadata": {**names, "class-name": "psa 9"}}
    several = {"source-ref": "b.png", "grade": [0, 1], "grade-metadata": names}
    index = index_of(manifest(tmp_path, one, several))
    assert [image.labels for image in index.images] == [(2,), (1, 2)]
    assert index.grades == (8, 9)


@pytest.mark.parametrize(
    ("entry", "code", "says"),
    [
        (job(box={"class_id": 7, **BOX}), "label.unknown_category", "class 7 is not in the class map"),
        (job(human="no"), "label.confidence", "1 images were labelled by a program"),
        ({"source-ref": "a.png", "cards": {}}, "format.annotations.structure", "no `cards-metadata`"),
        (
            {"source-ref": "a.png", "cards-ref": "s3://cards/a-mask.png", "cards-ref-metadata": {}},
            "label.kind_unread",
            "masks that lie in pictures of their own",
        ),
        ({"source-ref": 7}, "format.annotations.structure", "expected an object with a source-ref"),
    ],
)
def test_what_a_manifest_says_and_cannot_be_read_is_named(tmp_path: Path, entry: Any, code: str, says: str) -> None:
    reading = manifest(tmp_path, entry, job("b.png"))
    assert says in only(reading, code)
    assert index_of(reading).images[-1].annotations


def row(name: str = "a.png", *objects: Any, answers: Any = (), labels: int = 1, split: str = "") -> dict[str, Any]:
    said = {"annotations": {"objects": list(objects), "classifications": list(answers)}}
    return {
        "data_row": {"id": "ck1", "external_id": name, "row_data": f"https://localhost/{name}?token=1"},
        "media_attributes": {"width": 40, "height": 30},
        "metadata_fields": [{"schema_name": "split", "value": split}],
        "projects": {"p1": {"name": "cards", "labels": [said] * labels}},
    }


def test_every_kind_of_labelbox_is_read(tmp_path: Path) -> None:
    answers = [
        {"name": "state", "radio_answer": {"name": "worn"}},
        {"name": "kinds", "checklist_answers": [{"name": "soft"}, {"name": "bent"}]},
    ]
    objects = [
        {"name": "dent", "bounding_box": BOX},
        {"name": "dent", "polygon": SQUARE},
        {"name": "dent", "line": SQUARE[:3]},
        {"name": "dent", "point": SQUARE[0]},
    ]
    reading = lines(tmp_path, "export.ndjson", row("a.png", *objects, answers=answers), row("b.png"))
    assert codes(reading) == set()
    index = index_of(reading)
    box, polygon, line, point = index.images[0].annotations
    assert (index.format, box.box_xywh) == ("labelbox", (1, 2, 10, 8))
    assert polygon.polygons == ((4, 4, 24, 4, 24, 24, 4, 24),)
    assert (line.shape, line.points) == ("linestrip", (4, 4, 24, 4, 24, 24))
    assert (point.shape, point.points) == ("point", (4, 4))
    assert [index.class_names[label - 1] for label in index.images[0].labels or ()] == ["bent", "soft", "worn"]


@pytest.mark.parametrize(
    ("entry", "code", "says"),
    [
        (
            row("a.png", {"name": "dent", "annotation_kind": "ImageSegmentationMask", "mask": {"url": "x"}}),
            "label.kind_unread",
            "a 'ImageSegmentationMask' of 'dent'",
        ),
        (row("a.png", labels=2), "label.several_annotators", "project 'p1' has 2 labels"),
        (row("a.png", answers=[{"name": "note", "text_answer": {}}]), "format.annotations.left_out", "to 'note' is no"),
        ({"data_row": {}, "projects": {}}, "format.annotations.structure", "names an image"),
    ],
)
def test_what_labelbox_says_and_cannot_be_read_is_named(tmp_path: Path, entry: Any, code: str, says: str) -> None:
    reading = lines(tmp_path, "export.ndjson", entry, row("b.png", {"name": "dent", "bounding_box": BOX}))
    assert says in only(reading, code)
    assert index_of(reading).annotation_count == 1


def test_labelbox_states_parts_of_a_split(tmp_path: Path) -> None:
    entries = [
        row(name, {"name": "dent", "bounding_box": BOX}, split=split)
        for name, split in (("a.png", "train"), ("b.png", "valid"))
    ]
    split = split_dataset(index_of(lines(tmp_path, "export.ndjson", *entries)), seed=0)
    assert (split.train, split.validation) == (("a.png",), ("b.png",))


def darwin(folder: Path, *annotations: Any, **item: Any) -> ReadResult:
    pictures(folder, "scans/a.png")
    described = {"name": "a.png", "path": "/scans", "slots": [{"width": 40, "height": 30}], **item}
    content = {"version": "2.0", "item": described, "annotations": list(annotations)}
    as_json(folder / "releases/latest/annotations/a.json", content)
    return read_dataset(folder)


def test_every_kind_of_darwin_is_read(tmp_path: Path) -> None:
    reading = darwin(
        tmp_path,
        {"name": "dent", "bounding_box": {"x": 1, "y": 2, "w": 10, "h": 8}},
        {"name": "dent", "polygon": {"paths": [SQUARE]}, "bounding_box": {"x": 4, "y": 4, "w": 20, "h": 20}},
        {"name": "dent", "ellipse": {"center": {"x": 20, "y": 15}, "radius": {"x": 8, "y": 4}, "angle": 0}},
        {"name": "dent", "line": {"path": SQUARE[:3]}},
        {"name": "dent", "keypoint": {"x": 3, "y": 5}},
        {"name": "worn", "tag": {}},
    )
    assert codes(reading) == set()
    index = index_of(reading)
    box, polygon, oval, line, point = index.images[0].annotations
    assert (index.format, box.box_xywh) == ("darwin", (1, 2, 10, 8))
    assert polygon.polygons == ((4, 4, 24, 4, 24, 24, 4, 24),)
    assert oval.box_xywh == pytest.approx((12, 11, 16, 8), abs=0.01)
    assert (line.shape, point.shape, point.points) == ("linestrip", "point", (3, 5))
    assert [index.class_names[label - 1] for label in index.images[0].labels or ()] == ["worn"]


def test_a_path_within_another_is_a_hole_and_one_beside_it_a_part(tmp_path: Path) -> None:
    beside = [{"x": x, "y": y} for x, y in ((28, 4), (36, 4), (36, 9))]
    index = index_of(darwin(tmp_path, {"name": "dent", "polygon": {"paths": [SQUARE, HOLE, beside]}}))
    (mark,) = index.images[0].annotations
    mask_HW = annotation_mask(mark, 30, 40)
    assert (mask_HW[6, 6], mask_HW[14, 14], mask_HW[6, 35]) == (True, False, True)


def test_the_first_version_of_darwin_is_read(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    drawn = [{"name": "dent", "polygon": {"path": SQUARE}}]
    as_json(tmp_path / "a.json", {"image": {"filename": "a.png", "width": 40, "height": 30}, "annotations": drawn})
    assert index_of(read_dataset(tmp_path)).images[0].annotations[0].box_xywh == (4, 4, 20, 20)


@pytest.mark.parametrize(
    ("drawn", "code"),
    [
        ({"name": "dent", "cuboid": {}}, "label.kind_unread"),
        ({"name": "dent", "polygon": []}, "label.malformed"),
        ({"name": "dent", "polygon": {"paths": [SQUARE[:2]]}}, "label.short_polygon"),
        ({"name": "dent", "polygon": {"paths": [SQUARE * 9]}}, "label.malformed"),
        ({"name": "dent", "ellipse": {"center": {"x": 1}}}, "label.malformed"),
        ({"polygon": {"paths": [SQUARE]}}, "label.malformed"),
    ],
)
def test_a_faulty_annotation_of_darwin_is_named(tmp_path: Path, drawn: Any, code: str) -> None:
    darwin(tmp_path, drawn, {"name": "dent", "keypoint": {"x": 3, "y": 5}})
    reading = read_dataset(tmp_path, limits=Limits(points_per_polygon=30))
    assert code in codes(reading)
    assert index_of(reading).annotation_count == 1


def sound(format: str) -> tuple[str, str]:
    content = {"version": "2.0", "item": {"name": "a.png"}, "annotations": [{"name": "a", "tag": {}}]}
    return {
        "sagemaker": ("output.manifest", json.dumps(job())),
        "labelbox": ("export.ndjson", json.dumps(row())),
        "darwin": ("a.json", json.dumps(content)),
    }[format]


@pytest.mark.parametrize("format", ["sagemaker", "labelbox", "darwin"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_file_makes_a_reader_raise(
    format: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp(format)
    pictures(root, "a.png")
    name, text = sound(format)
    at = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 20))
    put = data.draw(
        st.sampled_from(["", "\n", '"', "[" * 500, "{", "1e999", "\\ud800", "null,", "}"]) | st.text(max_size=9)
    )
    (root / name).write_text(text[:at] + put + text[at + length :], errors="replace")
    reading = read_dataset(root, format=format)
    assert reading.index is not None or reading.problems


def wide(count: int) -> str:
    return json.dumps({"source-ref": "a.png"})[:-1] + ', "x": ' + "[" * count + "]" * count + "}"


@pytest.mark.parametrize(
    ("name", "write"),
    [("output.manifest", lambda: wide(5000)), ("output.manifest", lambda: '{"source-ref": "a.png"}\n' * 5000)],
    ids=["deep", "long"],
)
def test_deep_and_long_manifests_are_bounded(tmp_path: Path, name: str, write: Callable[[], str]) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / name).write_text(write())
    reading = read_dataset(tmp_path, format="sagemaker", limits=Limits(problems_per_code=5))
    assert max(Counter(problem.code for problem in reading.problems).values()) <= 6


def test_files_of_lines_that_nothing_reads_are_among_the_nearest(tmp_path: Path) -> None:
    reading = lines(tmp_path, "annotations.jsonl", {"image": "a.png", "label": "dent"})
    nearest = [problem for problem in reading.problems if problem.code == "format.nearest"]
    assert nearest[0].location == "annotations.jsonl#1"
    assert "lines have image, label; expected file_name" in nearest[0].message
    (tmp_path / "annotations.jsonl").unlink()
    as_json(tmp_path / "results.json", [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}])
    nearest = [problem for problem in read_dataset(tmp_path).problems if problem.code == "format.nearest"]
    assert "a list of marks (image_id, category_id) without the images" in nearest[0].message
