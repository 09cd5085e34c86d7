"""Every option is augmented as far as its labels stay true, and says why."""

import pickle

import pytest
from truscore.augmentation import Change, Policy, UnknownOption, drawn, policy_for
from truscore.augmentation.policy import KNOBS
from truscore.catalog.table import ROWS

OPTIONS = sorted({(row.category, row.option) for row in ROWS if row.category != "experimental"})
BY_TASK = {(row.category, row.option): row.task for row in ROWS}
LIGHT = ("brightness", "contrast", "saturation", "hue", "blur", "noise", "jpeg")
FLIPS = ("flip_horizontal", "flip_vertical", "quarter_turns")


def options_with(task: str) -> list[tuple[str, str]]:
    found = [option for option in OPTIONS if BY_TASK[option] == task]
    assert found, f"no option of the catalog is a {task}"
    return found


@pytest.mark.parametrize(("category", "option"), OPTIONS)
def test_every_option_says_why_of_every_choice(category: str, option: str) -> None:
    policy = policy_for(category, option)
    assert set(policy.why) == set(KNOBS)
    assert all(len(reason.split()) >= 4 for reason in policy.why.values())


@pytest.mark.parametrize(("category", "option"), OPTIONS)
def test_every_option_keeps_within_what_makes_sense(category: str, option: str) -> None:
    policy = policy_for(category, option)
    chances = (*FLIPS, "blur", "noise", "jpeg", "copy_paste")
    assert all(0 <= policy.values[name] <= 0.5 for name in chances)
    assert policy.angle_deg <= 15
    assert policy.scale <= 0.25
    assert policy.shift <= 0.1
    assert all(policy.values[name] <= 0.3 for name in ("brightness", "contrast", "saturation"))
    assert policy.hue <= 0.05


@pytest.mark.parametrize("option", ["single_class", "dual_class"])
def test_a_card_is_mirrored_but_never_put_on_its_head(option: str) -> None:
    policy = policy_for("border_detection", option)
    assert policy.flip_horizontal > 0
    assert (policy.flip_vertical, policy.quarter_turns) == (0, 0)
    assert (policy.blur, policy.noise, policy.jpeg) == (0, 0, 0)


@pytest.mark.parametrize(
    ("category", "option"),
    [option for option in OPTIONS if option[0] in ("corner_analysis", "edge_analysis", "surface_analysis")],
)
def test_where_wear_and_stains_are_looked_for_colour_is_left_alone(category: str, option: str) -> None:
    policy = policy_for(category, option)
    if option != "sharpness_rating":
        assert (policy.saturation, policy.hue) == (0, 0)


def test_where_sharpness_is_rated_nothing_resamples_blurs_or_scales_gradients() -> None:
    policy = policy_for("corner_analysis", "sharpness_rating")
    named = ("angle_deg", "scale", "shift", "blur", "noise", "jpeg", "brightness", "contrast")
    assert {policy.values[name] for name in named} == {0}


@pytest.mark.parametrize(("category", "option"), options_with("ordinal_classification"))
def test_grades_are_changed_mildly_and_nothing_of_them_is_cut_off(category: str, option: str) -> None:
    policy = policy_for(category, option)
    assert max(policy.scale, policy.shift) <= 0.03
    assert policy.angle_deg <= 3
    assert max(policy.brightness, policy.contrast) <= 0.1
    assert (policy.blur, policy.noise, policy.jpeg) == (0, 0, 0)


@pytest.mark.parametrize(("category", "option"), OPTIONS)
def test_instances_are_pasted_where_an_order_asks_for_it_and_says_why(category: str, option: str) -> None:
    assert policy_for(category, option).copy_paste == 0
    asked = policy_for(category, option, sampling="copy_paste")
    assert asked.copy_paste == 0.5
    assert "asked for" in asked.why["copy_paste"]


def test_the_label_of_the_whole_image_stays_in_it() -> None:
    policy = policy_for("surface_analysis", "damage_classification")
    assert max(policy.scale, policy.shift) <= 0.05


@pytest.mark.parametrize(("category", "option"), [option for option in OPTIONS if option[0] == "photometric_stereo"])
def test_images_under_known_lights_are_left_as_they_are(category: str, option: str) -> None:
    policy = policy_for(category, option)
    assert set(policy.values.values()) == {0}
    assert all(
        drawn(policy, seed, height=8, width=8) == Change(noise_seed=drawn(policy, seed, height=8, width=8).noise_seed)
        for seed in range(5)
    )


def test_a_plug_in_is_not_augmented_and_has_the_reason() -> None:
    policy = policy_for("experimental", "whatever_it_registers")
    assert set(policy.values.values()) == {0}
    assert "plug-in" in policy.why["hue"]


def test_an_unknown_option_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownOption, match=r"surface_analysis/gloss .* accepted: border_detection/single_class"):
        policy_for("surface_analysis", "gloss")


@pytest.mark.parametrize(
    ("names", "left_out"),
    [
        (("top_left", "chipped"), {"flip_horizontal", "flip_vertical", "quarter_turns"}),
        (("leftEdge",), {"flip_horizontal", "quarter_turns"}),
        (("worn LOWER edge",), {"flip_vertical", "quarter_turns"}),
        (("bright", "copyright", "stop", "topaz", "leftover"), set()),
        ((), set()),
    ],
)
def test_where_classes_are_sides_no_side_is_made_another(names: tuple[str, ...], left_out: set[str]) -> None:
    plain = policy_for("surface_analysis", "defect_detection")
    sided = policy_for("surface_analysis", "defect_detection", names)
    assert {name for name in KNOBS if sided.values[name] != plain.values[name]} == left_out
    assert all(sided.values[name] == 0 and "names a side" in sided.why[name] for name in left_out)
    assert all(sided.why[name] == plain.why[name] for name in set(KNOBS) - left_out)


def test_a_policy_of_nothing_changes_nothing() -> None:
    change = drawn(Policy(why=dict.fromkeys(KNOBS, "none")), 5, height=8, width=8)
    assert change == Change(noise_seed=change.noise_seed)


@pytest.mark.parametrize(("category", "option"), OPTIONS)
def test_what_is_drawn_stays_within_the_policy(category: str, option: str) -> None:
    policy = policy_for(category, option)
    for seed in range(60):
        change = drawn(policy, seed, height=64, width=64)
        assert abs(change.angle_deg) <= policy.angle_deg
        assert abs(change.scale - 1) <= policy.scale + 1e-9
        assert max(map(abs, change.shift_px)) <= 64 * policy.shift + 1e-9
        assert abs(change.hue) <= policy.hue
        assert not change.flip_vertical or policy.flip_vertical
        assert not change.quarter_turns or policy.quarter_turns
        assert change.jpeg_quality is None or policy.jpeg
        assert bool(change.blur_px) <= bool(policy.blur)
        assert bool(change.noise_levels) <= bool(policy.noise)


def test_a_policy_travels_to_a_loading_process() -> None:
    policy = policy_for("border_detection", "dual_class")
    assert pickle.loads(pickle.dumps(policy)) == policy


def test_a_probability_of_one_half_flips_half_the_images() -> None:
    policy = policy_for("border_detection", "dual_class")
    flipped = [drawn(policy, seed, height=8, width=8).flip_horizontal for seed in range(400)]
    assert 150 < sum(flipped) < 250
