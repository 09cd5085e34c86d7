"""The parts that rules are made of: geometry, pixel statistics, likeness, folding, the report."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets.shapes.geometry import crosses_itself, inside_share, iou, polygon_area
from truscore.validation import BY_ID, Policy, finding, findings_for_event, report_to_json
from truscore.validation.measures.image_stats import measure, measure_image
from truscore.validation.measures.near_duplicates import near_links, turned_links
from truscore.validation.measures.thumbnails import rotated_similarity
from truscore.validation.rule import Finding, Severity, truncated

from tests.unit.validation.small_datasets import sound_read_result, validated, with_image_stats

SIDE = st.floats(0, 1000)
BOX = st.tuples(SIDE, SIDE, SIDE, SIDE)


@given(BOX, BOX)
def test_overlap_is_the_same_from_both_sides_and_a_share(one: tuple, other: tuple) -> None:
    assert iou(one, other) == pytest.approx(iou(other, one))
    assert 0 <= iou(one, other) <= 1.000001
    assert 0 <= inside_share(one, other) <= 1.000001


def test_a_square_does_not_cross_itself_and_a_bow_tie_does() -> None:
    assert not crosses_itself((0, 0, 10, 0, 10, 10, 0, 10))
    assert crosses_itself((0, 0, 10, 10, 10, 0, 0, 10))


def test_a_polygon_that_repeats_its_first_corner_does_not_cross_itself() -> None:
    assert not crosses_itself((0, 0, 10, 0, 10, 10, 0, 10, 0, 0))


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 200), st.floats(1, 500))
def test_a_regular_polygon_does_not_cross_itself_and_has_its_area(corners: int, radius: float) -> None:
    angles = np.arange(corners) * 2 * np.pi / corners
    polygon = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1).ravel().tolist()
    assert not crosses_itself(polygon)
    assert polygon_area(polygon) == pytest.approx(corners / 2 * radius**2 * np.sin(2 * np.pi / corners))


def test_statistics_of_a_known_picture() -> None:
    grey_HW = np.full((40, 40), 100, dtype=np.uint8)
    grey_HW[:, 20:] = 200
    pixels = measure(grey_HW)
    assert (pixels.mean, pixels.spread) == (150.0, 100.0)
    assert (pixels.dark_share, pixels.bright_share) == (0.0, 0.0)


def test_a_picture_of_one_pixel_has_statistics() -> None:
    assert measure_image(np.full((1, 1, 3), 255, dtype=np.uint8), thumbnail_px=512).bright_share == 1.0


def test_a_wide_picture_is_measured_on_a_bounded_thumbnail() -> None:
    image_HWC = np.zeros((3, 5000, 3), dtype=np.uint8)
    assert measure_image(image_HWC, thumbnail_px=512).dark_share == 1.0


HASHES = st.lists(st.integers(2**40, 2**64 - 1), min_size=2, max_size=20, unique=True)


@settings(max_examples=50, deadline=None)
@given(HASHES, st.integers(0, 6))
def test_a_hash_near_an_earlier_one_is_linked_with_one_before_it(values: list[int], bits: int) -> None:
    telling = [value for value in values if 6 <= value.bit_count() <= 58]
    hashes = [f"{value:016x}" for value in telling for value in (value, value ^ ((1 << bits) - 1))]
    links = {other: one for one, other in near_links(hashes, bits=bits)}
    near = {place for place in range(1, len(hashes), 2) if 5 <= int(hashes[place], 16).bit_count() <= 59}
    assert near <= links.keys()
    assert all(one < other for other, one in links.items())


def test_no_hashes_make_no_links() -> None:
    assert near_links([], bits=3) == []
    assert turned_links([], bits=3) == []


def picture(seed: int) -> np.ndarray:
    cells_HWC = np.random.default_rng(seed).integers(0, 256, size=(12, 16, 3), dtype=np.uint8)
    return cells_HWC.repeat(8, axis=0).repeat(8, axis=1)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_picture_turned_or_mirrored_is_linked_with_its_original_only(turns: int, mirrored: bool) -> None:
    turned_HWC = np.rot90(picture(1)[:, ::-1] if mirrored else picture(1), turns)
    looks = [measure_image(image_HWC, thumbnail_px=512) for image_HWC in (picture(1), picture(2), turned_HWC)]
    links = turned_links([pixels.dihedral_hashes for pixels in looks], bits=4)
    assert links == ([(0, 2)] if turns or mirrored else [])
    assert rotated_similarity(looks[0].thumbnail, looks[1].thumbnail) < 0.9
    if links:
        assert rotated_similarity(looks[0].thumbnail, looks[2].thumbnail) > 0.99


def found(rule: str, count: int) -> list[Finding]:
    return [finding(BY_ID[rule], f"number {number}", location=f"{number:05}") for number in range(count)]


def test_folding_keeps_the_count_and_lets_no_rule_crowd_out_another() -> None:
    many = [*found("label.empty_box", 5000), *found("image.truncated", 1), *found("quality.blurred_image", 300)]
    reported = findings_for_event(many)
    assert {one.rule for one in reported} == {"label.empty_box", "image.truncated", "quality.blurred_image"}
    assert sum(one.count for one in reported) == 5301
    assert len(reported) == 11
    assert reported[0].severity is Severity.ERROR
    assert "4996 more" not in reported[0].message
    assert any("and 4995 more" in one.message for one in reported)


def test_an_event_never_carries_more_than_a_hundred_findings() -> None:
    many = [one for rule in BY_ID for one in found(rule, 7)]
    reported = findings_for_event(many)
    assert len(reported) == 100
    assert sum(one.count for one in reported) == len(many)
    assert [one.severity for one in reported[:50]] == [Severity.ERROR] * 50


def test_folding_what_was_folded_keeps_the_count() -> None:
    once = truncated(found("label.empty_box", 1000), per_rule=10)
    twice = truncated(once, per_rule=3)
    assert sum(one.count for one in twice) == 1000
    assert twice[-1].message == "number 2 (and 997 more)"


def test_long_messages_are_cut() -> None:
    assert len(finding(BY_ID["label.empty_box"], "x" * 9000).message) == 500


def test_a_report_holds_findings_rules_families_statistics_and_policy() -> None:
    verdict = validated(with_image_stats(sound_read_result(), sharpness=1.0))
    report = json.loads(report_to_json(verdict, about={"dataset_id": "one"}))
    assert report["about"] == {"dataset_id": "one"}
    assert report["accepted"] is True
    assert report["counts"] == {"error": 0, "warning": 1, "info": 0}
    assert report["families"]["image_quality"]["warning"] == 1
    assert report["rules"]["quality.blurred_image"]["mend"]
    assert report["statistics"]["images"] == 60
    assert report["statistics"]["classes"][0] == {"name": "outer_border", "instances": 60, "images": 60}
    assert report["statistics"]["pixels"]["sharpness"] == {"least": 1.0, "median": 2000.0, "most": 2000.0}
    assert report["policy_digest"] == Policy().digest


def test_equal_verdicts_make_equal_reports() -> None:
    assert report_to_json(validated(sound_read_result()), about={}) == report_to_json(
        validated(sound_read_result()), about={}
    )


def test_a_threshold_changes_the_digest_of_the_policy() -> None:
    assert replace(Policy(), dark_mean=21.0).digest != Policy().digest
