"""Each rule that looks at an index finds its fault, and a clean set has none."""

from dataclasses import replace

import pytest
from truscore.datasets import Annotation, Problem, ReadResult
from truscore.validation import CATALOGUE, Family, Severity, Verdict, rule_counts

from tests.planted_faults.lit_faults import LIT_FAULTS
from tests.planted_faults.scoring import FAULTS
from tests.unit.validation.small_datasets import (
    GRAPHICAL,
    HEIGHT,
    OUTER,
    SHARP,
    WIDTH,
    mark,
    rectangle,
    sound_read_result,
    validated,
    with_annotations,
    with_image_stats,
    with_images,
)

GOOD = (mark(1, OUTER, "outer"), mark(2, GRAPHICAL, "inner"))
BOW_TIE = (10.0, 8.0, 80.0, 64.0, 80.0, 8.0, 10.0, 64.0)


def outlined(polygon: tuple[float, ...]) -> Annotation:
    return replace(GOOD[0], polygons=(polygon,))


def boxed(*box: float, label: int = 1) -> Annotation:
    return Annotation(label=label, box_xywh=box, source_id="planted")


def named(reading: ReadResult, *names: str) -> ReadResult:
    return replace(reading, index=replace(reading.index, class_names=names))


def repeated(reading: ReadResult, **changes: object) -> ReadResult:
    """The second image made to be the first one again."""
    first = reading.index.images[0]
    return with_images(reading, lambda image: replace(first, path=image.path, **changes), places=range(1, 2))


def nameless(reading: ReadResult) -> ReadResult:
    problem = Problem(code="format.yolo.no_names", message="none", location="")
    return replace(named(reading, "class_0", "class_1"), problems=(problem,))


clean = sound_read_result()
swapped = (mark(1, GRAPHICAL, "outer"), mark(2, OUTER, "inner"))
third = (*GOOD, boxed(30, 30, 20, 20, label=3))

PLANTED: dict[str, ReadResult] = {
    "label.empty_box": with_annotations(clean, *GOOD, boxed(5, 5, 0, 10)),
    "label.tiny_box": with_annotations(clean, *GOOD, boxed(5, 5, 1.5, 10)),
    "label.box_outside": with_annotations(clean, *GOOD, boxed(90, 5, 40, 10)),
    "label.box_leaves_image": with_annotations(clean, *GOOD, boxed(60, 5, 40, 10)),
    "label.frame_mismatch": with_annotations(clean, boxed(60, 5, 46, 10), places=range(20)),
    "label.short_polygon": with_annotations(clean, outlined((10.0, 8.0, 80.0, 64.0)), GOOD[1]),
    "label.crossing_polygon": with_annotations(clean, outlined(BOW_TIE), GOOD[1]),
    "label.box_misses_polygon": with_annotations(
        clean, replace(GOOD[0], polygons=(rectangle((60, 50, 9, 9)),)), GOOD[1]
    ),
    "label.loose_box": with_annotations(clean, replace(GOOD[0], polygons=(rectangle((10, 8, 64, 56)),)), GOOD[1]),
    "label.duplicate_instance": with_annotations(clean, *GOOD, mark(1, (10.5, 8.0, 70.0, 56.0), "again")),
    "label.conflicting_labels": with_annotations(clean, GOOD[0], mark(2, OUTER, "inner")),
    "label.unknown_category": with_annotations(clean, *third),
    "format.class_name_duplicate": named(clean, "border", "border"),
    "label.similar_class_names": named(clean, "Outer Border", "outer_border"),
    "label.disagreeing_duplicates": repeated(clean, annotations=GOOD[:1]),
    "label.borders_swapped": with_annotations(clean, *swapped, places=range(40)),
    "label.borders_not_nested": with_annotations(
        clean, mark(1, (2, 2, 30, 30), "outer"), mark(2, (50, 40, 30, 30), "inner")
    ),
    "label.unexpected_classes": named(clean, "fig", "date"),
    "label.names_assumed": nameless(clean),
    "balance.too_few_images": sound_read_result(3),
    "balance.few_images": sound_read_result(4),
    "balance.rare_class": with_annotations(named(clean, "a", "b", "c"), *third, places=range(9)),
    "balance.imbalance": with_annotations(named(clean, "a", "b", "c"), *third, places=range(5)),
    "balance.class_in_one_group": with_annotations(named(clean, "a", "b", "c"), *third),
    "label.unused_category": named(clean, "a", "b", "c"),
    "coverage.border_missing": with_annotations(clean, GOOD[0]),
    "coverage.no_annotations": with_annotations(clean, places=range(60)),
    "coverage.no_targets": replace(
        clean,
        index=replace(
            clean.index, images=tuple(replace(image, annotations=(), labels=(1,)) for image in clean.index.images)
        ),
    ),
    "coverage.unlabelled_image": with_annotations(clean),
    "coverage.mostly_unlabelled": with_annotations(clean, places=range(31)),
    "coverage.whole_image_box": with_annotations(clean, mark(1, (0, 0, WIDTH, HEIGHT), "outer"), GOOD[1]),
    "coverage.mixed_shapes": with_annotations(clean, boxed(*OUTER), GOOD[1]),
    "coverage.crowded_image": with_annotations(clean, *(boxed(n % 90, n // 90, 3, 3) for n in range(501))),
    "quality.blank_image": with_image_stats(clean, spread=2.0, sharpness=0.0),
    "quality.blurred_image": with_image_stats(clean, sharpness=5.0),
    "quality.dark_image": with_image_stats(clean, mean=12.0),
    "quality.bright_image": with_image_stats(clean, mean=246.0),
    "quality.low_contrast": with_image_stats(clean, spread=20.0, sharpness=5.0),
    "quality.small_image": with_images(clean, lambda image: replace(image, width=31)),
    "quality.stretched_image": with_images(clean, lambda image: replace(image, width=72 * 6 + 1)),
    "quality.mixed_sizes": with_images(clean, lambda image: replace(image, width=400, height=300)),
    "quality.mixed_modes": with_images(clean, lambda image: replace(image, mode="L")),
    "quality.rotated_image": with_images(clean, lambda image: replace(image, orientation=3)),
    "image.several_pictures": with_images(clean, lambda image: replace(image, file_format="MPO")),
    "quality.exact_duplicate": repeated(clean),
    "quality.near_duplicate": repeated(clean, sha256="0" * 64),
}

# Read from files only: planted in test_planted_files.py. Planted in rendered cards: tests/planted_faults.
CHECKED = sorted(rule.id for rule in CATALOGUE if rule.check is not None)


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_a_planted_fault_is_found_by_its_rule(rule: str) -> None:
    assert rule in rule_counts(validated(PLANTED[rule]))


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_an_error_rejects_and_a_warning_does_not(rule: str) -> None:
    verdict = validated(PLANTED[rule])
    errors = [found for found in verdict.findings if found.severity is Severity.ERROR]
    assert verdict.accepted == (not errors)


def test_every_rule_with_a_check_has_a_planted_fault() -> None:
    assert set(CHECKED) - {*PLANTED, *FAULTS, *LIT_FAULTS} == set()


def test_a_clean_set_has_no_finding_at_all() -> None:
    verdict = validated(sound_read_result())
    assert verdict.findings == ()
    assert verdict.accepted


def test_five_families_have_rules() -> None:
    families = {rule.family for rule in CATALOGUE if rule.check is not None}
    assert families == set(Family) - {Family.ORDER}


def test_rules_have_ids_of_their_own_and_explain_themselves() -> None:
    assert len({rule.id for rule in CATALOGUE}) == len(CATALOGUE)
    assert all(rule.finds and rule.why and rule.mend for rule in CATALOGUE)


def first(verdict: Verdict, rule: str):
    return next(found for found in verdict.findings if found.rule == rule)


def test_a_box_finding_names_the_box_the_image_size_and_the_annotation() -> None:
    found = first(validated(PLANTED["label.box_outside"]), "label.box_outside")
    assert "[90, 5, 40, 10]" in found.message
    assert "96x72" in found.message
    assert found.location == "images/000.png#planted"


def test_a_box_that_leaves_by_rounding_is_no_finding() -> None:
    reading = with_annotations(clean, mark(1, (-0.4, -0.4, 96.5, 64), "outer"), GOOD[1])
    assert "label.box_leaves_image" not in rule_counts(validated(reading))


def test_a_class_with_nine_instances_is_rare_and_with_ten_is_not() -> None:
    reading = with_annotations(named(clean, "a", "b", "c"), *third, places=range(10))
    assert "balance.rare_class" not in rule_counts(validated(reading))


def test_three_images_are_rejected_and_four_are_not() -> None:
    assert not validated(sound_read_result(3)).accepted
    assert validated(sound_read_result(4)).accepted


def test_swapped_class_ids_are_reported_once_for_the_set() -> None:
    found = first(validated(PLANTED["label.borders_swapped"]), "label.borders_swapped")
    assert found.count == 1
    assert "40 of 60 images" in found.message


def test_classes_of_another_kind_are_not_taken_for_borders() -> None:
    fruit = with_annotations(named(clean, "date", "fig", "hazelnut"), *swapped, places=range(60))
    assert "label.borders_swapped" not in rule_counts(validated(fruit))


def test_nameless_classes_of_another_number_keep_their_numbers() -> None:
    problem = Problem(code="format.yolo.no_names", message="none", location="")
    reading = replace(named(clean, "class_0", "class_1", "class_2"), problems=(problem,))
    verdict = validated(reading)
    assert verdict.index.class_names == ("class_0", "class_1", "class_2")
    assert "format.yolo.no_names" in rule_counts(verdict)


def test_nameless_classes_get_the_names_of_the_option() -> None:
    assert validated(PLANTED["label.names_assumed"]).index.class_names == ("outer_border", "graphical_border")


def test_an_image_that_could_not_be_measured_is_not_validated_by_its_pixels() -> None:
    reading = replace(clean, measurements={})
    assert validated(reading).findings == ()


def test_a_sharp_dark_image_is_not_called_blurred() -> None:
    assert "quality.blurred_image" not in rule_counts(validated(with_image_stats(clean, mean=12.0)))
    assert SHARP.sharpness / SHARP.spread**2 > 4e-4
