"""How far training images may be changed, as data: no torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType

MEASURES = ("blur_px", "noise_levels", "jpeg_quality")


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Probabilities and ranges. ``why`` has the reason of each by its name."""

    flip_horizontal: float = 0.0  # probability
    flip_vertical: float = 0.0  # probability
    quarter_turns: float = 0.0  # probability of a turn by 90, 180 or 270 degrees
    angle_deg: float = 0.0  # at most, either way
    scale: float = 0.0  # at most, either way: 0.1 is from 0.9 to 1.1
    shift: float = 0.0  # at most, either way, as a share of the side
    brightness: float = 0.0  # at most, either way: 0.1 is from 0.9 to 1.1
    contrast: float = 0.0  # likewise
    saturation: float = 0.0  # likewise
    hue: float = 0.0  # at most, either way, as a share of the colour circle
    blur: float = 0.0  # probability
    noise: float = 0.0  # probability
    jpeg: float = 0.0  # probability
    copy_paste: float = 0.0  # probability that instances of another image are pasted in
    blur_px: float = 0.7  # standard deviation, at most
    noise_levels: float = 4.0  # standard deviation in levels of 255, at most
    jpeg_quality: int = 60  # at worst; 95 at best
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        """The probabilities and ranges by name, the measures of blur, noise and compression left out."""
        return {name: getattr(self, name) for name in KNOBS}


KNOBS = tuple(one.name for one in fields(Policy) if one.name not in (*MEASURES, "why"))


def in_words(policy: Policy) -> dict[str, str]:
    """What the policy does, by knob: how often, or how far."""
    return {knob: _WORDS[knob](policy) if value else "none" for knob, value in policy.values.items()}


def _often(knob: str, more: str = "") -> Callable[[Policy], str]:
    return lambda policy: f"{policy.values[knob]:.0%} of images{more.format(policy)}"


def _factor(knob: str) -> Callable[[Policy], str]:
    return lambda policy: f"× {1 - policy.values[knob]:g} to {1 + policy.values[knob]:g}"


_WORDS: Mapping[str, Callable[[Policy], str]] = MappingProxyType(
    {
        "flip_horizontal": _often("flip_horizontal"),
        "flip_vertical": _often("flip_vertical"),
        "quarter_turns": _often("quarter_turns"),
        "angle_deg": lambda policy: f"up to {policy.angle_deg:g}° either way",
        "scale": _factor("scale"),
        "shift": lambda policy: f"up to {policy.shift:.0%} of the side",
        "brightness": _factor("brightness"),
        "contrast": _factor("contrast"),
        "saturation": _factor("saturation"),
        "hue": lambda policy: f"up to {policy.hue:.0%} of the colour circle",
        "blur": _often("blur", ", deviation up to {0.blur_px:g} px"),
        "noise": _often("noise", ", deviation up to {0.noise_levels:g} of 255"),
        "jpeg": _often("jpeg", ", quality from {0.jpeg_quality}"),
        "copy_paste": _often("copy_paste", " get instances of another"),
    }
)
