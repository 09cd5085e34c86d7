"""The LabelMe reader: shapes of every kind, flags, frames, light images, hostile JSON."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disk_datasets import codes, only, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from truscore.datasets import Annotation, Limits, ReadResult, annotation_mask, read_dataset, recognise_format


def shape(kind: str | None, *points: tuple[float, float], label: str = "scratch", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": [list(pair) for pair in points], "shape_type": kind, **more}


TRIANGLE = shape("polygon", (5, 5), (20, 5), (5, 20))


def labelme(path: Path, *shapes: Any, image: str = "a.png", width: int = 40, height: int = 30, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"imagePath": image, "imageWidth": width, "imageHeight": height, "shapes": list(shapes), **more}
    path.write_text(json.dumps(content))
    return path


def read(root: Path, **how: Any) -> ReadResult:
    return read_dataset(root, format="labelme", **how)


def marks(root: Path, *shapes: Any, **more: Any) -> tuple[Annotation, ...]:
    picture(root / "a.png")
    labelme(root / "a.json", *shapes, **more)
    reading = read(root)
    assert reading.problems == ()
    assert reading.index is not None
    return reading.index.images[0].annotations


def png(mask_HW: np.ndarray) -> str:
    written = io.BytesIO()
    Image.fromarray(mask_HW).save(written, format="PNG")
    return base64.b64encode(written.getvalue()).decode()


def test_a_polygon_is_one_and_so_is_a_shape_of_older_releases_without_a_type(tmp_path: Path) -> None:
    first, second = marks(tmp_path, TRIANGLE, TRIANGLE | {"shape_type": None})
    assert recognise_format(tmp_path) == "labelme"
    assert first.polygons == second.polygons == ((5.0, 5.0, 20.0, 5.0, 5.0, 20.0),)
    assert first.box_xywh == (5.0, 5.0, 15.0, 15.0)


def test_a_rectangle_is_a_box_whatever_corner_it_was_drawn_from(tmp_path: Path) -> None:
    first, second = marks(tmp_path, shape("rectangle", (20, 15), (5, 10)), shape("rectangle", (5, 10), (20, 15)))
    assert first.box_xywh == second.box_xywh == (5.0, 10.0, 15.0, 5.0)
    assert first.polygons == ()


def test_a_turned_rectangle_is_the_polygon_of_its_corners(tmp_path: Path) -> None:
    (drawn,) = marks(tmp_path, shape("rotation", (10, 5), (15, 10), (10, 15), (5, 10)))
    assert drawn.polygons == ((10.0, 5.0, 15.0, 10.0, 10.0, 15.0, 5.0, 10.0),)


def test_a_circle_covers_its_area(tmp_path: Path) -> None:
    (mark,) = marks(tmp_path, shape("circle", (20, 15), (30, 15)))
    assert (mark.shape, mark.points, mark.box_xywh) == ("circle", (20, 15, 30, 15), (10, 5, 20, 20))
    assert annotation_mask(mark, 30, 40).sum() == pytest.approx(np.pi * 10**2, rel=0.05)


@pytest.mark.parametrize(
    ("drawn", "covered"),
    [
        (shape("point", (7.5, 8.5)), {(8, 7)}),
        (shape("line", (3, 4), (6, 4)), {(4, 3), (4, 4), (4, 5), (4, 6)}),
        (shape("linestrip", (3, 4), (5, 4), (5, 6)), {(4, 3), (4, 4), (4, 5), (5, 5), (6, 5)}),
    ],
)
def test_a_stroke_covers_the_pixels_it_goes_through(
    tmp_path: Path, drawn: dict[str, Any], covered: set[tuple[int, int]]
) -> None:
    (mark,) = marks(tmp_path, drawn)
    assert {(int(row), int(column)) for row, column in np.argwhere(annotation_mask(mark, 30, 40))} == covered
    assert mark.shape == drawn["shape_type"]
    assert min(mark.box_xywh[2:]) >= 1


def test_a_mask_lies_where_its_corner_says(tmp_path: Path) -> None:
    part_HW = np.array([[True, False, True], [True, True, True]])
    (mark,) = marks(tmp_path, shape("mask", (10, 20), (12, 21), mask=png(part_HW)))
    whole_HW = annotation_mask(mark, 30, 40)
    assert (whole_HW[20:22, 10:13] == part_HW).all()
    assert whole_HW.sum() == part_HW.sum()
    assert mark.box_xywh == (10.0, 20.0, 3.0, 2.0)


def test_polygons_of_one_group_are_one_thing(tmp_path: Path) -> None:
    grouped, alone = TRIANGLE | {"group_id": 7}, TRIANGLE | {"group_id": None}
    moved = shape("polygon", (30, 20), (39, 20), (30, 29), group_id=7)
    found = marks(tmp_path, grouped, alone, moved, moved | {"label": "dent"})
    assert [len(mark.polygons) for mark in found] == [2, 1, 1]
    assert found[0].box_xywh == (5.0, 5.0, 34.0, 24.0)


@pytest.mark.parametrize(
    ("drawn", "code"),
    [
        (shape("polygon", (1, 1), (2, 2)), "label.short_polygon"),
        (shape("circle", (1, 1)), "label.malformed"),
        (shape("line", (1, 1), (2, 2), (3, 3)), "label.malformed"),
        (shape("star", (1, 1), (2, 2)), "label.malformed"),
        (shape("polygon", (1, float("nan")), (2, 2), (3, 3)), "label.not_finite"),
        ({"label": "a", "points": "many", "shape_type": "polygon"}, "label.malformed"),
        ("a text", "label.malformed"),
        (shape("mask", (1, 1), (2, 2), mask="no base64!"), "label.mask_unreadable"),
        (shape("mask", (1, 1), (2, 2), mask=None), "label.mask_unreadable"),
        (shape("mask", (39, 29), (41, 31), mask=png(np.ones((3, 3), dtype=bool))), "label.mask_size"),
        (shape("mask", (1, 1), (3, 3), mask=png(np.zeros((3, 3), dtype=bool))), "label.empty_box"),
        (shape("polygon", (1, 1), (9, 1), (1, 9), label="__ignore__"), "label.ignored_region"),
    ],
)
def test_a_shape_that_cannot_be_used_is_reported_and_the_rest_is_read(tmp_path: Path, drawn: Any, code: str) -> None:
    picture(tmp_path / "a.png")
    labelme(tmp_path / "a.json", TRIANGLE, drawn)
    reading = read(tmp_path)
    assert only(reading, code).startswith("a.json#1: ")
    assert reading.index is not None
    assert reading.index.annotation_count == 1


def test_flags_are_labels_of_the_whole_image(tmp_path: Path) -> None:
    stated = {"a": {"cat": True, "dog": False}, "b": {"cat": False, "dog": False}, "c": {}, "d": {"__ignore__": True}}
    for number, (name, flags) in enumerate(stated.items()):
        picture(tmp_path / f"{name}.png", seed=number)
        labelme(tmp_path / f"{name}.json", image=f"{name}.png", flags=flags)
    index = read(tmp_path).index
    assert index is not None
    assert index.class_names == ("cat", "dog")
    assert [image.labels for image in index.images] == [(1,), (), None, None]


def test_an_image_path_may_climb_to_a_sister_folder_but_not_out_of_the_dataset(tmp_path: Path) -> None:
    picture(tmp_path / "set/pictures/a.png")
    picture(tmp_path / "outside.png")
    labelme(tmp_path / "set/json/a.json", TRIANGLE, image="..\\pictures\\a.png")
    assert read(tmp_path / "set").problems == ()
    labelme(tmp_path / "set/json/a.json", TRIANGLE, image="../../outside.png")
    assert "format.path_escape" in codes(read(tmp_path / "set"))


@pytest.mark.parametrize(
    ("width", "height", "code"), [(30, 40, "format.size_swapped"), (25, 20, "format.size_mismatch")]
)
def test_a_frame_that_was_turned_or_cropped_is_reported(tmp_path: Path, width: int, height: int, code: str) -> None:
    picture(tmp_path / "a.png")
    labelme(tmp_path / "a.json", TRIANGLE, width=width, height=height)
    assert codes(read(tmp_path)) == {code}


def test_a_picture_that_lies_only_inside_the_json_is_reported(tmp_path: Path) -> None:
    picture(tmp_path / "b.png")
    labelme(tmp_path / "b.json", TRIANGLE, image="b.png")
    labelme(tmp_path / "a.json", TRIANGLE, imageData=png(np.zeros((30, 40), dtype=np.uint8)))
    assert codes(read(tmp_path)) == {"format.labelme.picture_inside"}


def lights(root: Path, card: str) -> None:
    for number, light in enumerate(("Up", "Down", "Left", "Right")):
        picture(root / "raw" / card / f"{card}_{light}.jpg", seed=number)


def test_lights_of_an_annotated_card_are_left_out_and_reported_once(tmp_path: Path) -> None:
    lights(tmp_path, "card_1")
    picture(tmp_path / "processed/card_1.jpg", seed=9)
    labelme(tmp_path / "processed/card_1.json", TRIANGLE, image="card_1.jpg")
    reading = read(tmp_path)
    assert only(reading, "format.labelme.lights").endswith("the annotated image stands for them")
    assert codes(reading) == {"format.labelme.lights"}
    assert reading.index is not None
    assert [image.path for image in reading.index.images] == ["processed/card_1.jpg"]


def test_where_only_its_lights_are_there_they_stand_for_the_card_and_stay_together(tmp_path: Path) -> None:
    lights(tmp_path, "card_1")
    labelme(tmp_path / "processed/card_1.json", TRIANGLE, image="card_1.jpg")
    reading = read(tmp_path)
    assert "its 4 light images were taken" in only(reading, "format.image_missing")
    assert reading.index is not None
    assert {image.group for image in reading.index.images} == {"card card_1"}
    assert reading.index.annotation_count == 4


@pytest.mark.parametrize("text", ['{"shapes": [', '{"shapes": ' + "[" * 100_000, '"shapes"', b"\x89PNG\r\n\x1a\n\0"])
def test_json_that_cannot_be_read_is_reported(tmp_path: Path, text: str | bytes) -> None:
    picture(tmp_path / "b.png")
    labelme(tmp_path / "b.json", TRIANGLE, image="b.png")
    (tmp_path / "a.json").write_bytes(text.encode() if isinstance(text, str) else text)
    assert codes(read(tmp_path)) <= {"format.labelme.invalid_json"}


@settings(max_examples=40, deadline=None)
@given(
    shapes=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "label": st.text(max_size=3) | st.none(),
                "shape_type": st.sampled_from(["polygon", "rectangle", "circle", "line", "point", "mask", None, 3]),
                "points": st.lists(st.lists(st.floats() | st.none(), max_size=3), max_size=4) | st.text(max_size=2),
                "mask": st.text(max_size=4),
                "group_id": st.integers() | st.text(max_size=2) | st.lists(st.none(), max_size=1),
            },
        ),
        max_size=3,
    )
)
def test_no_shapes_make_the_labelme_reader_raise(shapes: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("labelme")
    picture(root / "a.png")
    labelme(root / "a.json", *shapes)
    reading = read(root, limits=Limits(workers=1))
    assert reading.index is not None
