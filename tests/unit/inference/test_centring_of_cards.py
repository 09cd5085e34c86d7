"""Borders, corners and centring from outputs that are exactly right, on rendered cards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truscore.datasets import DatasetIndex, ImageRecord, read_dataset
from truscore.datasets.shapes.masks import annotation_mask
from truscore.datasets.shapes.quadrilateral import corners_of
from truscore.inference import Description, as_graders_write, description_of, lines_of, rows_of
from truscore.inference.drawing import drawn
from truscore.inference.pictures import load_picture
from truscore.inference.predictions import Prediction
from truscore.inference.reading import read_outputs
from truscore.metrics.centring import centring_shares
from truscore.synthesis import render_dataset

from services.exporter.signature import SIGNATURES, description

NAMES = ("outer_border", "graphical_border")
POINTS = 1.5  # percentage points of centring, which masks of whole pixels give on cards of this size


def a_description(task: str, *names: str, category: str = "border_detection") -> Description:
    stated = {"category": category, **description(SIGNATURES[task](names))}
    return description_of({f"truscore.{key}": value for key, value in stated.items()}, file="model.onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_dataset(tmp_path_factory.mktemp("cards") / "set", count=4, seed=5, image_size=(300, 360))


@pytest.fixture(scope="module")
def cards(folder: Path) -> DatasetIndex:
    index = read_dataset(folder).index
    assert index is not None
    return index


def outputs_of(record: ImageRecord, **changes: Any) -> dict[str, Any]:
    """What a perfect detector says of the picture."""
    boxes = [(x, y, x + width, y + height) for x, y, width, height in (one.box_xywh for one in record.annotations)]
    masks = [annotation_mask(one, record.height, record.width) for one in record.annotations]
    return {
        "boxes": np.array(boxes, np.float32),
        "labels": np.array([one.label for one in record.annotations]),
        "scores": np.linspace(0.99, 0.9, len(boxes), dtype=np.float32),
        "masks": np.array(masks, np.float32)[:, None],
    } | changes


def predicted(folder: Path, record: ImageRecord, outputs: Mapping[str, Any], described: Description) -> Prediction:
    return read_outputs(outputs, load_picture(folder / record.path), described).prediction


def target_shares(record: ImageRecord) -> tuple[float, float]:
    corners = [corners_of(one.polygons[0]) for one in record.annotations]
    assert all(each is not None for each in corners)
    shares = centring_shares(*corners)  # type: ignore[arg-type]
    assert shares is not None
    return shares


def test_centring_of_exact_masks_is_that_of_the_rendered_card(folder: Path, cards: DatasetIndex) -> None:
    described = a_description("instance_segmentation", *NAMES)
    for record in cards.images:
        prediction = predicted(folder, record, outputs_of(record), described)
        (centring,) = prediction.centring or ()
        left, top = target_shares(record)
        assert (centring.left_percent, centring.top_percent) == pytest.approx((left, top), abs=POINTS)
        assert centring.measured_from == "masks"
        assert (centring.outer, centring.inner) == (0, 1)
        assert centring.left_right == as_graders_write(centring.left_percent)
        assert [one.corners_from for one in prediction.detections or ()] == ["mask", "mask"]
        assert f"centring {centring.left_right} left/right" in "\n".join(lines_of(prediction))


def test_a_model_of_boxes_measures_centring_from_boxes_and_says_so(folder: Path, cards: DatasetIndex) -> None:
    described, record = a_description("detection", *NAMES), cards.images[0]
    outputs = outputs_of(record)
    del outputs["masks"]
    prediction = predicted(folder, record, outputs, described)
    (centring,) = prediction.centring or ()
    assert centring.measured_from == "boxes"
    assert [one.corners_from for one in prediction.detections or ()] == ["box", "box"]


def test_a_mask_without_four_sides_has_both_borders_of_its_card_taken_from_boxes(
    folder: Path, cards: DatasetIndex
) -> None:
    described, record = a_description("instance_segmentation", *NAMES), cards.images[0]
    outputs = outputs_of(record)
    outputs["masks"][1] = 0
    by_mask = predicted(folder, record, outputs, described)
    del outputs["masks"]
    by_box = predicted(folder, record, outputs, a_description("detection", *NAMES))
    assert [one.corners_from for one in by_mask.detections or ()] == ["mask", "box"]
    assert by_mask.centring == by_box.centring
    assert (by_mask.centring or ())[0].measured_from == "boxes"


def test_what_is_below_the_threshold_was_not_found(folder: Path, cards: DatasetIndex) -> None:
    described, record = a_description("instance_segmentation", *NAMES), cards.images[0]
    scores = np.array([0.5, 0.4999], np.float32)
    prediction = predicted(folder, record, outputs_of(record, scores=scores), described)
    assert [one.name for one in prediction.detections or ()] == ["outer_border"]
    assert prediction.centring == ()
    assert predicted(folder, record, outputs_of(record, scores=scores * 0), described).detections == ()
    (row,) = rows_of("card.png", predicted(folder, record, outputs_of(record, scores=scores * 0), described))
    assert row == {"image": "card.png", "width": record.width, "height": record.height}


def test_each_card_of_a_picture_gets_its_own_printed_border(folder: Path, cards: DatasetIndex) -> None:
    """Two cards side by side, the surest printed border in the less sure card."""
    boxes = np.array([(0, 0, 100, 140), (200, 0, 300, 140), (205, 10, 285, 130), (10, 10, 90, 130)], np.float32)
    outputs = {"boxes": boxes, "labels": np.array([1, 1, 2, 2]), "scores": np.array([0.9, 0.8, 0.99, 0.7])}
    prediction = predicted(folder, cards.images[0], outputs, a_description("detection", *NAMES))
    pairs = [(one.outer, one.inner, one.left_right) for one in prediction.centring or ()]
    assert pairs == [(0, 3, "50/50"), (1, 2, "75/25")]
    rows = list(rows_of("two.png", prediction))
    assert [row.get("left_right") for row in rows] == ["50/50", "75/25", None, None]


def test_a_model_of_one_border_measures_no_centring(folder: Path, cards: DatasetIndex) -> None:
    record = cards.images[0]
    outputs = {name: value[:1] for name, value in outputs_of(record).items()}
    prediction = predicted(folder, record, outputs, a_description("instance_segmentation", "border"))
    assert prediction.centring is None
    assert (prediction.detections or ())[0].corners is not None


def test_defects_have_areas_and_what_lies_over_one_another_counts_once(folder: Path, cards: DatasetIndex) -> None:
    described = a_description("instance_segmentation", "scratch", "stain", category="surface_analysis")
    masks = np.zeros((3, 1, 360, 300), np.float32)
    masks[0, 0, :36], masks[1, 0, 18:54], masks[2, 0, :, :30] = 1, 1, 1
    outputs = {
        "boxes": np.array([(0, 0, 300, 36), (0, 18, 300, 54), (0, 0, 30, 360)], np.float32),
        "labels": np.array([1, 1, 2]),
        "scores": np.array([0.9, 0.8, 0.7]),
        "masks": masks,
    }
    prediction = predicted(folder, cards.images[0], outputs, described)
    assert prediction.centring is None
    assert [one.area_percent for one in prediction.detections or ()] == pytest.approx([10, 10, 10])
    assert {one.name: one.area_percent for one in prediction.areas or ()} == pytest.approx({"scratch": 15, "stain": 10})
    assert [one.corners for one in prediction.detections or ()] == [None, None, None]


def test_pixels_are_counted_for_the_most_probable_class(folder: Path, cards: DatasetIndex) -> None:
    described = a_description("semantic_segmentation", "wear", "crease", category="corner_analysis")
    probabilities = np.zeros((3, 360, 300), np.float32)
    probabilities[0], probabilities[1, :90], probabilities[2, :36] = 0.4, 0.45, 0.5
    picture = load_picture(folder / cards.images[0].path)
    read = read_outputs({"probabilities": probabilities}, picture, described)
    areas = {one.name: one.area_percent for one in read.prediction.areas or ()}
    assert areas == pytest.approx({"wear": 15, "crease": 10})
    shown_HWC = np.asarray(drawn(picture, read, class_names=described.class_names).reduce(2))
    changed_HW = (np.abs(shown_HWC[:360].astype(int) - picture.image_HWC) > 40).any(axis=2)
    assert changed_HW[:80].mean() > 0.5


def test_borders_are_drawn_where_they_are(folder: Path, cards: DatasetIndex) -> None:
    described, record = a_description("instance_segmentation", *NAMES), cards.images[0]
    picture = load_picture(folder / record.path)
    read = read_outputs(outputs_of(record), picture, described)
    shown_HWC = np.asarray(drawn(picture, read, class_names=NAMES))
    times = shown_HWC.shape[1] // record.width
    for one, colour in zip(read.prediction.detections or (), ((255, 23, 68), (0, 176, 255)), strict=True):
        (x1, y1), (x2, y2) = one.corners[2], one.corners[3]  # type: ignore[index]
        x, y = round((x1 + x2) / 2 * times), round((y1 + y2) / 2 * times)
        assert (shown_HWC[y - 2 : y + 3, x - 2 : x + 3] == colour).all(axis=2).any()


@pytest.mark.parametrize(
    ("percent", "written"),
    [(50, "50/50"), (45, "55/45"), (55, "55/45"), (40.4, "60/40"), (0, "100/0"), (100, "100/0"), (49.6, "50/50"),
     (45.5, "55/45"), (44.5, "56/44")],
)  # fmt: skip
def test_centring_is_written_larger_side_first(percent: float, written: str) -> None:
    assert as_graders_write(percent) == written


@given(st.floats(0, 100))
def test_both_sides_as_graders_write_them_make_a_hundred(percent: float) -> None:
    larger, smaller = map(int, as_graders_write(percent).split("/"))
    assert larger + smaller == 100
    assert larger >= smaller >= 0
