"""Policies as files: what they may say, what they change, and what is refused by name."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from truscore.catalog.table import categories
from truscore.validation import (
    InvalidPolicy,
    Policy,
    Severity,
    check_policies,
    expectation_of,
    policy_files,
    policy_for,
    policy_from_toml,
    read_policy,
    report_to_json,
    rule_counts,
    validate_dataset,
)

from tests.unit.validation.small_datasets import sound_read_result, validated, with_image_stats, with_images

CATEGORIES = sorted({*categories(), "experimental"})
BLURRED = with_image_stats(sound_read_result(), sharpness=5.0)


def validated_with(policy: Policy, reading: object = BLURRED) -> object:
    return validate_dataset(reading, expectation=expectation_of("border_detection", "dual_class"), policy=policy)


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_a_policy_that_is_valid(category: str) -> None:
    shipped = Path(policy_files.__file__).parent / "policy" / f"{category}.toml"
    assert policy_for(category) == policy_from_toml(shipped.read_text())


def test_a_threshold_in_a_file_moves_the_line() -> None:
    lenient = policy_from_toml("[thresholds]\nblur_ratio = 1e-5\n")
    assert "quality.blurred_image" in rule_counts(validated_with(Policy()))
    assert "quality.blurred_image" not in rule_counts(validated_with(lenient))
    assert lenient.digest != Policy().digest


def test_a_severity_in_a_file_turns_a_warning_into_a_rejection() -> None:
    strict = policy_from_toml('[severities]\n"quality.blurred_image" = "error"\n')
    verdict = validated_with(strict)
    assert not verdict.accepted
    assert verdict.count(Severity.ERROR) == 1
    document = json.loads(report_to_json(verdict, about={}))
    assert document["counts"]["error"] == 1
    assert document["families"]["image_quality"]["error"] == 1
    assert document["policy_digest"] == strict.digest
    assert document["policy"]["severities"] == [["quality.blurred_image", "error"]]


def test_a_rule_that_is_off_says_nothing() -> None:
    assert validated_with(policy_from_toml('[severities]\n"quality.blurred_image" = "off"\n')).findings == ()


def test_a_file_of_the_dataset_goes_over_the_file_of_the_category(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "surface_analysis.toml").write_text("[thresholds]\nblockiness = 2.0\nfew_images = 80\n")
    (tmp_path / "datasets" / "tiles.toml").write_text("[thresholds]\nfew_images = 10\n")
    policy = policy_for("surface_analysis", folder=tmp_path, dataset_id="tiles")
    assert (policy.blockiness, policy.few_images) == (2.0, 10)
    assert policy.least_spread == policy_for("surface_analysis").least_spread
    assert policy_for("surface_analysis", folder=tmp_path, dataset_id="others").few_images == 80


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[thresholds]\nblur = 1.0\n", "threshold 'blur' is not known; accepted are aspect_ratio"),
        ('[thresholds]\nblur_ratio = "low"\n', "blur_ratio is 'low'; accepted is a number from 0"),
        ("[thresholds]\nfew_images = 2.5\n", "few_images is 2.5; accepted is a whole number"),
        ("[thresholds]\nfew_images = true\n", "few_images is True"),
        ("[thresholds]\nnested_share = 1.5\n", "nested_share is 1.5; accepted is a number from 0 to 1"),
        ("[thresholds]\ndark_mean = nan\n", "dark_mean is nan"),
        ("[thresholds]\nthumbnail_px = 0\n", "thumbnail_px is 0; accepted is a whole number from 2"),
        ('[severities]\n"quality.blur" = "error"\n', "rule 'quality.blur' is not known; accepted are"),
        ('[severities]\n"quality.blurred_image" = "fatal"\n', "is 'fatal'; accepted are warning, error, info, off"),
        ('[severities]\n"image.truncated" = "off"\n', "severity of image.truncated is 'off'; accepted are error"),
        ("[limits]\n", "'limits' is not known; accepted are thresholds and severities"),
        ("thresholds = 3\n", "thresholds is 3; accepted is a table"),
        ("[thresholds\n", "not TOML"),
    ],
)
def test_a_faulty_policy_is_refused_by_name(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InvalidPolicy, match=re.escape(words)):
        policy_from_toml(text)
    with pytest.raises(InvalidPolicy, match=r"mine\.toml"):
        read_policy(path)
    with pytest.raises(InvalidPolicy, match=r"mine\.toml"):
        check_policies(tmp_path)


def test_a_policy_survives_the_way_through_json() -> None:
    policy = policy_from_toml('[severities]\n"quality.blurred_image" = "error"\n')
    report = json.loads(report_to_json(validated_with(policy), about={}))
    back = Policy(**report["policy"])
    assert back.digest == policy.digest
    assert not validated_with(back).accepted


def test_thresholds_of_the_bleeding_edge_hold_on_both_sides() -> None:
    thirty_two = with_images(sound_read_result(), lambda image: replace(image, width=32))
    assert "quality.small_image" not in rule_counts(validated(thirty_two))
