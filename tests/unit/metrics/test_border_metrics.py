"""Edges and centring of cards: straight, turned, tilted, frayed, scaled, and not found at all."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.shapes.masks import annotation_mask, mask_to_rle
from truscore.metrics.borders import (
    average_borders,
    border_details,
    border_measure,
    border_metrics,
    centring_shares,
    edge_distances,
    measure_borders,
)
from truscore.metrics.detection import ImageDetections, Instance, run_lengths
from truscore.metrics.quadrilaterals import aligned, box_corners, mask_corners

Points = NDArray[np.float64]
CARD = (40.0, 30.0, 100.0, 140.0)
SIDE_PX = 200


def turned(corners_42: Points, degrees: float) -> Points:
    angle, middle = math.radians(degrees), np.array([100.0, 100.0])
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return (corners_42 - middle) @ turn + middle


def drawn(corners_42: Points, side_px: int = SIDE_PX) -> NDArray[np.bool_]:
    """Every pixel whose middle lies inside."""
    y_HW, x_HW = np.mgrid[:side_px, :side_px] + 0.5
    inside = np.ones((side_px, side_px), dtype=np.bool_)
    for at in range(4):
        (x0, y0), (x1, y1) = corners_42[at], corners_42[(at + 1) % 4]
        inside &= (x1 - x0) * (y_HW - y0) - (y1 - y0) * (x_HW - x0) >= 0
    return inside


def annotation(label: int, corners_42: Points) -> Annotation:
    (left, top), (right, bottom) = corners_42.min(axis=0), corners_42.max(axis=0)
    return Annotation(
        label=label, box_xywh=(left, top, right - left, bottom - top), polygons=(tuple(corners_42.ravel().tolist()),)
    )


def record(*annotations: Annotation, side_px: int = SIDE_PX) -> ImageRecord:
    return ImageRecord(path="card.png", sha256="", size_bytes=1, width=side_px, height=side_px, annotations=annotations)


def predicted_mask(label: int, corners_42: Points, side_px: int = SIDE_PX) -> Instance:
    (left, top), (right, bottom) = corners_42.min(axis=0), corners_42.max(axis=0)
    box = (float(left), float(top), float(right - left), float(bottom - top))
    return Instance(label=label, box_xywh=box, mask=run_lengths(drawn(corners_42, side_px)), score=0.9)


def evaluated(*predicted: Instance, side_px: int = SIDE_PX) -> ImageDetections:
    return ImageDetections(image=0, height=side_px, width=side_px, target=(), prediction=predicted)


@settings(max_examples=40, deadline=None)
@given(st.floats(-44, 44), st.floats(60, 100), st.floats(1.0, 1.4))
def test_the_sides_of_a_turned_mask_are_found_to_a_fraction_of_a_pixel(angle: float, width: float, tall: float) -> None:
    target_42 = turned(box_corners((100 - width / 2, 100 - width * tall / 2, width, width * tall)), angle)
    predicted_42 = mask_corners(drawn(target_42))
    assert predicted_42 is not None
    assert np.abs(aligned(predicted_42, target_42) - target_42).max() < 1.5
    assert (
        np.mean(edge_distances(target_42, predicted_42)) < 0.6
    )  # a box on half pixels has every edge half a pixel off


@pytest.mark.parametrize("angle", [0.0, 7.0, -20.0])
def test_a_bump_a_bite_and_a_stray_piece_move_no_side_by_half_a_pixel(angle: float) -> None:
    target_42 = turned(box_corners(CARD), angle)
    mask_HW = drawn(target_42)
    middle_x, middle_y = ((target_42[1] + target_42[2]) / 2).astype(int)
    mask_HW[middle_y - 4 : middle_y + 4, middle_x - 2 : middle_x + 25] = True
    bite_x, bite_y = ((target_42[2] + target_42[3]) / 2).astype(int)
    mask_HW[bite_y - 12 : bite_y + 5, bite_x - 5 : bite_x + 5] = False
    mask_HW[0:6, 0:9] = True
    predicted_42 = mask_corners(mask_HW)
    assert predicted_42 is not None
    assert max(max(side) for side in edge_distances(target_42, predicted_42)) < 0.5


def test_a_mask_without_pixels_or_with_one_has_no_sides() -> None:
    empty = np.zeros((20, 20), dtype=np.bool_)
    assert mask_corners(empty) is None
    dot = empty.copy()
    dot[5, 5] = True
    corners_42 = mask_corners(dot)
    assert corners_42 is None or np.isfinite(corners_42).all()


def test_a_box_three_pixels_too_far_right_misses_left_and_right_by_three() -> None:
    distances = edge_distances(box_corners(CARD), box_corners((43.0, 30.0, 100.0, 140.0)))
    assert [pytest.approx(np.mean(side)) for side in distances] == [0.0, 3.0, 0.0, 3.0]


@pytest.mark.parametrize("angle", [0.0, 15.0, -30.0])
def test_centring_is_what_graders_quote_however_the_card_is_turned(angle: float) -> None:
    outer, graphical = box_corners(CARD), box_corners((44.5, 38.0, 90.0, 126.0))  # margins 4.5, 5.5 and 8, 6
    shares = centring_shares(turned(outer, angle), turned(graphical, angle))
    assert shares == (pytest.approx(45.0), pytest.approx(100 * 8 / 14))


def test_centring_is_undisturbed_by_a_tilted_camera() -> None:
    outer, graphical = box_corners(CARD), box_corners((44.5, 38.0, 90.0, 126.0))

    def tilted(corners_42: Points) -> Points:
        return corners_42 / (1 + 0.001 * corners_42[:, :1] + 0.0005 * corners_42[:, 1:])

    assert centring_shares(tilted(outer), tilted(graphical)) == (pytest.approx(45.0), pytest.approx(100 * 8 / 14))


def test_borders_without_a_frame_between_them_have_no_centring() -> None:
    assert centring_shares(box_corners(CARD), box_corners(CARD)) is None
    flat = np.array([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0)])
    assert centring_shares(flat, box_corners(CARD)) is None


def test_a_border_beyond_the_edge_of_the_card_leaves_no_margin_there() -> None:
    assert centring_shares(box_corners(CARD), box_corners((38.0, 38.0, 90.0, 126.0)))[0] == 0.0  # type: ignore[index]
    assert centring_shares(box_corners(CARD), box_corners((38.0, 28.0, 110.0, 150.0))) is None


def test_a_card_of_50_50_found_as_55_45_is_five_points_off() -> None:
    outer = box_corners(CARD)
    target, predicted = box_corners((50.0, 40.0, 80.0, 120.0)), box_corners((51.0, 40.0, 80.0, 120.0))
    card = record(annotation(1, outer), annotation(2, target))
    metrics = border_metrics([measure_borders(evaluated(predicted_mask(1, outer), predicted_mask(2, predicted)), card)])
    assert metrics["centring_error_pp"] == pytest.approx((5.0 + 0.0) / 2, abs=0.05)
    assert metrics["centring_error_p95_pp"] > 4.5
    assert metrics["centring_measured_share"] == 1.0
    assert metrics["edge_error_px"] == pytest.approx(2 / 8, abs=0.02)


def test_pixels_are_those_of_the_original_image() -> None:
    card = record(annotation(1, box_corners((80.0, 60.0, 200.0, 280.0))), side_px=400)
    shifted = predicted_mask(1, box_corners((41.0, 31.0, 100.0, 140.0)))
    assert border_metrics([measure_borders(evaluated(shifted), card)])["edge_error_px"] == pytest.approx(2.0, abs=0.01)


def test_boxes_without_masks_are_measured_as_boxes() -> None:
    card = record(annotation(1, box_corners(CARD)))
    box = Instance(label=1, box_xywh=(42.0, 30.0, 98.0, 140.0), score=0.9)
    assert border_metrics([measure_borders(evaluated(box), card)])["edge_error_px"] == pytest.approx(0.5)


def test_a_target_border_given_as_run_lengths_is_measured_too() -> None:
    outer_42 = turned(box_corners(CARD), 5.0)
    plain = annotation(1, outer_42)
    rle = Annotation(label=1, box_xywh=plain.box_xywh, rle=mask_to_rle(annotation_mask(plain, SIDE_PX, SIDE_PX)))
    metrics = border_metrics([measure_borders(evaluated(predicted_mask(1, outer_42)), record(rle))])
    assert metrics["edge_error_px"] < 0.5


def test_what_was_not_found_counts_in_the_share_and_in_no_error() -> None:
    card = record(annotation(1, box_corners(CARD)), annotation(2, box_corners((50.0, 40.0, 80.0, 120.0))))
    only_outer = measure_borders(evaluated(predicted_mask(1, box_corners(CARD))), card)
    metrics = border_metrics([only_outer])
    assert metrics["border_found_share"] == 0.5
    assert metrics["centring_measured_share"] == 0.0
    assert "centring_error_pp" not in metrics
    assert border_metrics([measure_borders(evaluated(), card)]).keys() == {
        "border_found_share", "centring_measured_share", "edge_error_all_px", "centring_error_all_pp",
    }  # fmt: skip
    details = border_details([only_outer], ("outer_border", "graphical_border"), ["card.png"])
    assert details["centring"] == [{"image": "card.png", "real": pytest.approx([50.0, 50.0]), "found": None}]
    assert [row["side"] for row in details["edges_by_side"]] == ["top", "right", "bottom", "left"] * 2
    assert [row["found"] for row in details["edges_by_side"]] == [1] * 4 + [0] * 4


def test_a_border_that_was_not_found_counts_as_the_average_border_of_the_training_labels() -> None:
    # Training: graphical borders from 50 to 130 and from 54 to 134 of 200 px, 52 to 132 on average.
    graphical = [(50.0, 40.0, 80.0, 120.0), (54.0, 40.0, 80.0, 120.0)]
    fallbacks = average_borders(
        [record(annotation(1, box_corners(CARD)), annotation(2, box_corners(box))) for box in graphical]
    )
    card = record(annotation(1, box_corners(CARD)), annotation(2, box_corners(graphical[0])))
    only_outer = measure_borders(evaluated(predicted_mask(1, box_corners(CARD))), card, fallbacks)
    metrics = border_metrics([only_outer])
    assert metrics["edge_error_px"] == pytest.approx(0.0, abs=1e-6)
    # Left and right of the graphical border are 2 px off, its top and bottom and all of the outer border right.
    assert metrics["edge_error_all_px"] == pytest.approx((2 + 2) / 8, abs=1e-6)
    # Margins of 12 and 8 px in place of 10 and 10: 60 % in place of 50 %, and nothing off above and below.
    assert metrics["centring_error_all_pp"] == pytest.approx((10 + 0) / 2, abs=1e-6)


def test_figures_of_all_images_are_those_of_one_draw_of_each() -> None:
    card = record(annotation(1, box_corners(CARD)), annotation(2, box_corners((50.0, 40.0, 80.0, 120.0))))
    shifted = box_corners((43.0, 30.0, 100.0, 140.0))
    borders = [
        measure_borders(evaluated(predicted_mask(1, shifted)), card),
        measure_borders(
            evaluated(predicted_mask(1, shifted), predicted_mask(2, box_corners((51.0, 41.0, 80.0, 120.0)))), card
        ),
        measure_borders(evaluated(), card),
    ]
    drawn_once = border_measure(borders)([0, 1, 2])
    metrics = border_metrics(borders)
    assert drawn_once == pytest.approx(
        {name: metrics[name] for name in metrics if "p95" not in name and "median" not in name}
    )
    assert border_measure(borders)([0, 0])["border_found_share"] == 0.5


def test_one_class_of_border_has_edges_and_no_centring() -> None:
    metrics = border_metrics(
        [measure_borders(evaluated(predicted_mask(1, box_corners(CARD))), record(annotation(1, box_corners(CARD))))]
    )
    of_edges = {"edge_error_px", "edge_error_median_px", "edge_error_p95_px", "edge_error_all_px"}
    assert metrics.keys() == {"border_found_share"} | of_edges


def test_an_image_without_borders_has_nothing_to_measure() -> None:
    assert border_metrics([measure_borders(evaluated(predicted_mask(1, box_corners(CARD))), record())]) == {}


def test_of_two_finds_the_surer_is_the_border() -> None:
    card = record(annotation(1, box_corners(CARD)))
    surer = Instance(label=1, box_xywh=(44.0, 30.0, 100.0, 140.0), score=0.95)
    closer = Instance(label=1, box_xywh=CARD, score=0.6)
    assert border_metrics([measure_borders(evaluated(closer, surer), card)])["edge_error_px"] == pytest.approx(2.0)
