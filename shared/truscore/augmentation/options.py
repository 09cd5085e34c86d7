"""The policy of each option: images are changed as far as their labels stay true and no further, with the reasons."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from truscore.augmentation.policy import KNOBS, Policy


class UnknownOption(ValueError):
    """There is no policy for such a category and option."""


COPY_PASTE = "copy_paste"  # of ``truscore.configuration.recipe.SAMPLINGS``


def policy_for(category: str, option: str, class_names: Sequence[str] = (), *, sampling: str = "whole") -> Policy:
    """The option's policy; a plug-in's option is not augmented. ``sampling`` is the recipe's. Raises UnknownOption.

    Where classes are named after sides ("top_left", "lower edge"), what would make one of another is left out.
    """
    if category == "experimental":
        return _PLUG_IN
    try:
        policy = _without_exchanging_sides(_POLICIES[category, option], class_names)
        return replace(policy, copy_paste=0.5, why={**policy.why, **_PASTED}) if sampling == COPY_PASTE else policy
    except KeyError:
        accepted = ", ".join("/".join(known) for known in _POLICIES)
        raise UnknownOption(f"{category}/{option} has no augmentation; accepted: {accepted}, experimental/…") from None


# Words in names of classes, and what turns what they name into something else.
_SIDES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    dict.fromkeys(("left", "right"), ("flip_horizontal", "quarter_turns"))
    | dict.fromkeys(("top", "bottom", "upper", "lower"), ("flip_vertical", "quarter_turns"))
)


def _without_exchanging_sides(policy: Policy, class_names: Sequence[str]) -> Policy:
    named = {
        knob: name
        for name in class_names
        for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
        for knob in _SIDES.get(word.casefold(), ())
    }
    why = {
        knob: f"class {name!r} names a side: what is on another side is another class" for knob, name in named.items()
    }
    off: dict[str, Any] = dict.fromkeys(named, 0.0)
    return replace(policy, **off, why={**policy.why, **why})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    values: Mapping[str, float]
    reason: str


def _some(reason: str, **values: float) -> _Choice:
    return _Choice(values=values, reason=reason)


def _none(reason: str, *names: str) -> _Choice:
    return _Choice(values=dict.fromkeys(names, 0.0), reason=reason)


def _policy(choices: Iterable[_Choice]) -> Policy:
    """Of choices that name every knob; a later one goes before an earlier one."""
    listed = tuple(choices)
    values = {name: value for choice in listed for name, value in choice.values.items()}
    why = {name: choice.reason for choice in listed for name in choice.values if name in KNOBS}
    assert set(why) == set(KNOBS), f"nothing is said of {sorted(set(KNOBS) - set(why))}"
    return Policy(**values, why=why)  # type: ignore[arg-type]


_BORDERS = (
    _some("left and right border change places together, and centring is mirrored with them", flip_horizontal=0.5),
    _none("cards are put in upright: one on its head is none that will be seen", "flip_vertical", "quarter_turns"),
    _some("cards lie a few degrees off in holders and under cameras", angle_deg=5.0),
    _some("the card nearly fills the image: it may grow or wander a little only", scale=0.1, shift=0.05),
    _some("lamps and artwork differ more than one set of cards shows", brightness=0.3, contrast=0.3, saturation=0.3),
    _some("a border shows where colour changes, not by which colour it is", hue=0.03),
    _none("borders are measured to a part of a pixel, and each of these moves or hides them", "blur", "noise", "jpeg"),
    _none("a card has its own borders and no others: a second one would hide them", "copy_paste"),
)

_MIRRORED = _some("damage has no handedness: its mirror image is damage too", flip_horizontal=0.5, flip_vertical=0.5)
_TURNED = _some("damage has no upper side, and a quarter turn only rearranges pixels", quarter_turns=0.5)
_OTHER_LIGHT = _some("lamps and scanners differ", brightness=0.2, contrast=0.2)
_COLOUR_IS_SIGNAL = _none(
    "colour is the signal: bare stock, stains and worn ink are told from print by it", "saturation", "hue"
)
_SENSOR = _some("sensors differ in noise; a few levels of it hide no damage", noise=0.2)

# Whole images, or whole corners and edges, with one number for what is on them.
_GRADES = (
    _some("the left and the right of a card wear alike, and count alike", flip_horizontal=0.5),
    _none("pictures of whole cards are taken upright", "flip_vertical", "quarter_turns"),
    _some("a holder gives a degree or two; a larger turn cuts off what is graded", angle_deg=2.0),
    _some("the grade is of the whole: nothing may leave the image", scale=0.03, shift=0.02),
    _some("neighbouring grades differ by little: light may not make the difference", brightness=0.1, contrast=0.1),
    _COLOUR_IS_SIGNAL,
    _none("neighbouring grades differ in fine wear, which each of these hides or imitates", "blur", "noise", "jpeg"),
    _none("another card's damage would take the card to another grade", "copy_paste"),
)
_SURFACE_GRADES = (
    *_GRADES,
    # 320 slabs, 2 folds, a head on a body that stays as published: kappa 0.40 with them, 0.50 without.
    _none("each softens fine wear and brings an edge of grey in where there was none", "angle_deg", "scale", "shift"),
)
_CORNER_GRADES = (
    *_GRADES,
    _some("a corner mirrored is the corner beside it, and the score does not say which it is", flip_horizontal=0.5),
    _some("upper and lower corners are scored alike", flip_vertical=0.5),
    _some("a corner turned by a quarter is the next one round the card", quarter_turns=0.5),
    _some("the tip is what is scored: it stays in the crop", scale=0.03, shift=0.02),
)
_EDGE_GRADES = (
    *_GRADES,
    _some("an edge mirrored is an edge of the same wear, inner side out or in", flip_horizontal=0.5, flip_vertical=0.5),
    _some("a strip keeps its direction: it is turned by half a circle only, unless it is square", quarter_turns=0.5),
)
_SHARPNESS = (
    _MIRRORED,
    _TURNED,
    _none("every one resamples, and resampling softens what is rated", "angle_deg", "scale", "shift"),
    _none("both scale the gradients that sharpness is read from", "brightness", "contrast"),
    _some("sharpness is in the luminance; colour says nothing of it", saturation=0.2, hue=0.03),
    _none("sharpness is what is rated, and each of these changes it", "blur", "noise", "jpeg"),
    _none("a rating is of the whole image: nothing may be added to it", "copy_paste"),
)
_DAMAGE_MASKS = (
    _MIRRORED,
    _TURNED,
    _some("crops, by hand or by a detector, are some degrees and pixels off", angle_deg=10.0, scale=0.1, shift=0.05),
    _OTHER_LIGHT,
    _COLOUR_IS_SIGNAL,
    _some("a card's rim is often a little out of focus; damaged areas are wider than that", blur=0.1, blur_px=0.7),
    _SENSOR,
    _none("its blocks have edges of their own, where a mask's edge is measured", "jpeg"),
    _none("not tried where damage is found pixel by pixel: windows show each class often enough", "copy_paste"),
)
_DEFECTS = (
    _MIRRORED,
    _TURNED,
    _some("scratches and creases run in any direction", angle_deg=10.0),
    _some("defects come in many sizes and anywhere", scale=0.2, shift=0.1),
    _OTHER_LIGHT,
    _COLOUR_IS_SIGNAL,
    _none("hairline scratches are gone from a blurred or compressed image", "blur", "jpeg"),
    _SENSOR,
    _none("no gain was shown where it was measured; sampling=copy_paste asks for it", "copy_paste"),
)
_DAMAGE_TAGS = (
    _MIRRORED,
    _TURNED,
    _some("scratches and creases run in any direction; what a turn cuts off at the rim stays small", angle_deg=3.0),
    _some("what is said of the whole image stays true only while the damage is in it", scale=0.03, shift=0.02),
    _OTHER_LIGHT,
    _COLOUR_IS_SIGNAL,
    _none("hairline scratches are gone from a blurred or compressed image", "blur", "jpeg"),
    _SENSOR,
    _none("it is not marked where an image shows what it is tagged with", "copy_paste"),
)
_LIGHTS = (
    _none("normals and light directions are tied to the image's axes: moved pixels would need both moved", *KNOBS),
    _none(
        "brightness under known lights is the measurement",
        *("brightness", "contrast", "saturation", "hue", "blur", "noise", "jpeg"),
    ),
)
_PASTED = {"copy_paste": "asked for by the recipe's sampling: damage of one card is damage on another"}
_PLUG_IN = _policy([_none("only the plug-in knows what its labels survive: it changes its images itself", *KNOBS)])

_POLICIES: Mapping[tuple[str, str], Policy] = MappingProxyType(
    {
        option: _policy(choices)
        for option, choices in {
            ("border_detection", "single_class"): _BORDERS,
            ("border_detection", "dual_class"): _BORDERS,
            ("corner_analysis", "quality_classification"): _CORNER_GRADES,
            ("corner_analysis", "damage_detection"): _DAMAGE_MASKS,
            ("corner_analysis", "sharpness_rating"): _SHARPNESS,
            ("edge_analysis", "wear_detection"): _DAMAGE_MASKS,
            ("edge_analysis", "quality_rating"): _EDGE_GRADES,
            ("surface_analysis", "defect_detection"): _DEFECTS,
            ("surface_analysis", "quality_rating"): _SURFACE_GRADES,
            ("surface_analysis", "damage_classification"): _DAMAGE_TAGS,
            ("photometric_stereo", "surface_normal_estimation"): _LIGHTS,
            ("photometric_stereo", "reflectance_analysis"): _LIGHTS,
            ("photometric_stereo", "depth_reconstruction"): _LIGHTS,
        }.items()
    }
)
