"""The Label Studio reader: percent of the image, turned regions, brushes, choices, several annotators, JSON-MIN."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disk_datasets import codes, only
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_files import as_json, pictures, region, task
from truscore.datasets import Annotation, ReadResult, annotation_mask, read_dataset
from truscore.datasets.formats.label_studio.brush import decode_brush


def read(folder: Path, *tasks: Any) -> ReadResult:
    pictures(folder, "a.png", "b.png")
    as_json(folder / "project.json", list(tasks))
    return read_dataset(folder, format="label_studio")


def mark(folder: Path, *results: Any) -> Annotation:
    reading = read(folder, task("a.png", *results), task("b.png"))
    assert reading.problems == ()
    assert reading.index is not None
    (found,) = reading.index.images[0].annotations
    return found


def test_a_turned_box_turns_about_its_upper_left_corner_in_pixels(tmp_path: Path) -> None:
    found = mark(tmp_path, region(x=50, y=20, width=25, height=10, rotation=90))
    # 10 x 3 pixels at 20, 6.
    assert found.polygons[0] == pytest.approx((20, 6, 20, 16, 17, 16, 17, 6))


def test_polygons_ellipses_and_key_points_are_read(tmp_path: Path) -> None:
    polygon = mark(tmp_path / "p", region("polygonlabels", points=[[50, 50], [60, 50], [55, 80]]))
    assert polygon.polygons[0] == pytest.approx((20, 15, 24, 15, 22, 24))
    ellipse = mark(tmp_path / "e", region("ellipselabels", x=50, y=50, radiusX=25, radiusY=10, rotation=0))
    assert ellipse.box_xywh == pytest.approx((10, 12, 20, 6))
    point = mark(tmp_path / "k", region("keypointlabels", x=50, y=50, width=0.5))
    assert (point.shape, point.points) == ("point", (20, 15))


def packed(mask_HW: np.ndarray) -> list[int]:
    """As the tool packs it: the lengths in 16 bits, runs of one value or of several."""
    values = np.repeat(mask_HW.ravel().astype(np.uint8) * 255, 4)
    bits = f"{len(values):032b}{7:05b}" + f"{15:04b}" * 4
    at = 0
    while at < len(values):
        end = at + 1
        while end < len(values) and values[end] == values[at] and end - at < 60000:
            end += 1
        if end - at > 1:
            bits += f"1{0:02b}{end - at - 1:016b}{values[at]:08b}"
        else:
            bits += f"0{0:02b}{0:016b}{values[at]:08b}"
        at = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


def test_a_brush_marks_the_pixels_it_was_drawn_on(tmp_path: Path) -> None:
    mask_HW = np.random.default_rng(0).random((30, 40)) > 0.6
    found = mark(tmp_path, region("brushlabels", format="rle", rle=packed(mask_HW)))
    assert (annotation_mask(found, 30, 40) == mask_HW).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1, 300), max_size=40))
def test_any_brush_is_decoded_or_refused(values: list[int]) -> None:
    try:
        assert decode_brush(values, width=3, height=2).shape == (2, 3)
    except ValueError as refusal:
        assert str(refusal)  # noqa: PT017


def test_choices_are_labels_of_the_whole_image(tmp_path: Path) -> None:
    def chosen(*names: str) -> dict[str, Any]:
        return {"type": "choices", "from_name": "c", "to_name": "image", "value": {"choices": list(names)}}

    index = read(tmp_path, task("a.png", chosen("psa 9")), task("b.png", chosen("psa 10"))).index
    assert index is not None
    assert (index.class_names, index.grades) == (("psa 9", "psa 10"), (9.0, 10.0))
    assert [image.labels for image in index.images] == [(1,), (2,)]


def test_a_region_and_its_label_may_be_two_results(tmp_path: Path) -> None:
    box = region()
    shape = {**box, "id": "r1", "type": "rectangle", "value": {**box["value"]}}
    del shape["value"]["rectanglelabels"]
    named = {**box, "id": "r1", "type": "labels", "value": {**shape["value"], "labels": ["dent"]}}
    assert mark(tmp_path, shape, named).box_xywh == pytest.approx((5, 6, 10, 8))


def test_of_several_annotators_one_is_read_and_all_are_named(tmp_path: Path) -> None:
    twice = task("a.png", region())
    twice["annotations"] = [
        {"completed_by": 1, "result": [region(), region()]},
        {"completed_by": 2, "result": [region()], "ground_truth": True},
        {"completed_by": 3, "result": [], "was_cancelled": True},
    ]
    reading = read(tmp_path, twice, task("b.png"))
    assert "annotated 2 times, by 1, 2; the ground truth, by 2" in only(reading, "label.several_annotators")
    assert reading.index is not None
    assert reading.index.annotation_count == 1


def test_the_short_export_is_read(tmp_path: Path) -> None:
    value = {**region()["value"], "original_width": 40, "original_height": 30}
    short = {"image": "/data/upload/1/a.png", "id": 1, "box": [value], "annotation_id": 1, "annotator": 1}
    index = read(tmp_path, short).index
    assert index is not None
    assert index.images[0].annotations[0].box_xywh == pytest.approx((5, 6, 10, 8))


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ({"type": "textarea", "value": {"text": ["x"]}}, "label.kind_unread"),
        ({"type": "relation", "from_id": "a", "to_id": "b"}, "format.annotations.left_out"),
        ({**region(), "image_rotation": 90}, "label.kind_unread"),
        (region(x="a", y=1, width=1, height=1), "label.malformed"),
        (region(x=1, y=1, width=0, height=1), "label.empty_box"),
        (region("polygonlabels", points=[[1, 2], [3, 4]]), "label.short_polygon"),
        (region("brushlabels", rle=[1, 2]), "label.invalid_rle"),
        ({**region("brushlabels", rle=[1, 2]), "original_width": 41}, "label.mask_size"),
        (region(rectanglelabels=[], x=1, y=1, width=5, height=5), "label.malformed"),
        (5, "format.annotations.structure"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path, result: Any, code: str) -> None:
    reading = read(tmp_path, task("a.png", result, region()), task("b.png"))
    assert code in codes(reading)
    assert reading.index is not None
    assert reading.index.annotation_count == 1
