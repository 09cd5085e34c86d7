"""Rendered cards: exact borders, always the same, readable by our own readers."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets import annotation_mask, read_dataset, split_dataset
from truscore.synthesis import CLASS_NAMES, render_dataset
from truscore.synthesis.art import ARTISTS
from truscore.synthesis.design import CARD_HEIGHT_MM, CARD_WIDTH_MM, STOCKS, draw_design
from truscore.synthesis.outline import card_outline, coverage, frame_outline, moved
from truscore.synthesis.painting import LAYOUT_PAINTERS, paint_card
from truscore.synthesis.scene import render_scene


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("format", ["coco", "yolo"])
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, format: str) -> None:
    for name in "ab":
        render_dataset(tmp_path / name, count=3, format=format, seed=7, image_size=(96, 128))
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_a_larger_dataset_begins_with_the_smaller_one_and_another_seed_with_another(tmp_path: Path) -> None:
    for name, count, seed in (("small", 2, 1), ("large", 4, 1), ("other", 2, 2)):
        render_dataset(tmp_path / name, count=count, seed=seed, image_size=(96, 96))
    small, large, other = (digests(tmp_path / name / "images") for name in ("small", "large", "other"))
    assert small.items() <= large.items()
    assert not set(small.values()) & set(other.values())
    assert len(set(large.values())) == 4


@pytest.mark.parametrize("option", ["dual_class", "single_class"])
def test_both_formats_are_read_as_the_same_borders_without_a_problem(tmp_path: Path, option: str) -> None:
    indexes = []
    for format in ("coco", "yolo"):
        folder = render_dataset(tmp_path / format, count=4, format=format, option=option, seed=3, image_size=(160, 128))
        reading = read_dataset(folder)
        assert reading.problems == ()
        assert reading.index is not None
        assert reading.index.class_names == CLASS_NAMES[option]
        indexes.append(reading.index)
    for one, other in zip(indexes[0].images, indexes[1].images, strict=True):
        assert (one.path, one.sha256, one.width, one.height) == (other.path, other.sha256, 160, 128)
        assert [annotation.label for annotation in one.annotations] == list(range(1, len(CLASS_NAMES[option]) + 1))
        for first, second in zip(one.annotations, other.annotations, strict=True):
            assert first.box_xywh == pytest.approx(second.box_xywh, abs=0.01)
            assert first.polygons[0] == pytest.approx(second.polygons[0], abs=0.01)


def test_most_cards_are_their_own_group_so_that_a_split_is_worth_something(tmp_path: Path) -> None:
    index = read_dataset(render_dataset(tmp_path, count=40, seed=11, image_size=(96, 96))).index
    assert index is not None
    split = split_dataset(index, seed=0)
    assert len(split.validation) == pytest.approx(6, abs=1)


@pytest.mark.parametrize("seed", range(12))
def test_the_card_lies_in_the_picture_and_its_frame_in_the_card(seed: int) -> None:
    scene = render_scene(np.random.default_rng(seed), 160, 120)
    assert scene.image_HWC.shape == (120, 160, 3)
    for points_N2 in (scene.outer_N2, scene.graphical_N2):
        assert points_N2.min() >= 0
        assert (points_N2.max(axis=0) <= (160, 120)).all()
    outer, inner = (coverage(points_N2, 120, 160) for points_N2 in (scene.outer_N2, scene.graphical_N2))
    assert (inner <= outer + 0.01).all()
    assert 0.55 < inner.sum() / outer.sum() < 0.95


def area(points_N2: np.ndarray) -> float:
    x, y = points_N2[:, 0], points_N2[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


@pytest.mark.parametrize("seed", range(6))
def test_the_painted_area_is_that_of_the_polygon(seed: int) -> None:
    scene = render_scene(np.random.default_rng(seed), 240, 240)
    for points_N2 in (scene.outer_N2, scene.graphical_N2):
        assert coverage(points_N2, 240, 240).sum() == pytest.approx(area(points_N2), rel=0.0005)


def test_our_masks_agree_with_the_painted_card(tmp_path: Path) -> None:
    index = read_dataset(render_dataset(tmp_path, count=3, seed=5, image_size=(200, 200))).index
    assert index is not None
    for number, image in enumerate(index.images):
        scene = render_scene(np.random.default_rng([5, number]), 200, 200)
        for annotation, points_N2 in zip(image.annotations, (scene.outer_N2, scene.graphical_N2), strict=True):
            painted = coverage(points_N2, 200, 200) > 0.5
            mask = annotation_mask(annotation, 200, 200)
            assert (painted & mask).sum() / (painted | mask).sum() > 0.99


@pytest.mark.parametrize("seed", range(8))
def test_print_begins_at_the_frame_to_a_pixel_of_a_tenth_of_a_millimetre(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = draw_design(rng)
    design = replace(drawn, stock="plain", foil=0.0, frame=replace(drawn.frame, tilt_deg=0.0))
    card_HWC = paint_card(rng, design, 10.0)
    printed = np.abs(card_HWC - np.asarray(design.stock_colour)).sum(axis=2) > 60
    height, width = printed.shape
    columns, rows = np.flatnonzero(printed[height // 2]), np.flatnonzero(printed[:, width // 2])
    frame = design.frame
    expected = (frame.left_mm, CARD_WIDTH_MM - frame.right_mm, frame.top_mm, CARD_HEIGHT_MM - frame.bottom_mm)
    found = (columns[0] / 10, (columns[-1] + 1) / 10, rows[0] / 10, (rows[-1] + 1) / 10)
    assert found == pytest.approx(expected, abs=0.11)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_every_design_has_a_frame_within_the_card_and_can_be_painted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = draw_design(rng)
    points_N2 = frame_outline(design.frame)
    assert points_N2.min() > 0.5
    assert (points_N2.max(axis=0) < (CARD_WIDTH_MM - 0.5, CARD_HEIGHT_MM - 0.5)).all()
    card_HWC = paint_card(rng, design, 1.5)
    assert card_HWC.min() >= 0
    assert card_HWC.max() <= 255


def test_designs_cover_all_layouts_and_off_centre_cuts() -> None:
    designs = [draw_design(np.random.default_rng(seed)) for seed in range(300)]
    assert {design.layout for design in designs} == set(LAYOUT_PAINTERS)
    assert {design.art for design in designs} == set(ARTISTS)
    assert {design.stock for design in designs} == set(STOCKS)
    shares = [design.frame.left_mm / (design.frame.left_mm + design.frame.right_mm) for design in designs]
    assert min(shares) < 0.42
    assert max(shares) > 0.58


def test_points_move_as_the_projective_map_says() -> None:
    homography = np.array([[2.0, 0.0, 1.0], [0.0, 3.0, -1.0], [0.0, 0.01, 1.0]])
    points = moved(card_outline(0.0), homography)
    assert points[2] == pytest.approx([(2 * 63 + 1) / 1.88, (3 * 88 - 1) / 1.88])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"format": "voc"}, "coco, yolo"),
        ({"option": "triple"}, "dual_class, single_class"),
        ({"count": 0}, "at least 1"),
        ({"image_size": (10, 300)}, "64 x 64"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_before_anything_is_written(
    tmp_path: Path, wrong: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        render_dataset(tmp_path / "out", **{"count": 1, "seed": 0, **wrong})
    assert not (tmp_path / "out").exists()


def test_the_declared_boxes_and_areas_are_those_of_the_polygons(tmp_path: Path) -> None:
    folder = render_dataset(tmp_path, count=2, seed=9, image_size=(128, 128))
    for entry in json.loads((folder / "annotations.json").read_text())["annotations"]:
        points_N2 = np.array(entry["segmentation"][0]).reshape(-1, 2)
        x, y, width, height = entry["bbox"]
        assert points_N2.min(axis=0) == pytest.approx([x, y], abs=0.01)
        assert points_N2.max(axis=0) == pytest.approx([x + width, y + height], abs=0.01)
        assert entry["area"] == pytest.approx(area(points_N2), abs=0.01)
