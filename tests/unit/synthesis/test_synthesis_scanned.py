"""Rendered scans: borders where they are said to be, and none where none is. 42: four corners of x and y."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from truscore.augmentation.border_strips import KnownBorder, border_strips
from truscore.metrics.borders import edge_distances
from truscore.synthesis.design import CARD_HEIGHT_MM, CARD_WIDTH_MM, draw_design
from truscore.synthesis.outline import frame_outline
from truscore.synthesis.scanned import borders
from truscore.synthesis.scanned.borders import draw_scanned_design, paint_scanned_card
from truscore.synthesis.scanned.holders import hold
from truscore.synthesis.scanned.scan import Scan, render_scan

WIDTH, HEIGHT = 240, 330
PX_PER_MM = 3.0


@pytest.fixture(scope="module")
def scans() -> list[Scan]:
    return [render_scan(np.random.default_rng([3, number]), WIDTH, HEIGHT) for number in range(12)]


def test_the_same_seed_gives_the_same_scan(scans: list[Scan]) -> None:
    again = render_scan(np.random.default_rng([3, 5]), WIDTH, HEIGHT)
    assert np.array_equal(again.image_HWC, scans[5].image_HWC)
    assert np.array_equal(again.graphical_42, scans[5].graphical_42)
    assert again.printed_4 == scans[5].printed_4


def test_a_card_lies_in_the_picture_and_its_print_within_its_edge(scans: list[Scan]) -> None:
    for scan in scans:
        assert scan.image_HWC.shape == (HEIGHT, WIDTH, 3)
        assert (scan.outer_42 > 0).all()
        assert (scan.outer_42 < (WIDTH, HEIGHT)).all()
        contour = scan.outer_42.astype(np.float32)
        assert all(cv2.pointPolygonTest(contour, corner.tolist(), True) > 1.5 for corner in scan.graphical_42)


def test_some_cards_lack_a_printed_border_on_a_side_and_most_have_all(scans: list[Scan]) -> None:
    whole = sum(all(scan.printed_4) for scan in scans)
    assert len(scans) // 2 < whole < len(scans)


def test_an_edge_is_where_the_picture_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """On cards without anything beside their edges: the darkest and the lightest side of the line meet at it."""
    for name in ("BLED", "LINED", "PLATED", "ALIKE"):
        monkeypatch.setattr(borders, name, 0.0)
    design = replace(draw_scanned_design(np.random.default_rng(1)), stock="plain", foil=0.0, layout="full_art")
    design = replace(design, stock_colour=(240.0, 240.0, 240.0), frame_colour=(20.0, 20.0, 20.0))
    card_HWC, printed_4 = paint_scanned_card(np.random.default_rng(2), design, PX_PER_MM)
    assert printed_4 == (True, True, True, True)
    outline_42 = frame_outline(replace(design.frame, corner_radius_mm=0.0)) * PX_PER_MM
    row = float(outline_42[:2, 1].mean())
    column_H = card_HWC[:, round(CARD_WIDTH_MM * PX_PER_MM / 2)].mean(axis=1)
    assert column_H[: int(row) - 1].min() > 200
    assert column_H[int(row) + 2] < 60
    moved_42 = outline_42 + np.array([0.0, 1.0])
    assert np.mean(edge_distances(outline_42, moved_42)) == pytest.approx(0.5, abs=0.05)


def test_where_print_bleeds_no_stock_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borders, "BLED", 1.0)
    for name in ("LINED", "PLATED", "ALIKE"):
        monkeypatch.setattr(borders, name, 0.0)
    design = replace(draw_design(np.random.default_rng(4)), stock="plain", stock_colour=(255.0, 0.0, 255.0), foil=0.0)
    seen = set()
    for seed in range(6):
        card_HWC, printed_4 = paint_scanned_card(np.random.default_rng(seed), design, PX_PER_MM)
        for side, printed in enumerate(printed_4):
            middle_HWC = np.rot90(card_HWC, side)[:3]
            inner = slice(middle_HWC.shape[1] // 3, 2 * middle_HWC.shape[1] // 3)
            magenta = np.abs(middle_HWC[:, inner] - (255, 0, 255)).max(axis=2) < 40
            assert magenta.mean() > 0.9 if printed else magenta.mean() < 0.1, (seed, side)
            seen.add(printed)
    assert seen == {True, False}


def test_seams_lie_beside_the_card_and_hardly_over_it() -> None:
    pose_33 = np.array([[2.0, 0, 50], [0, 2.0, 60], [0, 0, 1]])
    ground_HWC = np.full((300, 240, 3), 90, dtype=np.float32)
    x1, y1 = round(50 + 2 * CARD_WIDTH_MM), round(60 + 2 * CARD_HEIGHT_MM)
    on_card, beside = [], []
    for seed in range(12):
        changed_HW = np.abs(hold(np.random.default_rng(seed), ground_HWC, pose_33, 2.0) - ground_HWC).max(axis=2)
        on_card.append(float(np.percentile(changed_HW[63 : y1 - 3, 53 : x1 - 3], 99)))
        beside.append(float(changed_HW.max()))
    assert max(on_card) < 20
    assert np.median(beside) > 8


def test_strips_along_a_side_without_a_border_want_none() -> None:
    image_HWC: NDArray[np.uint8] = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    corners_42 = np.array([(40.0, 40), (200, 40), (200, 290), (40, 290)])
    bled = KnownBorder(corners_42=corners_42, kind=1, deviation=0.001, there_4=(False, False, False, False))
    given = border_strips(image_HWC, [bled], kinds=2, count=8, seed=0, epoch=1, index=0)
    assert given["strips_there"][:, 1].tolist() == [0.0] * 8
    assert given["strips_there"][:, 0].tolist() == [-1.0] * 8
