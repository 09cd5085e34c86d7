"""When two sets of detections are the same."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from services.exporter.child.detections import Detections
from services.exporter.child.parity import check_parity, compare


def found(*cards: tuple[float, float, float, float, int, float], side: int = 40) -> Detections:
    """Detections from (x1, y1, x2, y2, label, score), each with its box as mask."""
    masks = np.zeros((len(cards), side, side), np.float32)
    for mask, (x1, y1, x2, y2, *_) in zip(masks, cards, strict=True):
        mask[int(y1) : int(y2), int(x1) : int(x2)] = 0.9
    table = np.array(cards, dtype=np.float32).reshape(-1, 6)
    return Detections(
        boxes_N4=table[:, :4], labels_N=table[:, 4].astype(np.int64), scores_N=table[:, 5], masks_NHW=masks
    )


OUTER = (2.0, 2.0, 38.0, 38.0, 1, 0.99)
INNER = (6.0, 6.0, 34.0, 34.0, 2, 0.95)


def test_the_same_detections_in_another_order_agree_wholly() -> None:
    verdict = check_parity([compare(found(OUTER, INNER), found(INNER, OUTER))])
    assert verdict.passed
    assert verdict.matched == 1.0
    assert set(verdict.max_abs_difference.values()) == {0.0}


def test_a_box_moved_by_a_pixel_fails_and_the_difference_says_so() -> None:
    moved = (3.0, 2.0, 39.0, 38.0, 1, 0.99)
    verdict = check_parity([compare(found(OUTER, INNER), found(moved, INNER))])
    assert not verdict.passed
    assert verdict.max_abs_difference["boxes"] == pytest.approx(1.0)


def test_a_verdict_on_an_int8_file_can_be_written_into_a_report() -> None:
    verdict = check_parity([compare(found(OUTER, INNER), found(OUTER, INNER), precision="int8")], precision="int8")
    assert json.loads(json.dumps(asdict(verdict)))["detections"] == 2


def test_another_label_on_the_same_box_is_not_a_match() -> None:
    relabelled = (*OUTER[:4], 2, OUTER[5])
    verdict = check_parity([compare(found(OUTER, INNER), found(relabelled, INNER))])
    assert not verdict.passed
    assert verdict.matched < 1


def test_a_detection_that_is_missing_or_made_up_fails() -> None:
    assert not check_parity(
        [compare(found(OUTER, INNER, (0, 0, 9, 9, 1, 0.1)), found(INNER, (0, 0, 9, 9, 1, 0.1)))]
    ).passed
    assert not check_parity(
        [compare(found(INNER, (0, 0, 9, 9, 1, 0.1)), found(OUTER, INNER, (0, 0, 9, 9, 1, 0.1)))]
    ).passed


def test_a_detection_at_the_score_threshold_may_be_on_one_side_only() -> None:
    at_the_cut = (20.0, 20.0, 30.0, 30.0, 1, 0.0504)
    lowest = (1.0, 1.0, 8.0, 8.0, 1, 0.0501)
    verdict = check_parity([compare(found(OUTER, lowest, at_the_cut), found(OUTER, lowest))])
    assert verdict.passed
    assert verdict.detections == 2


def test_one_side_finding_nothing_where_the_other_finds_something_fails() -> None:
    assert not check_parity([compare(found(OUTER), found())]).passed
    assert not check_parity([compare(found(), found(OUTER))]).passed


def test_nothing_found_on_either_side_is_agreement_but_no_picture_at_all_is_not() -> None:
    assert check_parity([compare(found(), found())]).passed
    assert not check_parity([]).passed


def test_a_mask_that_is_half_gone_fails_though_its_box_is_right() -> None:
    halved = found(OUTER)
    halved.masks_NHW[0, :20] = 0
    verdict = check_parity([compare(found(OUTER), halved)])
    assert not verdict.passed
    assert verdict.max_abs_difference["masks"] > 0.4


def test_twins_on_one_place_are_distinguished_by_score() -> None:
    twins = found((5, 5, 20, 20, 1, 0.9), (5, 5, 20, 20, 1, 0.4))
    swapped = found((5, 5, 20, 20, 1, 0.4), (5, 5, 20, 20, 1, 0.9))
    assert check_parity([compare(twins, swapped)]).passed


def test_boxes_that_were_clipped_to_a_line_are_the_same_where_they_coincide() -> None:
    line, elsewhere = (40.0, 5.0, 40.0, 20.0, 1, 0.99), (40.0, 25.0, 40.0, 39.0, 1, 0.99)
    assert check_parity([compare(found(line, INNER), found(line, INNER))]).passed
    assert not check_parity([compare(found(line, INNER), found(elsewhere, INNER))]).passed
