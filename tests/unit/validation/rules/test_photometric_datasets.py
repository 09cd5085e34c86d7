"""Objects under many lights, evaluated: what is so by design is no fault; what keeps normals from being solved is."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from truscore.datasets import FileReuse
from truscore.validation import (
    CacheOptions,
    Verdict,
    policy_for,
    policy_from_toml,
    report_page,
    report_to_json,
    rule_counts,
    validate_folder,
)

from tests.planted_faults import lit
from tests.planted_faults.lit_faults import LIT_FAULTS, NORMALS

SCHEMA = Path(__file__).parents[4] / "docs" / "dataset-report.schema.json"
Write = Callable[[Path, np.random.Generator], None]
# What else is true of a folder with this fault.
FOLLOWS: dict[str, set[str]] = {
    "coverage.no_lit_objects": {"balance.few_images"},
    "label.normals_unreadable": {"coverage.no_normals"},
    "label.reflectance_unreadable": {"coverage.reflectance_incomplete"},
    "coverage.lights_only_named": {"coverage.no_mask", "balance.few_lights"},
    "format.multi_light.unreadable": {"coverage.no_intensities"},
    "format.multi_light.count": {"coverage.no_intensities"},
    "format.multi_light.value": {"coverage.no_intensities"},
    "format.multi_light.sizes_differ": {"quality.odd_aspect"},
    "label.object_mask_empty": {"label.normals_not_unit"},
    "label.object_mask_size": {"label.mask_not_binary"},
    # Four pixels are nearly the tenth of a width from which a view's shading counts as another light's.
    "label.view_shifted": {"label.view_of_other_light"},
}


def written(folder: Path, write: Write = lit.diligent, seed: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    write(folder, np.random.default_rng(seed))
    return folder


def validated(folder: Path, **how: object) -> Verdict:
    return validate_folder(folder, **{**NORMALS, **how})


def located(verdict: Verdict, rule: str) -> list[str]:
    return [found.location for found in verdict.findings if found.rule == rule]


@pytest.mark.parametrize("category", ["photometric_stereo", ""])
@pytest.mark.parametrize("write", [lit.diligent, lit.several])
def test_sound_objects_with_all_that_belongs_to_them_have_no_finding(
    write: Write, category: str, tmp_path: Path
) -> None:
    verdict = validated(written(tmp_path / "set", write), category=category)
    assert verdict.accepted
    assert verdict.findings == ()


def test_one_object_under_twelve_lights_is_enough(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lambda home, random: lit.diligent(home, random, count=12))
    assert rule_counts(validated(folder)) == {}


@pytest.mark.parametrize(("count", "accepted"), [(2, False), (3, True), (5, True), (6, True)])
def test_three_lights_can_be_solved_for_and_two_cannot(count: int, accepted: bool, tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lambda home, random: lit.diligent(home, random, count=count))
    verdict = validated(folder)
    assert verdict.accepted == accepted
    assert ("balance.few_lights" in rule_counts(verdict)) == (3 <= count < 6)


def darkened(folder: Path, *names: str) -> None:
    """Almost black, as an object is that the light hardly grazes."""
    for name in names:
        view_HWC = np.asarray(Image.open(folder / name))
        Image.fromarray((view_HWC // 18).astype(np.uint8)).save(folder / name)


def test_a_view_that_its_light_hardly_grazes_is_dark_by_design(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    darkened(folder, "002.png", "005.png")
    for category in ("photometric_stereo", ""):
        assert rule_counts(validated(folder, category=category)) == {}


def test_an_object_that_is_dark_under_every_light_is_named_once(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    darkened(folder, *(f"{number:03}.png" for number in range(1, lit.LIGHTS + 1)))
    assert rule_counts(validated(folder, category="")) == {"quality.low_contrast": 1}


def test_a_view_that_shows_nothing_at_all_is_still_a_fault(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    Image.new("RGB", (lit.SIDE, lit.SIDE)).save(folder / "004.png")
    assert located(validated(folder), "quality.blank_image") == ["004.png"]


def test_views_of_one_object_that_look_the_same_are_no_duplicates(tmp_path: Path) -> None:
    """Lights a few degrees apart, which make nearly equal pictures; and mirrored ones, of an object that is its own
    mirror image."""

    def close(folder: Path, random: np.random.Generator) -> None:
        lit.diligent(folder, random)
        first_HWC = np.asarray(Image.open(folder / "001.png"))
        Image.fromarray(np.clip(first_HWC.astype(int) + 1, 0, 255).astype(np.uint8)).save(folder / "002.png")
        Image.fromarray(first_HWC[:, ::-1]).save(folder / "003.png")

    verdict = validated(written(tmp_path / "set", close), category="")
    assert rule_counts(verdict) == {}


def test_the_same_file_under_two_lights_is_a_fault(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    (folder / "002.png").write_bytes((folder / "001.png").read_bytes())
    assert located(validated(folder), "quality.exact_duplicate") == ["002.png"]


def test_one_object_under_two_names_is_named(tmp_path: Path) -> None:
    def twice(folder: Path, _random: np.random.Generator) -> None:
        for name in ("bear", "bear_again"):
            lit.diligent(folder, np.random.default_rng(5), inner=name)

    verdict = validated(written(tmp_path / "set", twice), category="")
    assert rule_counts(verdict) == {"quality.exact_duplicate": lit.LIGHTS, "leakage.grouped_images": 1}


def test_an_object_in_two_parts_leaks(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True)
        lit.numbered(folder / part, np.random.default_rng(5))
    assert rule_counts(validated(folder))["leakage.copy_across_parts"] == 2 * lit.LIGHTS


@pytest.mark.parametrize("category", ["surface_analysis", "border_detection", "corner_analysis"])
def test_lights_are_no_annotation_for_what_learns_classes(category: str, tmp_path: Path) -> None:
    verdict = validate_folder(written(tmp_path / "set"), category=category)
    assert {found.rule for found in verdict.findings if found.severity == "error"} == {"coverage.no_annotations"}


def test_classes_given_with_lights_are_reported_and_not_invented(tmp_path: Path) -> None:
    verdict = validated(written(tmp_path / "set"), class_names=("scratch",))
    assert rule_counts(verdict) == {"format.class_names_differ": 1}
    assert verdict.index is not None
    assert verdict.index.class_names == ()


def test_the_message_about_a_light_says_its_length_and_what_is_accepted(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    rows = (folder / "light_directions.txt").read_text().splitlines()
    (folder / "light_directions.txt").write_text("\n".join(["0 0 0", "0 0 2", *rows[2:]]))
    messages = [found.message for found in validated(folder).findings if found.rule == "label.light_not_unit"]
    assert messages == [
        "light (0, 0, 0) has length 0, accepted is 1 within 0.01",
        "light (0, 0, 2) has length 2, accepted is 1 within 0.01",
    ]


def test_lights_on_a_circle_are_not_in_one_plane_with_the_object(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    turn_L = np.arange(lit.LIGHTS) * 2 * np.pi / lit.LIGHTS
    ring_LXYZ = np.stack([0.3 * np.cos(turn_L), 0.3 * np.sin(turn_L), np.full(lit.LIGHTS, 0.91**0.5)], axis=1)
    lit.write_rows(folder / "light_directions.txt", ring_LXYZ)
    assert rule_counts(validated(folder)) == {}
    ring_LXYZ[:, 1] = 0.3
    lit.write_rows(folder / "light_directions.txt", ring_LXYZ / np.linalg.norm(ring_LXYZ, axis=1, keepdims=True))
    assert rule_counts(validated(folder)) == {"label.lights_in_one_plane": 1}


def test_where_lights_and_images_do_not_match_nothing_else_is_held_against_the_lights(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    rows = (folder / "light_directions.txt").read_text().splitlines()
    (folder / "light_directions.txt").write_text("\n".join(rows[:2]))
    assert rule_counts(validated(folder)) == {"format.multi_light.count": 1}


def test_thresholds_of_lights_are_the_policys(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    strict = policy_from_toml("[thresholds]\nleast_lights = 9\n", base=policy_for("photometric_stereo"))
    assert rule_counts(validated(folder, policy=strict)) == {"label.too_few_lights": 1}


def test_the_report_on_lights_fits_the_published_schema_and_its_page_shows_them(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lit.numbered)
    verdict = validated(folder)
    report = report_to_json(verdict, about={"category": "photometric_stereo", "option": "surface_normal_estimation"})
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(plain := json.loads(report))
    views = {"count": 2, "fewest_views": lit.LIGHTS, "most_views": lit.LIGHTS, "masks": 2, "normal_maps": 0}
    views |= {"depth_maps": 0}
    assert plain["statistics"]["objects"] == views
    assert plain["statistics"]["unlabelled_images"] == 0
    assert "2 under 8 to 8 lights; 2 with a mask, 0 with a normal map" in report_page(report, verdict, root=folder)


def test_cached_views_give_the_same_verdict(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lit.several)
    memory = CacheOptions(file=tmp_path / "memory.sqlite", files=FileReuse.REREAD)
    first, again = validated(folder, cache=memory), validated(folder, cache=memory)
    assert first.index is not None
    assert again.index == first.index
    assert again.findings == first.findings


@pytest.mark.parametrize("rule", sorted(LIT_FAULTS))
def test_a_fault_of_lights_is_found_alone_but_for_what_follows_from_it(rule: str, tmp_path: Path) -> None:
    fault = LIT_FAULTS[rule]
    folder = written(tmp_path / "set", fault.write)
    before = rule_counts(validate_folder(folder, **fault.how))
    fault.plant(folder, np.random.default_rng(1))
    found = rule_counts(validate_folder(folder, **fault.how)).keys() - before.keys()
    assert rule in found
    assert found - {rule} <= FOLLOWS.get(rule, set())
